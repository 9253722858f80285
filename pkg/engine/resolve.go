package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Fate is what became of a call, as an operator has found out.
type Fate string

// Fates.
const (
	// WasAccepted: it created a job.
	WasAccepted Fate = "accepted"
	// WasApplied: the switch is in the wanted position by it.
	WasApplied Fate = "applied"
	// WasAbsent: it had no effect.
	WasAbsent Fate = "absent"
)

// Resolution is an operator's word on a decision in doubt.
type Resolution struct {
	As Fate `json:"as"`
	// JobID is the job that was created, where accepted.
	JobID string `json:"job_id,omitempty"`
	// By is who says so; it is recorded.
	By string `json:"by"`
}

// Resolved is what a resolution has come to.
type Resolved struct {
	// Event is the completion event; none where the decision waits to be tried
	// again.
	Event json.RawMessage `json:"event,omitempty"`
	// Unpublished says why the event could not be published yet. The sweep does
	// it.
	Unpublished string `json:"unpublished,omitempty"`
}

// Resolve takes an operator's word for what became of a decision whose call
// may have been sent: in doubt still, or failed as unresolved. Its completion is
// settled and published, or, where the call had no effect, the decision waits to
// be tried again, at once and by every rule. A failed decision whose call
// certainly had none can be taken up again in the same way.
//
// It claims the decision as any delivery does, so that it never interferes with
// one at work: an error then says until when. A resolution that is repeated
// publishes what it settled.
func (e *Engine) Resolve(ctx context.Context, key ledger.Key, r Resolution) (Resolved, error) {
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	sw := e.byName[key.Switch]
	if sw == nil {
		return Resolved{}, fmt.Errorf("switch %q: not known", key.Switch)
	}
	if err := r.check(sw); err != nil {
		return Resolved{}, err
	}
	rec, err := e.Ledger.Get(ctx, key)
	if err != nil {
		return Resolved{}, err
	}
	d, err := e.stored(ctx, key)
	if err != nil {
		return Resolved{}, err
	}
	if o := rec.Outcome; o != nil && !o.Failed && o.By == r.By && o.Result == string(r.As) && o.JobID == r.JobID {
		return e.announce(ctx, d, rec.Key, rec.Nonce, o), nil
	}
	if err := r.fits(rec); err != nil {
		return Resolved{}, err
	}
	if err := e.unowned(ctx, d, r.JobID); err != nil {
		return Resolved{}, err
	}
	if o := rec.Outcome; o != nil && rec.Emitted.IsZero() {
		// What failed is said before it is taken up again.
		if r := e.done(ctx, d, rec); r.Kind == Later {
			return Resolved{}, errors.New(r.Error.Detail)
		}
	}
	return e.resolve(ctx, d, rec, r)
}

// check tells what is wrong with a resolution by itself.
func (r Resolution) check(sw *Registered) error {
	switch {
	case strings.TrimSpace(r.By) == "":
		return errors.New("who resolves it: found nothing, expected a name")
	case r.As != WasAccepted && r.As != WasApplied && r.As != WasAbsent:
		return fmt.Errorf("resolved as %q: expected %s, %s or %s", r.As, WasAccepted, WasApplied, WasAbsent)
	case r.As == WasAccepted && !sw.Creates():
		return fmt.Errorf("resolved as accepted: a call of %s creates no job; expected applied or absent", sw.Name)
	case r.As == WasAccepted && !plainID(r.JobID):
		return fmt.Errorf("job id: found %.64q, expected 1 to 64 letters, digits, hyphens and underscores", r.JobID)
	case r.As != WasAccepted && r.JobID != "":
		return fmt.Errorf("job id: found %.64q, expected none unless accepted", r.JobID)
	}
	return nil
}

// fits tells why a decision is not one to be resolved so.
func (r Resolution) fits(rec ledger.Record) error {
	switch {
	case rec.Outcome != nil && rec.Outcome.Final && r.As == WasAbsent:
		return errors.New("its chain has ended, and nothing of it is tried again; what it had to do needs a request of its own")
	case rec.Outcome != nil && !rec.Outcome.Failed:
		return fmt.Errorf("it was settled as %s at %s, and an outcome never changes", rec.Outcome.Result, stamp(rec.Outcome.At))
	case rec.Doubt, rec.State == ledger.Working:
		return nil
	case rec.State == ledger.Waiting:
		return fmt.Errorf("it is not in doubt: no call of it was sent; it waits until %s (%s: %s)", stamp(rec.Due), rec.Last.Code, rec.Last.Detail)
	case r.As != WasAbsent:
		return errors.New("it is not in doubt: its call certainly had no effect; resolve it as absent to have it tried again")
	}
	return nil
}

func (e *Engine) unowned(ctx context.Context, d *decision.Decision, job string) error {
	if job == "" {
		return nil
	}
	owners, err := e.Ledger.Owners(ctx, d.Place.Project, []string{job})
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if owner, owned := owners[job]; owned && owner != d.Key() {
		return fmt.Errorf("job %s belongs to the decision %s %s of %s", job, owner.Switch, owner.ID, owner.Source)
	}
	return nil
}

// resolve claims the decision and ends the claim as the operator says.
func (e *Engine) resolve(ctx context.Context, d *decision.Decision, rec ledger.Record, r Resolution) (Resolved, error) {
	now := e.Now()
	c := ledger.Claim{
		Key: rec.Key, Content: rec.Content, Project: rec.Project, Instance: rec.Instance, Slot: rec.Slot,
		Ticket: e.ticketOf(d), Reopen: true, Order: rec.Order, Stored: rec.Stored, Nonce: e.Nonce(), Now: now, Lease: e.deadline(ctx).Add(e.Quiet),
	}
	claimed, err := e.Ledger.Claim(ctx, c)
	e.Observe(ctx, Step{Name: "claim", Decision: d, At: now, Took: e.Now().Sub(now), Result: claimed.Verdict.String(), Err: err})
	switch {
	case err != nil:
		return Resolved{}, fmt.Errorf("ledger: %w", err)
	case claimed.Verdict == ledger.New && r.As != WasAbsent:
		w := ledger.Wait{Due: now, Last: claimed.Record.Last}
		return Resolved{}, errors.Join(errors.New("it is not in doubt any more"), e.Ledger.Release(ctx, c.Key, c.Nonce, w))
	case claimed.Verdict == ledger.New, claimed.Verdict == ledger.Resumed:
	default:
		return Resolved{}, unclaimed(c, claimed)
	}
	if r.As == WasAbsent {
		note := ledger.Note{At: now, Code: "resolved", Detail: r.By + " says that the call had no effect"}
		return Resolved{}, e.Ledger.Release(ctx, c.Key, c.Nonce, ledger.Wait{Due: now, Last: note, Absent: true})
	}
	v := completed(events.Result(r.As), r.JobID)
	v.by, v.maybe, v.policies = r.By, true, claimed.Record.Last.Policies
	v.closed = rec.Outcome != nil
	v.call = e.calling(ctx, d)
	o, _ := e.outcome(d, v, c.Nonce, rec.Order)
	began := e.Now()
	err = e.Ledger.Settle(ctx, c.Key, c.Nonce, o)
	e.Observe(ctx, Step{Name: "settle", Decision: d, At: began, Took: e.Now().Sub(began), Result: o.Result, JobID: o.JobID, Err: err})
	if err != nil {
		note := ledger.Note{At: now, Code: string(events.Doubt), Detail: err.Error()}
		return Resolved{}, errors.Join(err, e.Ledger.Lapse(ctx, c.Key, c.Nonce, now.Add(e.Quiet), false, note))
	}
	return e.announce(ctx, d, c.Key, c.Nonce, &o), nil
}

// unclaimed says why the decision cannot be resolved now.
func unclaimed(c ledger.Claim, claimed ledger.Claimed) error {
	switch claimed.Verdict {
	case ledger.Superseded:
		return errors.New("a newer decision on the same switch and target is already effective")
	case ledger.Spent:
		return errors.New(spent(c.Ticket, claimed.Owner).detail)
	case ledger.Held:
		return &HeldError{Until: claimed.Holder.Until, By: claimed.Holder.Key, Own: claimed.Holder.Key == c.Key, Quiet: claimed.Holder.Quiet}
	}
	return fmt.Errorf("it was taken over meanwhile: %s", claimed.Verdict)
}

// HeldError says that a decision cannot be resolved before a hold has ended.
type HeldError struct {
	Until time.Time  `json:"until"`
	By    ledger.Key `json:"by"`
	// Own: the decision holds its instance itself. Quiet: it is at rest.
	Own   bool `json:"own,omitempty"`
	Quiet bool `json:"quiet,omitempty"`
}

func (e *HeldError) Error() string {
	switch until := stamp(e.Until); {
	case e.Own && e.Quiet:
		return "its last attempt may still take effect, until " + until + "; then it is looked up, or can be resolved"
	case e.Own:
		return "an attempt of it is at work, until " + until + " at most"
	default:
		return "the instance is held by " + e.By.Switch + " " + e.By.ID + ", until " + until + " at most"
	}
}

// announce publishes the completion that was settled.
func (e *Engine) announce(ctx context.Context, d *decision.Decision, key ledger.Key, nonce string, o *ledger.Outcome) Resolved {
	r := Resolved{Event: o.Events[0]}
	if done := e.done(ctx, d, ledger.Record{Key: key, Nonce: nonce, Outcome: o}); done.Kind == Later {
		r.Unpublished = done.Error.Detail
	}
	return r
}
