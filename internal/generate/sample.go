package generate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// sample is what the samples of a switch are made of.
type sample struct {
	Name, Ticket, Subject string
	Enabled               bool
	// Target and Options are JSON texts; Options is empty where it has none.
	Target, Options string
}

// Tickets of samples, of the first switch. Those in the folders have numbers of
// their own.
const (
	firstTicket       = 31337
	firstFolderTicket = 31342
)

func (g *generation) samples() error {
	for i, s := range g.switches {
		own, err := g.ownSample(s, i)
		if err != nil {
			return err
		}
		if err := g.sample("functions/"+s.Function+"/sample.json", "sample", own); err != nil {
			return err
		}
		of := sample{Name: s.Name, Ticket: ticket(firstTicket + i), Options: own.Options, Enabled: true}
		of.Target, of.Subject = s.Kind.target(s.Kind.Instance.Example, s.Kind.Own.Example)
		for _, kind := range []string{"ticket.approved", "tag.changed", "switch.requested"} {
			of.Enabled = kind != "switch.requested"
			if err := g.sample("events/samples/"+kind+"."+s.Name+".json", kind, of); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *generation) sample(file, template string, of sample) error {
	text, err := g.print(template, of)
	if err == nil {
		text, err = laidOut(text)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	g.files[file] = text
	return nil
}

// ownSample is the sample in a switch's folder: its target, options and ticket
// are what the file says, and made up where there is none.
func (g *generation) ownSample(s Switch, i int) (sample, error) {
	of := sample{Name: s.Name, Ticket: ticket(firstFolderTicket + i), Enabled: true}
	file := "functions/" + s.Function + "/sample.json"
	text, err := fs.ReadFile(g.tree, file)
	if errors.Is(err, fs.ErrNotExist) {
		of.Target, _ = s.Kind.target(madeUp(s.Name, s.Kind.Instance), madeUp(s.Name, s.Kind.Own))
		of.Options = s.examples()
		return of, nil
	}
	if err != nil {
		return of, err
	}
	root, err := jsontree.Parse(text, 64)
	if err != nil {
		return of, fmt.Errorf("%s: %w", file, err)
	}
	data := root.Get("data")
	target, id := data.Get("target"), data.Get("ticket").Get("id")
	if !target.Is(jsontree.Object) || !id.Is(jsontree.String) {
		return of, fmt.Errorf("%s: expected data.target and data.ticket.id", file)
	}
	of.Target, of.Ticket = string(target.Raw), id.Text
	if options := data.Get("options"); options != nil {
		of.Options = string(options.Raw)
	}
	return of, nil
}

func ticket(number int) string { return fmt.Sprintf("CHG%07d", number) }

// target is a target as JSON, and as the subject of events about it.
func (k Kind) target(instance, own string) (target, subject string) {
	target = fmt.Sprintf(`{"project_id": %q, "instance_id": %q`, k.Project.Example, instance)
	subject = "projects/" + k.Project.Example + "/instances/" + instance
	if k.Own.Name != "" {
		target += fmt.Sprintf(`, %q: %q`, k.Own.Name, own)
		subject += "/" + k.Own.Plural + "/" + own
	}
	return target + "}", subject
}

// madeUp is an id of a switch's own, of the example's form: the cloud takes one
// operation at a time on an instance, and samples may be sent together.
func madeUp(name string, like ID) string {
	sum := sha256.Sum256([]byte(like.Name + " of " + name))
	digits := hex.EncodeToString(sum[:16])
	switch {
	case strings.Contains(like.Pattern, "}in07"):
		return digits + "in07"
	case strings.Contains(like.Pattern, "}po01"):
		return digits + "po01"
	}
	return digits
}

// examples are the options with a value each, as JSON.
func (s Switch) examples() string {
	var all []string
	for _, o := range s.Options {
		value := map[string]string{"boolean": "true", "integer": "1", "string": `"value"`}[o.Type]
		if len(o.Values) > 0 {
			value = o.values()[0]
		}
		all = append(all, quoted(o.Name)+": "+value)
	}
	if all == nil {
		return ""
	}
	return "{" + strings.Join(all, ", ") + "}"
}
