package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// keptHelp tells what a file of events may hold.
const keptHelp = `A FILE holds CloudEvents, one or many: a structured event, a batch, lines of
JSON, EventBridge's envelopes as an archive gives them back, what
aws sqs receive-message prints of a dead-letter queue, or a function's payload.
- is standard input.`

func checkCommand() *cobra.Command {
	var in admission.Admission
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FILE…",
		Short: "Check events without a network, and say which function would do what",
		Long: `Check reads events as the functions do, and says for each which function would
call what, or which of its fields are wrong; of a chain, all of it, with what to
know before it is approved. It asks neither ledger nor cloud: what they have to
say, a dry run tells (interlock send --dry-run). Where INTERLOCK_POLICY is set, it
says what that policy makes of them now.

` + keptHelp + `

Exit code: 0 if all are valid, also where no function is meant; 1 if any is not
valid or would be rejected, or for an error.`,
		Example: `  interlock check functions/proxyssl/sample.json
  aws sqs receive-message --queue-url URL | interlock check -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := newOffline()
			if err != nil {
				return err
			}
			if err := o.askPolicy(os.Environ()); err != nil {
				return err
			}
			ctx, w := admission.With(cmd.Context(), in), cmd.OutOrStdout()
			bad, all := 0, 0
			for _, file := range args {
				items, err := readKept(cmd.InOrStdin(), file)
				if err != nil {
					return err
				}
				for i, item := range items {
					all++
					found := o.check(ctx, fmt.Sprintf("%s:%d", file, i+1), item)
					if !found.good() {
						bad++
					}
					if err := found.show(w, asJSON); err != nil {
						return err
					}
				}
			}
			if bad > 0 {
				return fmt.Errorf("%d of %d events would be rejected", bad, all)
			}
			return nil
		},
	}
	jsonFlag(c, &asJSON, "a line of JSON for each event")
	c.Flags().StringVar(&in.Door, "door", "url", "for the policy, how they come in: url, bus, queue, direct or local")
	c.Flags().StringVar(&in.Signer, "signer", "", "for the policy, the name of the key that signs them")
	return c
}

// readKept reads the events in a file.
func readKept(stdin io.Reader, file string) ([]cloudevent.Item, error) {
	p, err := config.ReadProducers(os.Environ())
	if err != nil {
		return nil, err
	}
	text, err := readFile(stdin, file)
	return doors.Kept(p, text), err
}

// offline is every function, without ledger, bus and cloud.
type offline struct {
	*host.Host
	names []string
}

func newOffline() (*offline, error) {
	c := config.Config{DryRun: true, Endpoints: cloudapi.EndpointSet{GaussDB: "https://gaussdb.invalid", DBSS: "https://dbss.invalid"}}
	o := &offline{Host: host.New(c, functions.All(), host.Client(c, nil, nil), ledger.NewMemory(), new(bus.Memory))}
	for i, sw := range o.Engine.Switches {
		o.Engine.Switches[i] = sw.Blind()
	}
	for _, sw := range functions.All() {
		o.names = append(o.names, sw.Function)
	}
	o.names = append(o.names, engine.JobFollow)
	o.Engine.Offline = true
	return o, o.Engine.Init()
}

// askPolicy has the policy asked that the variables name, if they name one.
func (o *offline) askPolicy(environ []string) error {
	c, err := config.ReadPolicy(environ)
	if err != nil {
		return err
	}
	o.Engine.Policy, err = host.Policy(c, functions.All(), &host.AWS{Getenv: os.Getenv})
	return err
}

// checked is what would become of an item.
type checked struct {
	// Place is the file and the item's number in it.
	Place string `json:"place"`
	// Error says why it is no event.
	Error string `json:"error,omitempty"`
	Type  string `json:"type,omitempty"`
	ID    string `json:"id,omitempty"`
	// Functions are those that have something to say of it: none, where none is
	// meant.
	Functions []foretelling `json:"functions"`
}

// foretelling is what a function would do: the answer to a dry run, or what it
// finds wrong.
type foretelling struct {
	Function  string            `json:"function"`
	Rehearsal *engine.Rehearsal `json:"rehearsal,omitempty"`
	Error     *events.Error     `json:"error,omitempty"`
	text      string
}

// check asks each function about an item.
func (o *offline) check(ctx context.Context, place string, item cloudevent.Item) checked {
	c := checked{Place: place, Functions: []foretelling{}}
	if item.Err != nil {
		c.Error = item.Err.Error()
		return c
	}
	c.Type, c.ID = item.Event.Type(), item.Event.ID()
	said := map[string]bool{} // all functions say the same of an unknown switch
	for _, function := range o.names {
		r := o.Handle(ctx, function, item.Event)
		hostless(r.Rehearsal)
		f := foretelling{Function: function, Rehearsal: r.Rehearsal, Error: r.Error, text: foretold(function, r)}
		if r.Kind == engine.Rejected {
			f.text = wrongFields(r.Error)
		}
		if f.text == "" || said[f.text] {
			continue
		}
		said[f.text] = true
		c.Functions = append(c.Functions, f)
	}
	return c
}

// hostless leaves of the requests' URLs what the cloud's address has no part in:
// it is not known here.
func hostless(r *engine.Rehearsal) {
	if r == nil {
		return
	}
	all := []*engine.Request{r.Request}
	for _, step := range r.Then {
		all = append(all, step.Request)
	}
	for _, one := range all {
		if one != nil {
			one.URL = pathOf(one.URL)
		}
	}
}

func pathOf(address string) string {
	at, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return at.RequestURI()
}

// good is false for what would be rejected.
func (c *checked) good() bool {
	return c.Error == "" && !slices.ContainsFunc(c.Functions, func(f foretelling) bool {
		return f.Rehearsal == nil || f.Rehearsal.Would == engine.WouldReject
	})
}

func (c *checked) show(w io.Writer, asJSON bool) error {
	switch {
	case asJSON:
		return sayJSON(w, c)
	case c.Error != "":
		say(w, "%s: no event", c.Place)
		say(w, "  %s", c.Error)
		return nil
	}
	say(w, "%s: %s %s", c.Place, c.Type, c.ID)
	for _, f := range c.Functions {
		fmt.Fprintln(w, f.text)
	}
	if len(c.Functions) == 0 {
		fmt.Fprintln(w, "  no function is meant")
	}
	return nil
}

// meant are the functions that an event is for. One that nobody can read is for
// the first of those that say so.
func (o *offline) meant(ctx context.Context, ev event.Event) (names []string) {
	for _, function := range o.names {
		switch r := o.Handle(ctx, function, ev); r.Kind {
		case engine.Rehearsed:
			names = append(names, function)
		case engine.Rejected:
			return []string{function}
		}
	}
	return names
}

// foretold says what a function would do; "" if it is not meant.
func foretold(function string, r engine.Result) string {
	if r.Kind != engine.Rehearsed {
		return ""
	}
	f := r.Rehearsal
	flip := f.Switch + " " + account.OnOff(f.Enabled) + ", " + r.Decision.Place.Subject
	switch {
	case function == engine.JobFollow && f.Would != engine.WouldReject:
		return printable(fmt.Sprintf("  %s would follow job %s: %s", function, f.JobID, flip))
	case f.Would != engine.WouldCall:
		return printable(fmt.Sprintf("  %s would %s, %s: %s: %s", function, f.Would, f.Error.Code, f.Error.Detail, flip))
	}
	lines := append([]string{fmt.Sprintf("  %s would call %s: %s", function, called(f.Request), flip)}, warned(f.Warnings)...)
	for _, step := range f.Then {
		var t events.Target
		_ = json.Unmarshal(step.Target, &t) // the engine wrote it
		lines = append(lines, fmt.Sprintf("  then %s: %s %s, %s", called(step.Request), step.Switch, account.OnOff(step.Enabled), huawei.Place(t).Subject))
		lines = append(lines, warned(step.Warnings)...)
	}
	for i := range lines {
		lines[i] = printable(lines[i])
	}
	return strings.Join(lines, "\n")
}

func called(r *engine.Request) string { return r.Method + " " + r.URL + " " + r.Body }

func warned(warnings []string) (lines []string) {
	for _, w := range warnings {
		lines = append(lines, "    note: "+w)
	}
	return lines
}

func wrongFields(e *events.Error) string {
	lines := []string{"  " + string(e.Code)}
	for _, f := range e.Fields {
		lines = append(lines, printable(fmt.Sprintf("    %s: found %s, expected %s", f.Path, f.Found, f.Expected)))
	}
	return strings.Join(lines, "\n")
}
