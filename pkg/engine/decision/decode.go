package decision

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/go-playground/validator/v10"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Spec is what a switch expects of an event.
type Spec struct {
	// Switch is its name, as in the member switch and in the tag's key.
	Switch string
	// Target makes a pointer to a new struct of its target, which is a [Target].
	Target func() any
	// Options makes a pointer to a new struct of its options, whose fields
	// have json names, and validate tags where they fit; booleans, strings,
	// whole numbers, and pointers to them. nil: it takes no options.
	Options func() any
	// Rules are validate tags of the two structs, beside the validator's own,
	// region and notblank.
	Rules map[string]Rule
}

// Decoder decodes events for any of the switches that it knows. It may be used
// by many goroutines at once.
type Decoder struct {
	specs    []spec
	names    []string
	region   string
	validate *validator.Validate
	ruled    map[string]Rule

	ticket, request, tag *shape
	// anyTarget is what may stand in the target of a switch that nobody knows.
	anyTarget *shape
}

type spec struct {
	Spec
	target, options *shape
}

// unread is what cannot be read before the switch is known.
type unread = map[string]any

// New makes a decoder that knows these switches, for the functions in region;
// with an empty region, events of every region are meant for them.
func New(specs []Spec, region string) (*Decoder, error) {
	d := &Decoder{region: region, ruled: ownRules()}
	for _, s := range specs {
		maps.Copy(d.ruled, s.Rules)
		d.specs = append(d.specs, spec{Spec: s})
		d.names = append(d.names, s.Switch)
	}
	var errs [4]error
	d.validate, errs[0] = newValidator(d.ruled)
	d.ticket, errs[1] = shapeOf(reflect.TypeFor[events.TicketApprovedOf[unread]]())
	d.request, errs[2] = shapeOf(reflect.TypeFor[events.SwitchRequestedOf[unread]]())
	d.tag, errs[3] = shapeOf(reflect.TypeFor[events.TagChangedOf[unread]]())
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	for i := range d.specs {
		s := &d.specs[i]
		s.options = new(shape)
		if s.Options != nil {
			var err error
			if s.options, err = d.structShape(s.Options, "options of "+s.Switch); err != nil {
				return nil, err
			}
		}
		s.options.want = jsontree.Object
	}
	return d, d.targets()
}

// structShape is the shape of the structs that a [Spec] makes.
func (d *Decoder) structShape(of func() any, what string) (*shape, error) {
	if of == nil {
		return nil, fmt.Errorf("%s: not given", what)
	}
	data := of()
	s, err := shapeOf(reflect.TypeOf(data))
	if err == nil && (!s.pointer || s.fields == nil) {
		err = errors.New("no pointer to a struct")
	}
	if err == nil {
		err = d.validates(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return s, nil
}

// validates tells whether the validator knows the tags of a struct.
func (d *Decoder) validates(data any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	_ = d.validate.Struct(data) // what is wrong with an empty one is no matter
	return nil
}

// Restore reads a decision that was stored as JSON.
func (d *Decoder) Restore(stored []byte) (*Decision, error) {
	dec := new(Decision)
	if err := json.Unmarshal(stored, dec); err != nil {
		return nil, fmt.Errorf("stored decision: %w", err)
	}
	s := d.spec(dec.Switch)
	if s == nil {
		return nil, fmt.Errorf("stored decision: switch %q is not known to this version", dec.Switch)
	}
	target := s.Target()
	if err := dec.Decode(target, nil); err != nil {
		return nil, fmt.Errorf("stored decision: %w", err)
	}
	// As it was read the first time, white space and all.
	dec.Target, _ = json.Marshal(target)
	dec.Place = target.(Target).Place()
	return dec, nil
}

// depth is how deeply data may nest. The contract needs five levels; the
// ticket's own members may have more.
const depth = 32

// Decode reads what ev asks of the named switch. It is not meant for it where
// it has another type, names another known switch, changes no tag of ours or
// removes it, or names another region. Else there is either the decision or
// what is wrong with it.
func (d *Decoder) Decode(name string, ev event.Event) (dec *Decision, meant bool, problem *Invalid) {
	return d.DecodeIn(context.Background(), name, ev)
}

// DecodeIn is Decode, in a context that may remember the event's data parsed.
func (d *Decoder) DecodeIn(ctx context.Context, name string, ev event.Event) (dec *Decision, meant bool, problem *Invalid) {
	ours := d.spec(name)
	if ours == nil {
		return nil, false, nil
	}
	r := reading{decoder: d, spec: ours, decision: caused(ev)}
	var read func(*jsontree.Node)
	switch ev.Type() {
	case events.TypeTicketApproved:
		read = r.ticketApproved
	case events.TypeSwitchRequested:
		read = r.switchRequested
	case events.TypeTagChanged:
		read = r.tagChanged
	default:
		return nil, false, nil
	}
	root := r.parse(ctx, ev)
	if root != nil && !r.meant(root, ev.Type()) {
		return nil, false, nil
	}
	r.dated(ev)
	r.flags(ev)
	if root != nil {
		read(root)
	}
	if r.decision.Ticket != nil && !r.report.wrong() {
		var err error
		if r.decision.Digest, err = digest.OfTree(root); err != nil {
			r.report.add(dataPath, err.Error(), "data that has a digest (RFC 8785)")
		}
	}
	if c := r.decision.Chain; c != nil && r.decision.IsStep() {
		r.decision.Digest = c.Digest // the ticket was approved for the whole
	} else if c != nil {
		c.Digest = r.decision.Digest
	}
	if r.report.wrong() {
		return nil, true, r.invalid()
	}
	return &r.decision, true, nil
}

// from1970 is what a clock tells. Years before are a zero or a default that
// somebody forgot to set.
const from1970 = "a time from 1970 on"

// dated takes over the event's time. One that no clock has told is refused: it
// has no form in UTC, or none that can be told from being absent.
func (r *reading) dated(ev event.Event) {
	at := ev.Context.AsV1().Time
	switch {
	case at == nil:
	case at.Unix() < 0:
		r.report.add("time", at.Format(time.RFC3339Nano), from1970)
	case at.UTC().Year() > 9999:
		r.report.add("time", at.Format(time.RFC3339Nano), "a time before the year 10000")
	default:
		r.decision.Time = at.Time
	}
}

// flags reads the extensions that say yes or no. Of a snapshot, anything but a
// clear yes would be taken for a change, and undo a newer decision.
func (r *reading) flags(ev event.Event) {
	var wrong [2]*events.Field
	r.decision.DryRun, wrong[0] = DryRun(ev)
	r.decision.Snapshot, wrong[1] = flag(ev, "snapshot")
	for _, w := range wrong {
		if w != nil {
			r.report.add(w.Path, w.Found, w.Expected)
		}
	}
}

// DryRun tells whether an event's extension dryrun asks for a dry run, or what is
// wrong with it.
func DryRun(ev event.Event) (asked bool, wrong *events.Field) { return flag(ev, "dryrun") }

// flag reads an extension that says yes or no. In binary mode every attribute is
// a string (CloudEvents 1.0, HTTP binding, 3.1.3.2).
func flag(ev event.Event, name string) (on bool, wrong *events.Field) {
	switch v := ev.Extensions()[name]; v {
	case nil, false, "false":
		return false, nil
	case true, "true":
		return true, nil
	default:
		text, _ := types.Format(v)
		return false, &events.Field{Path: name, Found: quoted(text), Expected: "true or false"}
	}
}

func (d *Decoder) spec(name string) *spec {
	for i := range d.specs {
		if d.specs[i].Switch == name {
			return &d.specs[i]
		}
	}
	return nil
}

// caused is a decision of which only the event's attributes are known.
func caused(ev event.Event) Decision {
	d := Decision{
		Cause:         events.Cause{ID: ev.ID(), Source: ev.Source(), Type: ev.Type()},
		CorrelationID: ev.ID(),
	}
	for name, value := range ev.Extensions() {
		text, err := types.Format(value)
		if err != nil || text == "" {
			continue
		}
		switch name {
		case "correlationid":
			d.CorrelationID = text
		case "traceparent":
			d.TraceParent = text
		case "tracestate":
			d.TraceState = text
		}
	}
	return d
}

// reading is one event being decoded.
type reading struct {
	decoder *Decoder
	// spec is nil where the event names a switch that nobody knows.
	spec     *spec
	report   report
	decision Decision
	enabled  *bool
}

const dataPath = "data"

func (r *reading) parse(ctx context.Context, ev event.Event) *jsontree.Node {
	if t := ev.DataContentType(); !isJSON(t) {
		r.report.add("datacontenttype", "string "+quoted(t), "application/json")
		return nil
	}
	if len(ev.Data()) == 0 {
		r.report.add(dataPath, "nothing", "object")
		return nil
	}
	root, err := jsontree.Recall(ctx, ev.Data(), depth)
	if err != nil {
		r.report.add(dataPath, err.Error(), "JSON, nested at most 32 deep, with each member once")
		return nil
	}
	if root.Kind != jsontree.Object {
		r.report.add(dataPath, found(&root), "object")
		return nil
	}
	return &root
}

// isJSON: none implies JSON (CloudEvents 1.0, JSON format, 2.4); else */json
// and */*+json are.
func isJSON(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.TrimSpace(media))
	_, subtype, ok := strings.Cut(media, "/")
	return media == "" || ok && (subtype == "json" || strings.HasSuffix(subtype, "+json"))
}

// meant looks only at what says for whom the event is, before anything in it
// is judged: what is wrong with another's event is for the other to say.
func (r *reading) meant(root *jsontree.Node, eventType string) bool {
	region := root.Get("target").Get("region")
	if ours := r.decoder.region; ours != "" && region.Is(jsontree.String) && isRegion(region.Text) && region.Text != ours {
		return false
	}
	if eventType == events.TypeTagChanged {
		return r.ownTag(root)
	}
	name := root.Get("switch")
	if !name.Is(jsontree.String) || name.Text == r.spec.Switch {
		return true
	}
	if r.decoder.spec(name.Text) != nil {
		return false
	}
	r.unknown(name, "data.switch")
	r.spec = nil
	return true
}

// ownTag tells whether our own tag was set. Where the changes cannot be read
// it may have been: then the event is wrong, not another's.
func (r *reading) ownTag(root *jsontree.Node) bool {
	changes := root.Get("changes")
	if !changes.Is(jsontree.Array) {
		return true
	}
	set, unclear := false, len(changes.Items) == 0
	for i := range changes.Items {
		change := &changes.Items[i]
		switch key := change.Get("key"); {
		case !key.Is(jsontree.String):
			unclear = true
		case key.Text == r.ownKey():
			value := change.Get("new")
			set = set || value != nil && value.Kind != jsontree.Null
		}
	}
	return set || unclear
}

func (r *reading) ownKey() string { return events.TagPrefix + r.spec.Switch }

func (r *reading) ticketApproved(root *jsontree.Node) {
	var data events.TicketApprovedOf[unread]
	r.bind(root, &data, r.decoder.ticket)
	r.asked(root, data.Enabled, data.Ticket)
	r.chain(root, data.Then, data.OnFailure, nil)
}

func (r *reading) switchRequested(root *jsontree.Node) {
	var data events.SwitchRequestedOf[unread]
	r.bind(root, &data, r.decoder.request)
	r.asked(root, data.Enabled, data.Ticket)
	r.chain(root, data.Then, data.OnFailure, data.Chain)
}

// asked takes over what a ticket or a request asks for.
func (r *reading) asked(root *jsontree.Node, enabled *bool, ticket *events.Ticket) {
	r.enabled = enabled
	if ticket != nil {
		r.decision.Ticket = ticket
		r.decision.Cause.Ticket = ticket.ID
		r.ticket(root.Get("ticket"))
	}
	r.decision.Target, r.decision.Place = r.aim(r.spec, root.Get("target"), targetPath, true)
	if r.spec == nil {
		return
	}
	r.decision.Switch = r.spec.Switch
	r.decision.Options = r.options(r.spec, root.Get("options"), "data.options")
	if enabled != nil {
		r.decision.Enabled = *enabled
	}
}

// ticket checks whom a ticket names, and takes over what else it carries.
func (r *reading) ticket(n *jsontree.Node) {
	known := r.decoder.ticket.field("ticket").shape
	for i := range n.Members {
		m := &n.Members[i]
		if known.field(m.Name) == nil {
			if r.decision.Further == nil {
				r.decision.Further = map[string]json.RawMessage{}
			}
			r.decision.Further[m.Name] = m.Value.Raw
		}
	}
	r.named(n.Get("requested_by"), "data.ticket.requested_by")
	if approvers := n.Get("approved_by"); approvers.Is(jsontree.Array) {
		for i := range approvers.Items {
			r.named(&approvers.Items[i], fmt.Sprintf("data.ticket.approved_by[%d]", i))
		}
	}
	// What is compared as nothing would be spent by nobody.
	if id := n.Get("id"); id.Is(jsontree.String) && (strings.IndexFunc(id.Text, unseen) >= 0 || !isPrincipal(id.Text)) && !r.report.has("data.ticket.id") {
		r.report.add("data.ticket.id", found(id), "an id with a letter or digit, and no invisible or control characters")
	}
}

// named checks the name of a person, unless it is known to be none.
func (r *reading) named(n *jsontree.Node, path string) {
	if n.Is(jsontree.String) && !isPrincipal(n.Text) && !r.report.has(path) {
		r.report.add(path, found(n), aPrincipal)
	}
}

func (r *reading) tagChanged(root *jsontree.Node) {
	var data events.TagChangedOf[unread]
	r.bind(root, &data, r.decoder.tag)
	r.decision.Switch = r.spec.Switch
	r.decision.Target, r.decision.Place = r.aim(r.spec, root.Get("target"), targetPath, false)
	own := 0
	for i, change := range data.Changes {
		if change.Key != r.ownKey() {
			continue
		}
		path := fmt.Sprintf("data.changes[%d]", i)
		if own++; own > 1 {
			r.report.add(path+".key", "string "+quoted(change.Key)+" again", "each key once")
		} else if change.New != nil {
			r.tagValue(*change.New, path+".new")
			r.decision.TagOld = change.Old
		}
	}
}

func (r *reading) tagValue(value, path string) {
	var enabled bool
	switch value {
	case "on", "true":
		enabled = true
	case "off", "false":
	default:
		r.report.add(path, "string "+quoted(value), "on, off, true or false")
		return
	}
	r.enabled, r.decision.Enabled, r.decision.Tag = &enabled, enabled, value
}

// bind puts root into data and has it validated, but for target and options,
// which are bound by the switch's own rules.
func (r *reading) bind(root *jsontree.Node, data any, s *shape) {
	b := binder{report: &r.report}
	b.bind(root, reflect.ValueOf(data).Elem(), s, &place{name: dataPath})
	r.rules(root, data, dataPath)
}

// rules asks the validator, and tells in plain words what it says about fields
// that have not been told of yet.
func (r *reading) rules(n *jsontree.Node, data any, at string) {
	var broken validator.ValidationErrors
	if !errors.As(r.decoder.validate.Struct(data), &broken) {
		return
	}
	// A namespace begins with the struct's name, where it has one.
	name := reflect.TypeOf(data).Elem().Name() + "."
	for _, b := range broken {
		path := strings.TrimPrefix(b.Namespace(), name)
		if full := at + "." + path; !r.report.has(full) {
			r.report.add(full, found(valueAt(n, path)), r.decoder.expected(b.Tag(), b.Param(), b.Type()))
		}
	}
}

// options binds the options at a place by a switch's own struct, and returns
// those that were given.
func (r *reading) options(sp *spec, n *jsontree.Node, path string) map[string]any {
	if !n.Is(jsontree.Object) {
		return nil
	}
	s := sp.options
	if s.fields == nil {
		for _, m := range n.Members {
			r.report.add((&place{in: &place{name: path}, name: m.Name}).String(), found(&m.Value),
				"nothing here: "+sp.Switch+" takes no options")
		}
		return nil
	}
	data := sp.Options()
	b := binder{report: &r.report}
	v := reflect.ValueOf(data).Elem()
	b.bind(n, v, &shape{want: s.want, fields: s.fields}, &place{name: path})
	r.rules(n, data, path)
	if r.report.within(path) {
		return nil
	}
	var given map[string]any
	for _, f := range s.fields {
		if value := n.Get(f.name); value != nil && value.Kind != jsontree.Null {
			if given == nil {
				given = make(map[string]any, len(s.fields))
			}
			given[f.name] = valueOf(v.Field(f.index))
		}
	}
	return given
}

// valueOf is v as encoding/json would read it back into an any.
func valueOf(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Interface()
}

func (r *reading) invalid() *Invalid {
	d := &r.decision
	p := &Invalid{
		Fields:        r.report.all(),
		Switch:        d.Switch,
		Enabled:       r.enabled,
		Options:       d.Options,
		Cause:         d.Cause,
		Time:          d.Time,
		CorrelationID: d.CorrelationID,
		TraceParent:   d.TraceParent,
		TraceState:    d.TraceState,
		DryRun:        d.DryRun,
	}
	if d.Place.Project != "" && d.Place.Instance != "" {
		p.Target, p.Place = d.Target, d.Place
	}
	return p
}
