// Package engine is the one way an event goes.
//
//	decode    an event becomes a decision, or is rejected with every field that is wrong
//	claim     the ledger says new, resumed, done, superseded, held or reused
//	apply     in doubt: look up first. Then the guard: may this be done, here, now? Then the call
//	settle    outcome and its event go to the ledger in one write, and the hold ends
//	emit      the event is published and marked so; only now is the delivery acknowledged
//
// An [Engine] keeps nothing between two events: whatever has to outlive an
// attempt is in the ledger. It may be killed between any two steps; the next
// delivery, or [Engine.Resume], goes on from what is stored.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Engine takes events through their switches. Its fields are read only.
type Engine struct {
	// Switches are all that there are: any function may have to finish a
	// decision of another switch that was left on the same instance.
	Switches []Registered
	// Region is that of the targets; an event whose target names another is not
	// meant for us. Empty: any.
	Region string

	Ledger ledger.Ledger
	Bus    bus.Bus

	// Quiet is how long a request may still take effect, and its job still be
	// hidden, after the attempt that sent it has ended. Default 60 s.
	Quiet time.Duration
	// Retention is how long an outcome is kept once its event is published.
	// Default 2160 h.
	Retention time.Duration
	// GiveUp is how long a decision is pursued. Default 24 h.
	GiveUp time.Duration
	// Unresolved is how long a doubt is. Default 1 h.
	Unresolved time.Duration
	// Reserve is the time kept back at the end of an invocation to settle and
	// emit. No call is started that could run into it. Default 3 s.
	Reserve time.Duration

	// DataSchema is where the schema of the data of a type of out-events is.
	// Default: they name none.
	DataSchema func(eventType string) string
	// Now is the wall clock. Default time.Now.
	Now func() time.Time
	// Sleep waits, in between the attempts to settle, until the context ends.
	// Default: a timer.
	Sleep func(context.Context, time.Duration) error
	// Nonce returns a random text, new for each claim. Default crypto/rand.
	Nonce func() string
	// DryRun makes every event a dry run, and leaves alone what the ledger has.
	DryRun bool
	// Offline: there is no ledger that knows whose a job or a step is, and nothing
	// but a rehearsal comes of anything.
	Offline bool
	// Halted tells whether all calls are to stop for now. Default never.
	Halted func(context.Context) bool
	// Policy is asked before each call. Default: the engine's own rules alone.
	Policy Policy
	// Tickets is asked before each call for the ticket that it rests on. Default:
	// a ticket is believed as the event has it.
	Tickets Tickets
	// ReusableTickets lets a ticket be spent on a switch and target more than
	// once, for whoever approves standing changes.
	ReusableTickets bool
	// Observe is told of each step's result. Default nobody.
	Observe func(context.Context, Step)

	decoder *decision.Decoder
	byName  map[string]*Registered
}

// Kind is how the handling of an event ended.
type Kind string

// Kinds of results.
const (
	Completed Kind = "completed"
	Rejected  Kind = "rejected"
	Failed    Kind = "failed"
	// Ignored: the event is not meant for this function.
	Ignored Kind = "ignored"
	// Later: nothing has been decided; the event is to be handled again.
	Later Kind = "later"
	// Rehearsed: it was a dry run.
	Rehearsed Kind = "rehearsed"
)

// Result is how the handling of an event ended.
type Result struct {
	Kind Kind
	// Result is how the cloud took it, where Completed.
	Result events.Result
	// Event is the out-event, where Completed, Rejected or Failed. It has been
	// published, but for the rejection of a dry run.
	Event *bus.Event
	// Error says why, where Rejected, Failed, Ignored or Later.
	Error *events.Error
	// RetryAfter is how long to wait, where Later.
	RetryAfter time.Duration
	// Stored: the ledger has it, where Later, with when it is due; the sweep
	// takes it up even if it is never delivered again.
	Stored bool
	// Decision is what the event asks for; nil where that could not be told.
	Decision *decision.Decision
	// Rehearsal is what would become of the event, where Rehearsed.
	Rehearsal *Rehearsal
}

// Step is the result of one step, for logs, metrics and people.
type Step struct {
	// Name is decode, claim, policy, ticket, lookup, call, settle, emit, later,
	// follow, dryrun, or arrival: that of what became no decision.
	Name     string
	Decision *decision.Decision
	At       time.Time
	Took     time.Duration
	// Result is the step's own word: a verdict, a result, a code.
	Result string
	// Detail says why, of an arrival.
	Detail string
	JobID  string
	// Policies are the rules that decided, where a policy was asked.
	Policies []string
	Err      error
	// Event is the out-event of emit.
	Event *bus.Event
}

// Init fills the defaults in and reports what is missing. It must be called
// once before the engine is used.
func (e *Engine) Init() error {
	if e.Ledger == nil || e.Bus == nil || len(e.Switches) == 0 {
		return errors.New("engine: switches, ledger and bus are needed")
	}
	setDefault(&e.Quiet, quiet)
	setDefault(&e.Retention, retention)
	setDefault(&e.GiveUp, giveUp)
	setDefault(&e.Unresolved, unresolved)
	setDefault(&e.Reserve, reserve)
	now := e.Now
	if now == nil {
		now = time.Now
	}
	// Wall clock only: a frozen process's monotonic clock stands still.
	e.Now = func() time.Time { return now().Round(0) }
	if e.Sleep == nil {
		e.Sleep = sleep
	}
	if e.Nonce == nil {
		e.Nonce = rand.Text
	}
	if e.Halted == nil {
		e.Halted = func(context.Context) bool { return false }
	}
	if e.Observe == nil {
		e.Observe = func(context.Context, Step) {}
	}
	e.byName = make(map[string]*Registered, len(e.Switches))
	specs := make([]decision.Spec, len(e.Switches))
	for i := range e.Switches {
		s := &e.Switches[i]
		e.byName[s.Name], specs[i] = s, s.spec
	}
	var err error
	e.decoder, err = decision.New(specs, e.Region)
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

// Handle takes an event through the named switch, or on from where an earlier
// delivery left it. The context's deadline is when the invocation ends; without
// one it is given 30 seconds. An event for a switch that there is not is to be
// handled later, by somebody who has it: what is ignored is gone.
func (e *Engine) Handle(ctx context.Context, name string, ev event.Event) Result {
	sw := e.byName[name]
	if sw == nil {
		return e.later(ctx, nil, events.Unavailable, haltWait, fmt.Errorf("there is no switch %q here", name))
	}
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	d, meant, invalid := e.decoder.DecodeIn(ctx, sw.Name, ev)
	if !meant {
		code, detail := e.decoder.Unmeant(ctx, sw.Name, ev)
		dry, _ := decision.DryRun(ev)
		return e.ignored(ctx, &decision.Decision{Switch: sw.Name, Cause: events.Cause{ID: ev.ID(), Source: ev.Source(), Type: ev.Type()}, CorrelationID: ev.ID(), DryRun: dry}, code, detail)
	}
	if invalid != nil {
		r := e.invalidRejection(sw.Name, invalid)
		if e.DryRun || invalid.DryRun || e.Offline {
			return r
		}
		return e.refuse(ctx, r)
	}
	d.Admission = admission.From(ctx)
	e.Observe(ctx, Step{Name: "decode", Decision: d, At: e.Now()})
	if d.IsStep() && !e.Offline {
		if r, ok := e.believed(ctx, d, ev); !ok {
			return r
		}
	}
	switch repeats, err := e.repeats(ctx, d); {
	case err != nil:
		return e.later(ctx, d, events.Unavailable, ledgerWait, err)
	case repeats:
		return e.ignored(ctx, d, SameTag, "the tag's value is the one that was told last")
	}
	if e.DryRun || d.DryRun || e.Offline {
		return e.rehearse(ctx, d)
	}
	return e.decide(ctx, d)
}

// Means tells whether an event is meant for the named switch. One that cannot be
// read is, for whoever reads it to say so.
func (e *Engine) Means(ctx context.Context, name string, ev event.Event) bool {
	_, meant, _ := e.decoder.DecodeIn(ctx, name, ev)
	return meant
}

// Resume goes on with a decision that the ledger holds, without a delivery: one
// whose lease ran out, that waits, or whose event was not published.
func (e *Engine) Resume(ctx context.Context, key ledger.Key) Result {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	if e.DryRun {
		return e.later(ctx, nil, events.Unavailable, haltWait, errDryRun)
	}
	rec, err := e.Ledger.Get(ctx, key)
	if err != nil {
		return e.later(ctx, nil, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	d, err := e.decoder.Restore(rec.Stored)
	switch {
	case rec.Outcome != nil && rec.Emitted.IsZero():
		if err != nil {
			// What is to be published is on record, even where the decision is not.
			d = &decision.Decision{Switch: key.Switch, Cause: events.Cause{Source: key.Source, ID: key.ID}}
		}
		return e.done(ctx, d, rec)
	case err != nil:
		return e.later(ctx, nil, events.Unavailable, ledgerWait, err)
	}
	d.Recorded = rec.Content
	return e.decide(ctx, d)
}

func (e *Engine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, invocation)
}

// deadline is when the invocation ends, by the engine's clock.
func (e *Engine) deadline(ctx context.Context) time.Time {
	end, _ := ctx.Deadline()
	return e.Now().Add(time.Until(end.Round(0)))
}
