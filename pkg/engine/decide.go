package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// rounds bounds how many lapsed holds of others one delivery finishes before it
// leaves the rest to the next.
const rounds = 4

// decide claims the decision and acts on the ledger's verdict. The claim comes
// before any judgement: a repeat or a resumed decision is never judged again by
// a clock or a policy that has moved on.
func (e *Engine) decide(ctx context.Context, d *decision.Decision) Result {
	stored, err := json.Marshal(d)
	if err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, err)
	}
	for range rounds {
		began := e.Now()
		c := e.claim(ctx, d, stored, began)
		claimed, err := e.Ledger.Claim(ctx, c)
		e.Observe(ctx, Step{Name: "claim", Decision: d, At: began, Took: e.Now().Sub(began), Result: claimed.Verdict.String(), Err: err})
		if err != nil {
			return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
		}
		if claimed.Verdict != ledger.Reused {
			if d, err = e.first(d, stored, claimed.Record); err != nil {
				return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
			}
		}
		switch claimed.Verdict {
		case ledger.New:
			return e.attempt(d, c, claimed).fresh(ctx)
		case ledger.Resumed:
			return e.attempt(d, c, claimed).resumed(ctx)
		case ledger.Done:
			return e.done(ctx, d, claimed.Record)
		case ledger.Reused:
			return e.refuse(ctx, e.reusedRejection(d))
		case ledger.Superseded:
			return e.reject(ctx, d, c, rejected(events.Superseded, "a newer decision on the same switch and target is already effective"))
		case ledger.Spent:
			return e.reject(ctx, d, c, spent(c.Ticket, claimed.Owner))
		case ledger.Held:
			if claimed.Holder.Key != c.Key && claimed.Holder.Until.Before(e.Now()) && e.finish(ctx, claimed.Holder.Key) {
				continue
			}
			return e.held(ctx, d, c, claimed)
		default:
			return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger answered verdict %d", claimed.Verdict))
		}
	}
	return e.later(ctx, d, events.Held, heldWait, nil)
}

// claim is the claim of a decision.
func (e *Engine) claim(ctx context.Context, d *decision.Decision, stored []byte, now time.Time) ledger.Claim {
	c := ledger.Claim{
		Key: d.Key(), Content: d.Content(),
		Project: d.Place.Project, Instance: d.Place.Instance, Ticket: e.ticketOf(d),
		Slot: d.Slot(), Order: d.Order(now), Stored: stored,
		Nonce: e.Nonce(), Now: now, Lease: e.deadline(ctx).Add(e.Quiet),
	}
	if c.Ticket != "" && d.Chain != nil {
		c.Also = e.decoder.Slots(d.Chain)
	}
	return c
}

// first is a decision as its first delivery told it: by that it is judged, for
// what a ticket says of itself, when it was approved or of which digest, is no
// part of its content. A repeat that says it otherwise changes nothing. Where it
// had come in by no door, as what an earlier version stored, the repeat's counts.
func (e *Engine) first(d *decision.Decision, stored []byte, rec ledger.Record) (*decision.Decision, error) {
	if len(rec.Stored) == 0 || bytes.Equal(rec.Stored, stored) {
		return d, nil
	}
	first, err := e.decoder.Restore(rec.Stored)
	if err != nil {
		return d, err
	}
	if first.Door == "" {
		first.Admission = d.Admission
	}
	first.Recorded = rec.Content
	return first, nil
}

// finish takes up a decision that was left on the instance: its call may have
// been sent, so its hold is not stolen. It reports whether the hold is gone.
func (e *Engine) finish(ctx context.Context, key ledger.Key) bool {
	d, err := e.stored(ctx, key)
	if err != nil {
		return false
	}
	return e.decide(ctx, d).Kind != Later
}

func (e *Engine) stored(ctx context.Context, key ledger.Key) (*decision.Decision, error) {
	rec, err := e.Ledger.Get(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	d, err := e.decoder.Restore(rec.Stored)
	if err == nil {
		d.Recorded = rec.Content
	}
	return d, err
}

// done answers with the stored outcome. Where its event is not marked
// published, this delivery publishes it too before it acknowledges.
func (e *Engine) done(ctx context.Context, d *decision.Decision, rec ledger.Record) Result {
	out, err := storedEvents(rec.Outcome)
	switch {
	case err != nil:
		return e.later(ctx, d, events.Unavailable, ledgerWait, err)
	case rec.Emitted.IsZero():
		return e.emit(ctx, d, rec.Key, rec.Nonce, rec.Outcome, out)
	}
	return resultOf(d, rec.Outcome, out)
}

// held notes that the decision waits, so that it is taken up even if nobody
// delivers it again.
func (e *Engine) held(ctx context.Context, d *decision.Decision, c ledger.Claim, claimed ledger.Claimed) Result {
	h := claimed.Holder
	wait := min(max(h.Until.Sub(c.Now), leastWait), heldWait)
	if h.Key == c.Key {
		if h.Quiet {
			return e.later(ctx, d, events.Doubt, max(h.Until.Sub(c.Now), leastWait), errors.New("an earlier attempt may have taken effect; it is looked up when the cloud has had time to show it"))
		}
		return e.later(ctx, d, events.Held, wait, errors.New("another delivery of this event is at work"))
	}
	why := fmt.Errorf("the instance is held by %s %s", h.Key.Switch, h.Key.ID)
	if claimed.Owner != (ledger.Key{}) {
		why = inUse(c.Ticket, claimed.Owner)
	}
	if claimed.Record.State != ledger.Settled && e.tooOld(claimed.Record.Pursued, c.Now) {
		return e.reject(ctx, d, c, e.gaveUp(events.Held, why))
	}
	w := ledger.Wait{Due: c.Now.Add(wait), Last: ledger.Note{At: c.Now, Code: string(events.Held), Detail: why.Error()}}
	if err := e.Ledger.Wait(ctx, c, w); err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	r := e.later(ctx, d, events.Held, wait, why)
	// One that failed in doubt stays as it is: its spans are on record.
	r.Stored = !claimed.Record.Doubt
	return r
}

// reject settles a decision that holds nothing.
func (e *Engine) reject(ctx context.Context, d *decision.Decision, c ledger.Claim, v verdict) Result {
	o, out := e.outcome(d, v, c.Nonce, c.Order)
	began := e.Now()
	err := e.Ledger.Reject(ctx, c, o)
	e.Observe(ctx, Step{Name: "settle", Decision: d, At: began, Took: e.Now().Sub(began), Result: o.Code, Err: err})
	switch {
	case errors.Is(err, ledger.ErrLost):
		return e.later(ctx, d, events.Held, leastWait, errors.New("another delivery of this event is at work"))
	case err != nil:
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	return e.emit(ctx, d, c.Key, c.Nonce, &o, out)
}

// refuse answers an event that is not recorded: one that cannot be read, or
// whose id was used for something else. Its rejection has an id by its content,
// so that every delivery gives the same.
func (e *Engine) refuse(ctx context.Context, r Result) Result {
	if err := e.publish(ctx, r.Decision, []bus.Event{*r.Event}); err != nil {
		return e.later(ctx, r.Decision, events.Unavailable, busWait, err)
	}
	e.arrived(ctx, r.Decision, r.Error)
	return r
}

// ignored answers an event that is not meant for the function, or that asks for
// nothing.
func (e *Engine) ignored(ctx context.Context, d *decision.Decision, code events.Code, detail string) Result {
	r := Result{Kind: Ignored, Error: &events.Error{Code: code, Title: "The event is not meant for this function", Detail: detail}}
	if !d.DryRun {
		e.arrived(ctx, d, r.Error)
	}
	return r
}

// emit publishes an outcome's events, marks them published, and is the result. A
// result that is later says why this could not be done.
func (e *Engine) emit(ctx context.Context, d *decision.Decision, key ledger.Key, nonce string, o *ledger.Outcome, out []bus.Event) Result {
	if err := e.publish(ctx, d, out); err != nil {
		return e.later(ctx, d, events.Unavailable, busWait, err)
	}
	now := e.Now()
	// Kept for a little longer than the guard takes decisions that are not on
	// record: those who judge by their own clocks must not disagree.
	if err := e.Ledger.Mark(ctx, key, nonce, now, now.Add(e.Retention+tolerance)); err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	return resultOf(d, o, out)
}

// storedEvents are the events of an outcome that was stored.
func storedEvents(o *ledger.Outcome) ([]bus.Event, error) {
	out := make([]bus.Event, len(o.Events))
	for i, raw := range o.Events {
		var err error
		if out[i], err = bus.Parse(raw); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (e *Engine) publish(ctx context.Context, d *decision.Decision, out []bus.Event) error {
	began := e.Now()
	err := e.Bus.Publish(ctx, out...)
	for i := range out {
		e.Observe(ctx, Step{Name: "emit", Decision: d, At: began, Took: e.Now().Sub(began), Result: out[i].Type(), Event: &out[i], Err: err})
	}
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}
