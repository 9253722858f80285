package generate

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// document is what templates/schemas.tmpl makes a schema of.
type document struct {
	Type, Title, Says string
	// template is the one that its data has.
	template string
	// Codes are those of the error that it tells of.
	Codes    []events.Code
	switches []Switch
}

// ofNothing ends what is said of events that go out.
const ofNothing = ". Consumers ignore members that they do not know."

func documents() []document {
	never := []events.Code{events.InvalidEvent, events.InvalidData, events.NotApproved, events.WindowOver, events.Future,
		events.Superseded, events.Expired, events.TicketSpent, events.IDReused, events.Denied, events.CloudRefused}
	forNow := []events.Code{events.Unresolved, events.GaveUp}
	both := slices.Concat(never, forNow)
	const missing = ". Members that could not be told from the causing event are missing" + ofNothing
	return []document{
		{Type: events.TypeTicketApproved, Title: "Ticket approved", template: "asked", Says: "says that a change ticket was approved."},
		{Type: events.TypeSwitchRequested, Title: "Switch requested", template: "asked",
			Says: "asks ad hoc for a switch to be flipped, or as the next step of a chain."},
		{Type: events.TypeTagChanged, Title: "Tag changed", template: "tagged",
			Says: "says that a resource's tags changed. Each function minds only the tag of its own switch."},
		{Type: events.TypeSwitchCompleted, Title: "Switch completed", template: "completed", Says: "says that the cloud's API took the request" + ofNothing},
		{Type: events.TypeSwitchRejected, Title: "Switch rejected", template: "ended", Says: "says that a request never will be applied" + missing, Codes: never},
		{Type: events.TypeSwitchFailed, Title: "Switch failed", template: "ended", Says: "says that a request was given up for now" + missing, Codes: forNow},
		{Type: events.TypeJobSucceeded, Title: "Job succeeded", template: "job", Says: "says that the cloud's job ended well" + ofNothing},
		{Type: events.TypeJobFailed, Title: "Job failed", template: "job", Says: "says that the cloud's job failed" + ofNothing},
		{Type: events.TypeJobUnknown, Title: "Job unknown", template: "job",
			Says: "says that the cloud's job was not seen to end for as long as it was followed: it may have taken effect, and still may" + ofNothing},
		{Type: events.TypeChainSucceeded, Title: "Chain succeeded", template: "chain-ended", Codes: both,
			Says: "says that all steps of a chain have taken effect" + ofNothing},
		{Type: events.TypeChainFailed, Title: "Chain failed", template: "chain-ended", Codes: both,
			Says: "says that a chain went no further, and what became of each step" + ofNothing},
	}
}

func (g *generation) schemas() error {
	for _, d := range documents() {
		d.switches = g.switches
		text, err := g.print(d.template, d)
		if err == nil {
			text, err = laidOut(text)
		}
		name := "events/schemas/" + d.Type + ".json"
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		g.files[name] = text
	}
	text, err := g.print("envelope", envelope{})
	if err == nil {
		text, err = laidOut(text)
	}
	if err != nil {
		return fmt.Errorf("events/envelope.json: %w", err)
	}
	g.files["events/envelope.json"] = text
	return nil
}

// ID is the schema's $id.
func (d document) ID() string { return events.DataSchema(d.Type) }

// In tells whether it is of events that go in.
func (d document) In() bool { return slices.Contains(events.Types()[:3], d.Type) }

// Needs tells whether the data must have a member that not all of its kind must.
func (d document) Needs(string) bool { return d.Type == events.TypeTicketApproved }

// Steps tells whether it is of events that may say they are a step of a chain.
func (d document) Steps() bool { return d.Type == events.TypeSwitchRequested }

// Absent is the schema of an id that a switch does not take; a tag event may
// have ids that are other switches'.
func (d document) Absent() string {
	if d.In() {
		return `{"type": "null"}`
	}
	return "false"
}

// Absentable is a type that a member has where it is not absent.
func (d document) Absentable(of string) string {
	if d.In() {
		return `["` + of + `", "null"]`
	}
	return `"` + of + `"`
}

// Names are the switches' names.
func (d document) Names() []string { return d.named(func(Switch) bool { return true }) }

// NamesOf are the names of the switches of one kind.
func (d document) NamesOf(k Kind) []string {
	return d.named(func(s Switch) bool { return s.Kind == k })
}

// WithoutOptions are the names of the switches that take none.
func (d document) WithoutOptions() []string {
	return d.named(func(s Switch) bool { return len(s.Options) == 0 })
}

// WithOptions are the switches that take some.
func (d document) WithOptions() []Switch {
	return slices.DeleteFunc(slices.Clone(d.switches), func(s Switch) bool { return len(s.Options) == 0 })
}

func (d document) named(which func(Switch) bool) (names []string) {
	for _, s := range d.switches {
		if which(s) {
			names = append(names, s.Name)
		}
	}
	return names
}

// Keys are the keys of the switches' tags, KeysOf of those of one kind.
func (d document) Keys() []string         { return keys(d.Names()) }
func (d document) KeysOf(k Kind) []string { return keys(d.NamesOf(k)) }

func keys(names []string) []string {
	for i, name := range names {
		names[i] = events.TagPrefix + name
	}
	return names
}

// Kinds are those that a switch has.
func (d document) Kinds() []Kind {
	return slices.DeleteFunc(Kinds(), func(k Kind) bool { return d.NamesOf(k) == nil })
}

// Foreign are the ids that a kind does not have and that may not be there.
func (d document) Foreign(k Kind) (ids []string) {
	for _, other := range Kinds() {
		if other.Own.Name != "" && other.Own.Name != k.Own.Name && d.template != "tagged" {
			ids = append(ids, other.Own.Name)
		}
	}
	return ids
}

// OptionsOfAll says in words which switch has which option.
func (d document) OptionsOfAll() string {
	var all []string
	for _, s := range d.switches {
		for _, o := range s.Options {
			all = append(all, o.Name+" for "+s.Name)
		}
	}
	return strings.Join(all, ", ")
}

// among is the schema of one value, or of some.
func among(names []string) (string, error) {
	of, err := marshalled(names)
	if len(names) == 1 {
		return `{"const": ` + of[1:len(of)-1] + `}`, err
	}
	return `{"enum": ` + of + `}`, err
}

// width is how long a line may be that holds a whole value.
const width = 150

// laidOut writes a JSON text anew: what fits is on one line.
func laidOut(text []byte) ([]byte, error) {
	root, err := jsontree.Parse(text, 64)
	if err != nil {
		return nil, err
	}
	var w bytes.Buffer
	lay(&w, &root, "", "")
	w.WriteByte('\n')
	return w.Bytes(), nil
}

func lay(w *bytes.Buffer, n *jsontree.Node, indent, before string) {
	flat := onOneLine(n)
	if len(indent)+len(before)+len(flat) < width && indent != "" || !n.Is(jsontree.Object) && !n.Is(jsontree.Array) {
		w.WriteString(before + flat)
		return
	}
	deeper := indent + "  "
	w.WriteString(before)
	next := byte('{')
	for i := range n.Members {
		w.WriteByte(next)
		w.WriteString("\n" + deeper)
		lay(w, &n.Members[i].Value, deeper, quoted(n.Members[i].Name)+": ")
		next = ','
	}
	if n.Is(jsontree.Object) {
		w.WriteString("\n" + indent + "}")
		return
	}
	next = '['
	for i := range n.Items {
		w.WriteByte(next)
		w.WriteString("\n" + deeper)
		lay(w, &n.Items[i], deeper, "")
		next = ','
	}
	w.WriteString("\n" + indent + "]")
}

func onOneLine(n *jsontree.Node) string {
	var parts []string
	switch n.Kind {
	case jsontree.Object:
		for i := range n.Members {
			parts = append(parts, quoted(n.Members[i].Name)+": "+onOneLine(&n.Members[i].Value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case jsontree.Array:
		for i := range n.Items {
			parts = append(parts, onOneLine(&n.Items[i]))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return string(n.Raw)
}

func quoted(name string) string {
	text, _ := marshalled(name) // a string can always be written
	return text
}
