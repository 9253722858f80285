package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// attempt is one claim's work on a decision. It ends in exactly one of settle
// and let go.
type attempt struct {
	*Engine
	d     *decision.Decision
	sw    *Registered
	rec   ledger.Record
	nonce string
	// deadline is when the invocation ends, lease when the hold does.
	deadline, lease time.Time
	// doubt: an earlier attempt may have sent the call, or this one has.
	doubt bool
	// absent: a look-up has shown that the call had no effect until now.
	absent bool
	// superseded: a newer decision became effective while this one was failed
	// and in doubt.
	superseded bool
	// policies are the rules by which the policy decided, as far as known.
	policies []string
	// called: this attempt has sent the call. other: before that, the switch was
	// seen to be in the other position.
	called, other bool
	// jobID is the job that the answer to this attempt's call named, or to an
	// earlier one's that could not be settled.
	jobID string
}

func (e *Engine) attempt(d *decision.Decision, c ledger.Claim, claimed ledger.Claimed) *attempt {
	return &attempt{
		Engine: e, d: d, sw: e.byName[d.Switch], rec: claimed.Record, nonce: c.Nonce,
		deadline: c.Lease.Add(-e.Quiet), lease: c.Lease,
		doubt: claimed.Verdict == ledger.Resumed, superseded: claimed.Superseded,
		policies: claimed.Record.Last.Policies, jobID: claimed.Record.Last.JobID,
	}
}

// fresh is the attempt of a decision of which no call can have been sent.
func (a *attempt) fresh(ctx context.Context) Result {
	// Another event may have settled the same tag value while this one waited.
	switch told, err := a.told(ctx, a.d); {
	case err != nil:
		return a.end(ctx, waiting(events.Unavailable, ledgerWait, err))
	case told:
		return a.end(ctx, rejected(events.Superseded, "an event that came before has settled the same value of the tag; this one asks for nothing new"))
	}
	if a.looksFirst() {
		if v, go_ := a.guard(ctx); !go_ {
			return a.end(ctx, v)
		}
		switch there, read, err := a.alreadyThere(ctx); {
		case err != nil:
			return a.end(ctx, waiting(events.Unavailable, cloudWait, err))
		case there:
			return a.end(ctx, completed(events.Unchanged, ""))
		default:
			a.other = read
		}
	}
	return a.send(ctx)
}

// looksFirst tells whether the position is read before the call. Tag events
// repeat themselves by nature: whoever sends all tags at every change asks again
// for what already is. And what a chain may have to flip back, it must have
// changed.
func (a *attempt) looksFirst() bool {
	return a.sw.read != nil && (a.d.Tag != "" || a.d.Chain != nil && a.d.Chain.OnFailure == events.Undo)
}

// resumed is the attempt of a decision whose call may have been sent: nothing
// is sent before it has been looked up.
func (a *attempt) resumed(ctx context.Context) Result {
	switch {
	case a.Halted(ctx):
		return a.end(ctx, halted())
	case a.left() < leastCall:
		return a.end(ctx, waiting(events.Unavailable, leastWait, errNoTime))
	}
	if a.jobID != "" {
		return a.end(ctx, completed(events.Accepted, a.jobID))
	}
	if err := a.hidden(ctx); err != nil {
		return a.end(ctx, waiting(events.Doubt, a.Quiet, err))
	}
	began := a.Now()
	f := a.lookUp(ctx)
	a.Observe(ctx, Step{Name: "lookup", Decision: a.d, At: began, Took: a.Now().Sub(began), Result: f.String(), JobID: f.jobID, Err: f.err})
	switch f.state {
	case adopted:
		v := completed(events.Accepted, f.jobID)
		v.inferred = true
		return a.end(ctx, v)
	case asWanted:
		if a.rec.Known {
			return a.end(ctx, completed(events.Applied, ""))
		}
		v := completed(events.Unchanged, "")
		v.untold = true
		return a.end(ctx, v)
	case absent, repeatable:
		a.absent = f.state == absent
		if a.tooOld(a.rec.Pursued, a.Now()) {
			// A cloud that never says yes or no is not asked for ever.
			return a.end(ctx, a.abandoned(verdict{code: events.Code(a.rec.Last.Code), detail: a.rec.Last.Detail}))
		}
		if a.superseded {
			return a.end(ctx, rejected(events.Superseded, "a newer decision on the same switch and target is already effective"))
		}
		return a.send(ctx)
	default:
		return a.end(ctx, a.unresolved(f.err))
	}
}

// unresolved is the verdict of an attempt that sent nothing and leaves a doubt:
// what stays in doubt for too long is for an operator to resolve.
func (a *attempt) unresolved(why error) verdict {
	if a.Now().Sub(a.rec.Since) < a.Unresolved {
		return waiting(events.Doubt, a.Quiet, why)
	}
	v := failed(events.Unresolved, fmt.Sprintf("whether the call took effect could not be found out in %s: %v", a.Unresolved, why))
	v.doubt = true
	return v
}

var (
	errNoTime = errors.New("too little of the invocation is left to make the call and settle its answer")
	errHalted = errors.New("calls are halted by the operator")
)

// send asks the guard and makes the call.
func (a *attempt) send(ctx context.Context) Result {
	if v, go_ := a.guard(ctx); !go_ {
		return a.end(ctx, v)
	}
	if v, go_ := a.confirmed(ctx); !go_ {
		return a.end(ctx, v)
	}
	now, left := a.Now(), a.left()
	if left < leastCall {
		return a.end(ctx, waiting(events.Unavailable, leastWait, errNoTime))
	}
	call, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	job, err := a.sw.flip(call, a.d)
	a.called, a.jobID = true, job
	v := a.classify(job, err)
	if v.effect == Certain && !a.sw.Creates() && a.lookUpState(call).state == asWanted {
		v = completed(events.Applied, "")
	}
	a.Observe(ctx, Step{Name: "call", Decision: a.d, At: now, Took: a.Now().Sub(now), Result: v.word(), JobID: job, Err: err})
	return a.end(ctx, v)
}

// left is what is left for calls: the invocation's time, but for what it takes
// to settle and emit.
func (a *attempt) left() time.Duration { return a.deadline.Sub(a.Now()) - a.Reserve }

// end settles a verdict that ends the decision, and lets go of one that does
// not.
func (a *attempt) end(ctx context.Context, v verdict) Result {
	if v.result == Rejected && a.doubt && !a.absent {
		// An earlier call may have taken effect: what forbids another does not
		// undo it.
		v = a.unresolved(errors.New(v.detail))
	}
	if v.result == "" {
		return a.letGo(ctx, v)
	}
	v.policies, v.maybe = a.policies, !a.called
	if a.called || a.doubt && !a.absent {
		v.call = a.calling(ctx, a.d)
	}
	v.changed = v.changed || a.other && a.called
	o, out := a.outcome(a.d, v, a.nonce, a.rec.Order)
	err := a.settle(ctx, o)
	switch {
	case errors.Is(err, ledger.ErrJobTaken):
		// Of our own call the effect is known, whoever has the job.
		a.jobID = ""
		return a.letGo(ctx, inDoubt(fmt.Errorf("job %s belongs to another decision", o.JobID), !v.inferred))
	case errors.Is(err, ledger.ErrLost):
		return a.later(ctx, a.d, events.Held, leastWait, errors.New("another delivery has taken the decision over"))
	case err != nil && a.called && v.took != "":
		// What the answer said is not lost where a smaller write goes through.
		what := "the call took effect"
		if a.jobID != "" {
			what += ", as job " + a.jobID
		}
		return a.letGo(ctx, inDoubt(fmt.Errorf("%s, and could not be settled: ledger: %w", what, err), true))
	case err != nil:
		return a.later(ctx, a.d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	return a.emit(ctx, a.d, a.rec.Key, a.nonce, &o, out)
}

// settle writes the outcome down. That of a call which this attempt has made is
// tried again for as long as the invocation lasts: what its answer said, the job
// above all, may be found out nowhere else.
func (a *attempt) settle(ctx context.Context, o ledger.Outcome) error {
	left := a.deadline.Sub(a.Now()) - a.Reserve/2
	for wait := settleWait; ; wait = min(2*wait, mostSettleWait) {
		began := a.Now()
		err := a.Ledger.Settle(ctx, a.rec.Key, a.nonce, o)
		a.Observe(ctx, Step{Name: "settle", Decision: a.d, At: began, Took: a.Now().Sub(began), Result: o.Result, JobID: o.JobID, Err: err})
		left -= a.Now().Sub(began) + wait
		if err == nil || !a.called || errors.Is(err, ledger.ErrLost) || errors.Is(err, ledger.ErrJobTaken) || left < 0 || a.Sleep(ctx, wait) != nil {
			return err
		}
	}
}

// calling is the call of a decision, for people.
func (e *Engine) calling(ctx context.Context, d *decision.Decision) *Request {
	if preview := e.byName[d.Switch].preview; preview != nil {
		return preview(ctx, d)
	}
	return nil
}

// letGo ends the attempt and not the decision. Only without doubt is the hold
// given back; otherwise it stays, at rest for the quiet time.
func (a *attempt) letGo(ctx context.Context, v verdict) Result {
	now := a.Now()
	if v.effect == None && !v.patient && a.tooOld(a.rec.Pursued, now) {
		return a.end(ctx, a.abandoned(v))
	}
	note := ledger.Note{At: now, Code: string(v.code), Detail: v.detail, Patient: v.patient, Policies: a.policies, JobID: a.jobID}
	wait := v.wait
	var err error
	if a.doubt || v.effect != None {
		wait = max(wait, a.Quiet)
		err = a.Ledger.Lapse(ctx, a.rec.Key, a.nonce, now.Add(a.Quiet), v.effect == Certain, note)
	} else {
		if !v.patient {
			wait = grown(wait, a.rec.Attempts)
		}
		err = a.Ledger.Release(ctx, a.rec.Key, a.nonce, ledger.Wait{Due: now.Add(wait), Last: note})
	}
	if err != nil && !errors.Is(err, ledger.ErrLost) {
		// The hold ends by itself; until then the decision is in doubt.
		return a.later(ctx, a.d, events.Unavailable, max(wait, ledgerWait), fmt.Errorf("ledger: %w", err))
	}
	r := a.later(ctx, a.d, v.code, wait, errors.New(v.detail))
	r.Stored = true
	r.Error.Cloud = v.cloud
	return r
}

// abandoned is the end of a decision that was tried for long enough, by an
// attempt of which no call had an effect.
func (a *attempt) abandoned(last verdict) verdict {
	v := a.gaveUp(last.code, errors.New(last.detail))
	v.cloud, v.doubt = last.cloud, a.doubt && !a.absent
	return v
}

// tooOld tells whether a decision has been tried in vain for long enough.
func (e *Engine) tooOld(pursued, now time.Time) bool {
	return !pursued.IsZero() && now.Sub(pursued) >= e.GiveUp
}
