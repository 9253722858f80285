package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// ledgerHelp tells where the commands that need the ledger find it.
const ledgerHelp = `
The ledger is the one that INTERLOCK_LEDGER names, bolt:interlock.db by default.
While interlock serve has its file, serve is asked.`

const defaultLedger = "bolt:interlock.db"

// openDesk opens the configured ledger. Where no bus is configured, what is to be
// published is left to the program or the sweep that has one.
func openDesk(ctx context.Context) (local.Desk, error) {
	c, err := config.ReadLedger(os.Environ(), defaultLedger, "memory:")
	if err != nil {
		return nil, err
	}
	var o local.Options
	if os.Getenv("INTERLOCK_BUS") == "" {
		o.Bus = noBus{}
	}
	return local.OpenDesk(ctx, c, functions.All(), o)
}

type noBus struct{}

func (noBus) Publish(context.Context, ...bus.Event) error {
	return errors.New("INTERLOCK_BUS is not set here")
}

// entry is a record of the ledger with what it asks for.
type entry struct {
	ledger.Record
	asks   decision.Decision
	target events.Target
}

func entryOf(rec ledger.Record) (entry, error) {
	e := entry{Record: rec}
	if len(rec.Stored) == 0 {
		return e, nil // left out of a record that was too large for its table
	}
	if err := json.Unmarshal(rec.Stored, &e.asks); err != nil {
		return e, fmt.Errorf("record of %s %s: %w", rec.Key.Switch, rec.Key.ID, err)
	}
	if len(e.asks.Target) > 0 {
		if err := e.asks.Decode(&e.target, nil); err != nil {
			return e, fmt.Errorf("record of %s %s: %w", rec.Key.Switch, rec.Key.ID, err)
		}
	}
	e.asks.Place = huawei.Place(e.target)
	return e, nil
}

// followed tells a job that is followed from a decision.
func (e *entry) followed() bool { return e.Key.Switch == engine.JobFollow }

// is tells whether a text names the target, or an id of it.
func (e *entry) is(target string) bool {
	t := e.target
	return slices.Contains([]string{e.asks.Place.Subject, t.InstanceID, t.ProxyID, t.DatabaseID}, target)
}

func (e *entry) ticket() string { return e.asks.Cause.Ticket }

func (e *entry) position() string { return onOff(e.asks.Enabled) }

func onOff(on bool) string { return map[bool]string{true: "on", false: "off"}[on] }

// words says in a few words how it stands.
func (e *entry) words() string {
	switch o := e.Outcome; {
	case o != nil && o.Code != "":
		return o.Result + ": " + o.Code
	case o != nil:
		return o.Result
	case e.followed():
		return "following"
	case e.Doubt || e.Quiet:
		return "in doubt"
	case e.State == ledger.Waiting && e.Last.Code != "":
		return "waiting: " + e.Last.Code
	}
	return string(e.State)
}

// states are what --state takes.
var states = []string{"waiting", "claimed", "doubt", "settled", "accepted", "applied", "unchanged", "rejected", "failed"}

func (e *entry) inState(state string) bool {
	switch {
	case state == "doubt":
		return e.Doubt || e.Quiet
	case e.Outcome != nil && state == e.Outcome.Result:
		return true
	}
	return state == string(e.State)
}

// filter is which decisions are wanted.
type filter struct {
	sw, target, ticket, state, chain string
	since, until                     time.Time
}

func (f *filter) wants(e *entry) bool {
	return (f.sw == e.Key.Switch || f.sw == "" && !e.followed()) &&
		(f.target == "" || e.is(f.target)) &&
		(f.ticket == "" || f.ticket == e.ticket()) &&
		(f.state == "" || e.inState(f.state)) &&
		(f.chain == "" || e.inChain(f.chain)) &&
		(f.since.IsZero() || !e.First.Before(f.since)) &&
		(f.until.IsZero() || e.First.Before(f.until))
}

// find returns the decisions that are wanted, the oldest first, and an error
// where records could not be read.
func (f *filter) find(all iter.Seq2[ledger.Record, error]) (found []entry, err error) {
	found, err = entries(all)
	return slices.DeleteFunc(found, func(e entry) bool { return !f.wants(&e) }), err
}

// entries are all records, the oldest first.
func entries(all iter.Seq2[ledger.Record, error]) (found []entry, err error) {
	var errs []error
	for rec, err := range all {
		var e entry
		if err == nil {
			e, err = entryOf(rec)
		}
		if err != nil {
			errs = append(errs, err)
		} else {
			found = append(found, e)
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return a.First.Compare(b.First) })
	if len(errs) > 0 {
		return found, fmt.Errorf("%d records could not be read, the first: %w", len(errs), errs[0])
	}
	return found, nil
}

func decisionsCommand() *cobra.Command {
	var f filter
	var since, until string
	var asJSON bool
	c := &cobra.Command{
		Use:   "decisions",
		Short: "List the ledger's decisions, or show one with its history",
		Long: `Decisions lists what was asked for and what became of it, the oldest first.
` + ledgerHelp + `

Exit code: 0, also if nothing is found; 1 for an error, or if a record cannot be
read.`,
		Example: `  interlock decisions --target 096c0fc43e804757b59946b80dc27f8bin07 --since 24h
  interlock decisions --state failed --json
  interlock decisions show CHG0031337-1`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			now := time.Now()
			if f.since, err = moment("--since", since, now); err != nil {
				return err
			}
			if f.until, err = moment("--until", until, now); err != nil {
				return err
			}
			if f.sw != "" && f.sw != engine.JobFollow {
				sw, err := switchNamed(f.sw)
				if err != nil {
					return fmt.Errorf("--switch: %w, or %s", err, engine.JobFollow)
				}
				f.sw = sw.Name
			}
			if f.state != "" && !slices.Contains(states, f.state) {
				return fmt.Errorf("--state: found %q, expected %s", f.state, strings.Join(states, ", "))
			}
			return withDesk(cmd.Context(), func(d local.Desk) error {
				found, err := f.find(d.Decisions(cmd.Context()))
				return errors.Join(list(cmd.OutOrStdout(), found, asJSON), err)
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.sw, "switch", "", "of this switch; jobfollow lists the jobs that are followed")
	flags.StringVar(&f.target, "target", "", "on this target: projects/P/instances/I[/proxies/X|/databases/D], or one of its ids")
	flags.StringVar(&f.ticket, "ticket", "", "of the ticket with this id")
	flags.StringVar(&f.chain, "chain", "", "of the chain with this id, or that the event with this id asked for")
	flags.StringVar(&f.state, "state", "", "in this state: "+strings.Join(states, ", "))
	flags.StringVar(&since, "since", "", "first received since: RFC 3339, or a duration back from now, as 24h")
	flags.StringVar(&until, "until", "", "first received before, likewise")
	c.PersistentFlags().BoolVar(&asJSON, "json", false, "the records as lines of JSON")
	c.AddCommand(showCommand(&asJSON))
	return c
}

// withDesk runs f at the desk.
func withDesk(ctx context.Context, f func(local.Desk) error) error {
	d, err := openDesk(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(d), d.Close())
}

// moment reads a time, or how long ago it is.
func moment(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if back, err := time.ParseDuration(text); err == nil {
		return now.Add(-back), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%s: found %q, expected a time as 2026-11-22T09:00:00Z, or a duration as 24h", flag, text)
	}
	return at, nil
}

func list(w io.Writer, found []entry, asJSON bool) error {
	if asJSON {
		lines := json.NewEncoder(w)
		lines.SetEscapeHTML(false)
		for _, e := range found {
			if err := lines.Encode(e.Record); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RECEIVED\tSWITCH\t\tSTATE\tTARGET\tTICKET\tEVENT")
	for _, e := range found {
		cells := []string{stamp(e.First), e.Key.Switch, e.position(), e.words(), last(e.target), dash(e.ticket()), e.Key.ID}
		if at := e.place(); at != "" {
			cells = append(cells, at)
		}
		row(t, cells...)
	}
	return t.Flush()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func showCommand(asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use:   "show {EVENT | CHAIN | SWITCH SOURCE ID}",
		Short: "Show a decision with its history, or a chain",
		Long: `Show tells of one decision, or of all that an event has caused, what is known:
what it asks for, who approved it, and what happened when. Of a chain, which the
event that asked for it names, or a step of it, or its own id, it tells where it
is: each step, what waits and why, what will not be done.
` + ledgerHelp + `

Exit code: 0; 1 for an error, or if there is no such decision.`,
		Example: `  interlock decisions show CHG0031337-1
  interlock decisions show proxy-ssl https://tickets.example.com/changes CHG0031337-1 --json`,
		Args: cobra.MatchAll(cobra.RangeArgs(1, 3), func(_ *cobra.Command, args []string) error {
			if len(args) == 2 {
				return errors.New("found 2 arguments, expected EVENT, CHAIN or SWITCH SOURCE ID")
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withDesk(cmd.Context(), func(d local.Desk) error { return showDecisions(cmd, d, args, *asJSON) })
		},
	}
}

func showDecisions(cmd *cobra.Command, d local.Desk, args []string, asJSON bool) error {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	found, chains, err := named(ctx, d, args)
	if err != nil {
		return err
	}
	if asJSON {
		for _, c := range chains {
			found = slices.DeleteFunc(found, func(e entry) bool { return e.inChain(c.id) })
			found = append(found, c.members...)
		}
		return list(w, found, true)
	}
	for i, c := range chains {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := c.tell(w); err != nil {
			return err
		}
	}
	for i, e := range found {
		if i > 0 || len(chains) > 0 {
			fmt.Fprintln(w)
		}
		if err := e.tell(ctx, w, d); err != nil {
			return err
		}
	}
	return nil
}

// named returns the decisions that the arguments name, and the chains that these
// are of, or that are named themselves: at least one of either.
func named(ctx context.Context, d local.Desk, args []string) (found []entry, chains []*chain, err error) {
	if len(args) == 3 {
		rec, err := d.Decision(ctx, ledger.Key{Switch: args[0], Source: args[1], ID: args[2]})
		if err != nil {
			return nil, nil, err
		}
		e, err := entryOf(rec)
		if found = []entry{e}; err != nil || e.asks.Chain == nil {
			return found, nil, err
		}
	}
	all, err := entries(d.Decisions(ctx))
	if err != nil {
		return nil, nil, err
	}
	of := found
	if len(args) == 1 {
		for _, e := range all {
			if e.Key.ID == args[0] && !e.followed() {
				found = append(found, e)
			}
			if e.Key.ID == args[0] || e.inChain(args[0]) {
				of = append(of, e)
			}
		}
	}
	if len(of) == 0 {
		return nil, nil, fmt.Errorf("event %q: no decision of it", args[0])
	}
	chains, err = chainsOf(of, all)
	return found, chains, err
}

// tell writes what is known of a decision.
func (e *entry) tell(ctx context.Context, w io.Writer, d local.Desk) error {
	say(w, "%s %s: %s", e.Key.Switch, e.position(), e.words())
	row := func(name, format string, args ...any) {
		say(w, "  %-20s  %s", name, fmt.Sprintf(format, args...))
	}
	at := func(when time.Time, format string, args ...any) {
		if !when.IsZero() {
			row(stamp(when), format, args...)
		}
	}
	row("target", "%s", e.asks.Place.Subject)
	if len(e.asks.Options) > 0 {
		options, err := json.Marshal(e.asks.Options)
		if err != nil {
			return err
		}
		row("options", "%s", options)
	}
	row("event", "%s of %s, %s", e.Key.ID, e.Key.Source, e.asks.Cause.Type)
	if k := e.asks.Ticket; k != nil {
		row("ticket", "%s, requested by %s, approved by %s", k.ID, k.RequestedBy, strings.Join(k.ApprovedBy, ", "))
	}
	e.tellApproval(ctx, row, d)
	at(e.Order, "its place in the order")
	at(e.First, "first received")
	at(e.Since, "last taken up without doubt")
	if e.Last.Code != "" {
		at(e.Last.At, "%s: %s", e.Last.Code, e.Last.Detail)
	}
	if e.GaveUp > 0 {
		row("ended as failed", "times so far: %d", e.GaveUp)
	}
	if e.Outcome == nil {
		at(e.Due, "%s; attempts so far: %d", map[bool]string{true: "due", false: "its lease ends"}[e.State == ledger.Waiting], e.Attempts)
		return nil
	}
	if err := e.tellOutcome(ctx, at, d); err != nil {
		return err
	}
	at(e.Expire, "may be forgotten")
	return nil
}

// tellApproval tells what let it in, or did not: by which door and whose key it
// came, whether its ticket is bound to it and spent on it, and which rules of the
// policy decided.
func (e *entry) tellApproval(ctx context.Context, row func(string, string, ...any), d local.Desk) {
	if e.asks.Door != "" {
		signed := ""
		if e.asks.Signer != "" {
			signed = ", signed by " + e.asks.Signer
		}
		row("came in by", "%s%s", e.asks.Door, signed)
	}
	if k := e.asks.Ticket; k != nil {
		switch {
		case e.asks.Bound():
			row("bound", "by %s", k.Digest)
		case k.Digest != "":
			row("bound", "to something else: by %s, and this is %s", k.Digest, e.asks.Digest)
		default:
			row("bound", "no; this is %s", e.asks.Digest)
		}
	}
	switch {
	case e.Ticket != "" && e.Outcome == nil:
		row("ticket's use", "kept for this, until it ends")
	case e.Ticket != "":
		row("ticket's use", "spent on this")
	}
	switch rules, err := e.policies(ctx, d); {
	case err != nil: // who may read decisions may not be let at the audit trail
		row("policy", "not known: %v", err)
	case len(rules) > 0:
		row("policy", "%s", strings.Join(rules, ", "))
	}
}

// policies are the rules that decided, as the audit trail tells, or the ledger of
// what goes on.
func (e *entry) policies(ctx context.Context, d local.Desk) (rules []string, err error) {
	if e.Outcome == nil {
		return e.Last.Policies, nil
	}
	if e.followed() {
		return nil, nil
	}
	for l, err := range d.Audit(ctx, e.Outcome.At.Add(-time.Second)) {
		var body struct{ Policies []string }
		switch wrong := (*ledger.AuditError)(nil); {
		case errors.As(err, &wrong): // that is for interlock audit verify to tell
		case err != nil:
			return nil, err
		case l.Record != nil && l.Record.Key == e.Key && json.Unmarshal(l.Record.Body, &body) == nil:
			rules = body.Policies
		}
	}
	return rules, nil
}

// tellOutcome tells how a decision ended, and its job.
func (e *entry) tellOutcome(ctx context.Context, at func(time.Time, string, ...any), d local.Desk) error {
	o := e.Outcome
	how := e.words()
	if o.JobID != "" {
		how += ", job " + o.JobID
	}
	if o.By != "" {
		how += ", as " + o.By + " says"
	}
	published := make([]event.Event, len(o.Events))
	for i, raw := range o.Events {
		if err := json.Unmarshal(raw, &published[i]); err != nil {
			return fmt.Errorf("out-event: %w", err)
		}
		how += reason(published[i])
	}
	at(o.At, "%s", how)
	for _, out := range published {
		if e.Emitted.IsZero() {
			at(o.At, "not published yet: %s %s", out.Type(), out.ID())
		}
		at(e.Emitted, "published %s %s", out.Type(), out.ID())
		if o.JobID == "" {
			continue
		}
		job, err := d.Decision(ctx, ledger.Key{Switch: engine.JobFollow, Source: out.Source(), ID: out.ID()})
		switch {
		case errors.Is(err, ledger.ErrNotFound): // on AWS only its end is written down
		case err != nil:
			return err
		case job.Outcome == nil:
			at(job.First, "its job is followed, until %s at most", stamp(job.Due))
		default:
			at(job.Outcome.At, "%s", job.Outcome.Result)
		}
	}
	return nil
}

// reason is why an out-event says that it was not applied.
func reason(out event.Event) string {
	var data struct{ Error *events.Error }
	if json.Unmarshal(out.Data(), &data) != nil || data.Error == nil {
		return ""
	}
	return ": " + data.Error.Detail
}
