package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A chain is one approval for several switches. Nothing keeps it alive but the
// ledger: what ends a step also stores the request for the next one, in one
// write, and the request carries all that came before. Whoever brings such a
// request is believed only where the ledger has stored just that one.

// stepEnd is how a step of a chain has ended.
type stepEnd struct {
	state   events.StepState
	changed bool
	jobID   string
	why     *events.Error
}

// stepEndOf is how an outcome ends its step; not ok: a job goes on, or it ends
// none.
func stepEndOf(d *decision.Decision, v verdict) (end stepEnd, ok bool) {
	switch {
	case d.Chain == nil || v.closed || v.took == events.Accepted:
		return stepEnd{}, false
	case v.took == events.Applied, v.took == events.Unchanged && v.untold:
		return stepEnd{state: events.StepDone, changed: v.changed}, true
	case v.took == events.Unchanged:
		return stepEnd{state: events.StepUnchanged}, true
	}
	return stepEnd{state: events.StepFailed, why: new(problem(v))}, true
}

// jobEnd is how the end of a job ends its step.
func jobEnd(o *ledger.Outcome, job *Job, v verdict) stepEnd {
	if job == nil {
		return stepEnd{state: events.StepFailed, jobID: o.JobID, why: new(problem(v))}
	}
	if job.State == JobSucceeded {
		return stepEnd{state: events.StepDone, changed: o.Changed, jobID: o.JobID}
	}
	code := events.CloudRefused
	if job.State == JobOpen {
		code = events.Unresolved
	}
	return stepEnd{state: events.StepFailed, jobID: o.JobID, why: &events.Error{
		Code: code, Title: titles[code], Detail: fmt.Sprintf("job %s: %s %s", o.JobID, job.Status, job.FailReason),
	}}
}

// request is the data of the request for a step.
type request struct {
	Switch  string          `json:"switch"`
	Enabled bool            `json:"enabled"`
	Target  json.RawMessage `json:"target"`
	Options map[string]any  `json:"options,omitempty"`
	Ticket  json.RawMessage `json:"ticket,omitempty"`
	Chain   *decision.Chain `json:"chain"`
}

// next is what follows the end of a decision in its chain: the request for the
// step that is due now, or the end of the chain. after is the record in which it
// is stored, and order the decision's own.
func (e *Engine) next(d *decision.Decision, end stepEnd, after ledger.Key, order, now time.Time) bus.Event {
	c := *d.Chain
	c.Steps = slices.Clone(c.Steps)
	c.After, c.Order = events.Link(after), order
	if !d.IsStep() {
		c.Type = d.Cause.Type
	}
	step := &c.Steps[c.At]
	if c.Undo {
		step.State, step.Error = events.StepUndone, end.why
		if end.state == events.StepFailed {
			step.State = events.StepUndoFailed
		}
	} else {
		step.State, step.Changed, step.JobID, step.Error = end.state, end.changed, end.jobID, end.why
	}
	switch failed := end.state == events.StepFailed; {
	case !c.Undo && !failed && c.At+1 < len(c.Steps):
		c.At++
		return e.requested(d, &c, now)
	case !c.Undo && !failed:
		return e.chainEnded(d, &c, events.TypeChainSucceeded, now)
	case c.Undo && failed, c.OnFailure != events.Undo:
		return e.chainEnded(d, &c, events.TypeChainFailed, now)
	}
	// What was changed is flipped back, last first.
	c.Undo = true
	for c.At--; c.At >= 0; c.At-- {
		if s := c.Steps[c.At]; s.State == events.StepDone && s.Changed {
			return e.requested(d, &c, now)
		}
	}
	return e.chainEnded(d, &c, events.TypeChainFailed, now)
}

// requested is the request for the step of a chain that is due.
func (e *Engine) requested(d *decision.Decision, c *decision.Chain, now time.Time) bus.Event {
	s := c.Steps[c.At]
	r := request{Switch: s.Switch, Enabled: s.Enabled != c.Undo, Target: s.Target, Options: s.Options, Ticket: ticketAsGiven(d), Chain: c}
	if c.Undo {
		r.Options = nil // they say how to switch on, not how it lay before
	}
	_, place, _ := e.decoder.Aim(s.Switch, s.Target)
	next := &decision.Decision{
		Switch: d.Switch, Place: place, Cause: d.Cause, Chain: c,
		CorrelationID: d.CorrelationID, TraceParent: d.TraceParent, TraceState: d.TraceState,
	}
	out := e.outEvent(next, events.TypeSwitchRequested, r)
	out.SetID(eventID(decision.KeyOf(c.Root), "chain", strconv.Itoa(next.Step())))
	out.SetTime(now)
	return written(out)
}

// chainEnded is the end of a chain.
func (e *Engine) chainEnded(d *decision.Decision, c *decision.Chain, typ string, now time.Time) bus.Event {
	steps := slices.Clone(c.Steps)
	for i := range steps {
		s := &steps[i]
		if c.OnFailure == events.Undo && typ == events.TypeChainFailed && s.State == events.StepDone && !s.Changed {
			s.Error = &events.Error{
				Code: events.Unresolved, Title: titles[events.Unresolved],
				Detail: "not flipped back: it cannot be told whether the step had changed anything",
			}
		}
		s.Options, s.Changed = nil, false
	}
	root := *d
	root.Chain = c
	out := e.outEvent(&root, typ, events.ChainEndedOf[json.RawMessage]{
		Cause: events.Cause{ID: c.Root.ID, Source: c.Root.Source, Type: c.Type, Ticket: d.Cause.Ticket}, Steps: steps,
	})
	out.SetID(eventID(decision.KeyOf(c.Root), "chain", "end"))
	out.SetTime(now)
	return written(out)
}

// ChainID names a chain: the extension chainid of all its events.
func ChainID(c *decision.Chain) string { return eventID(decision.KeyOf(c.Root), "chain") }

// ticketAsGiven is the ticket with the members that the contract does not name.
func ticketAsGiven(d *decision.Decision) json.RawMessage {
	if d.Ticket == nil {
		return nil
	}
	all := map[string]json.RawMessage{}
	raw, _ := json.Marshal(d.Ticket) // texts and times
	_ = json.Unmarshal(raw, &all)
	for name, value := range d.Further {
		all[name] = value
	}
	raw, _ = json.Marshal(all)
	return raw
}

// believed tells whether a step is one that the ledger has made due: the record
// that it names has stored this very request. Not ok: the result says so, to its
// sender alone. On record, or on the bus, it would stand in the way of the true
// one.
func (e *Engine) believed(ctx context.Context, d *decision.Decision, ev event.Event) (Result, bool) {
	rec, err := e.Ledger.Get(ctx, decision.KeyOf(d.Chain.After))
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err)), false
	}
	if o := rec.Outcome; o != nil {
		for _, raw := range o.Events {
			stored, err := bus.Parse(raw)
			if err != nil || stored.ID() != ev.ID() || stored.Source() != ev.Source() {
				continue
			}
			if same, meant, wrong := e.decoder.Decode(d.Switch, stored.Event); meant && wrong == nil && same.Content() == d.Content() {
				return Result{}, true
			}
		}
	}
	// What it follows may have expired since: a repeat is known by itself.
	if own, err := e.Ledger.Get(ctx, d.Key()); err == nil && own.Content == d.Content() {
		return Result{}, true
	} else if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err)), false
	}
	v := rejected(events.NotApproved, "no chain has made this step due")
	e.Observe(ctx, Step{Name: "chain", Decision: d, At: e.Now(), Result: string(v.code), Err: errors.New(v.detail)})
	r := e.unrecorded(d, events.RejectedOf[json.RawMessage]{
		Switch: d.Switch, Target: &d.Target, Enabled: &d.Enabled, Options: d.Options, Error: problem(v), Cause: d.Cause,
	})
	if !d.DryRun {
		e.arrived(ctx, d, r.Error)
	}
	return r, false
}

// ownBus is how a step comes in that nobody has brought: a policy that asks for
// its door knows no other.
func ownBus() admission.Admission { return admission.Admission{Door: admission.Bus} }

// Accept takes up a request of the engine's own, without doing anything of it
// yet: for a program whose bus is its own, and in which nothing else remembers
// it. It has been stored before, and need not be doubted. Other events are none
// of its business.
func (e *Engine) Accept(ctx context.Context, ev event.Event) error {
	if ev.Type() != events.TypeSwitchRequested {
		return nil
	}
	var data struct {
		Switch string `json:"switch"`
	}
	if err := json.Unmarshal(ev.Data(), &data); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	d, meant, wrong := e.decoder.Decode(data.Switch, ev)
	if !meant || wrong != nil || !d.IsStep() {
		return nil
	}
	d.Admission = ownBus()
	stored, err := json.Marshal(d)
	if err != nil {
		return err
	}
	now := e.Now()
	w := ledger.Wait{Due: now, Last: ledger.Note{At: now, Code: string(events.NotYet), Detail: "the next step of its chain"}}
	if err := e.Ledger.Wait(ctx, e.claim(ctx, d, stored, now), w); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	return nil
}
