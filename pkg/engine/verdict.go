package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// verdict is what an attempt has come to: an end (result is set), or something
// to be tried again.
type verdict struct {
	result Kind
	// How it completed.
	took     events.Result
	jobID    string
	inferred bool
	// Why it did not.
	code   events.Code
	detail string
	fields []events.Field
	cloud  *events.Cloud
	// For the audit trail: the rules that decided, the call that was sent (maybe:
	// by an earlier attempt), and who resolved it by hand.
	policies []string
	call     *Request
	maybe    bool
	by       string
	// Of a step of a chain: changed, it is known to have been in the other
	// position; untold, it lies as wanted, and that may be the chain's own doing;
	// closed, its chain has ended already.
	changed, untold, closed bool
	// doubt of a failed decision is kept.
	doubt bool
	// What an attempt that lets go leaves behind, and for how long.
	effect Effect
	wait   time.Duration
	// patient: what is in the way ends by itself, and is no reason to give up.
	patient bool
}

func (v verdict) word() string {
	if v.result == Completed {
		return string(v.took)
	}
	return string(v.code)
}

func completed(took events.Result, jobID string) verdict {
	return verdict{result: Completed, took: took, jobID: jobID}
}

func rejected(code events.Code, detail string) verdict {
	return verdict{result: Rejected, code: code, detail: detail}
}

func failed(code events.Code, detail string) verdict {
	return verdict{result: Failed, code: code, detail: detail}
}

func (e *Engine) gaveUp(last events.Code, why error) verdict {
	return failed(events.GaveUp, fmt.Sprintf("given up after %s; last: %s, %v", e.GiveUp, last, why))
}

func waiting(code events.Code, wait time.Duration, why error) verdict {
	return verdict{code: code, wait: wait, detail: why.Error()}
}

func halted() verdict {
	v := waiting(events.Unavailable, haltWait, errHalted)
	v.patient = true
	return v
}

func inDoubt(why error, took bool) verdict {
	v := verdict{code: events.Doubt, detail: why.Error(), effect: Possible}
	if took {
		v.effect = Certain
	}
	return v
}

// classify is the one place that tells what a call's answer means for its
// decision: it took effect, it is refused for good, it is to be tried again
// because it certainly had no effect, or nobody knows.
func (a *attempt) classify(jobID string, err error) verdict {
	if err == nil {
		switch {
		case a.sw.Creates() && !plainID(jobID):
			return inDoubt(fmt.Errorf("job id: found %.64q, expected 1 to 64 letters, digits, hyphens and underscores", jobID), true)
		case a.sw.Creates():
			return completed(events.Accepted, jobID)
		}
		return completed(events.Applied, "")
	}
	var f Failure
	if !errors.As(err, &f) {
		return inDoubt(err, false)
	}
	v := meaning(f)
	v.cloud = f.Cloud()
	return v
}

func meaning(f Failure) verdict {
	switch f.Effect() {
	case Certain:
		return inDoubt(f, true)
	case Possible:
		return inDoubt(f, false)
	}
	switch f.Reason() {
	case Busy:
		return waiting(events.Busy, max(f.RetryAfter(), busyWait), f)
	case Throttled:
		return waiting(events.Throttled, max(f.RetryAfter(), cloudWait), f)
	case Denied:
		return waiting(events.CloudDenied, max(f.RetryAfter(), deniedWait), f)
	case Unreachable:
		return waiting(events.Unavailable, cloudWait, f)
	default:
		return rejected(events.CloudRefused, f.Error())
	}
}

// guard asks whether the call may be made, here and now. It is asked right
// before a call is sent and nowhere else, so that nothing that was done or may
// have been done is judged by it.
func (a *attempt) guard(ctx context.Context) (verdict, bool) {
	d, now := a.d, a.Now()
	if a.Halted(ctx) {
		return halted(), false
	}
	decided, dated := d.DecidedAt()
	start, end := window(d)
	switch {
	case dated && decided.After(now.Add(tolerance)):
		return rejected(events.Future, fmt.Sprintf("decided at %s, which is more than %s after now, %s", stamp(decided), tolerance, stamp(now))), false
	case !d.Approved():
		return rejected(events.NotApproved, "the ticket needs at least one approver who is not its requester"), false
	case d.Ticket != nil && d.Ticket.Digest != "" && !d.Bound():
		v := rejected(events.NotApproved, "the ticket was approved for something else: its digest does not fit what is asked")
		v.fields = []events.Field{{Path: "data.ticket.digest", Found: fmt.Sprintf("%.80q", d.Ticket.Digest), Expected: d.Digest}}
		return v, false
	case end != nil && !now.Before(*end):
		return rejected(events.WindowOver, fmt.Sprintf("the change window ended at %s; it is %s", stamp(*end), stamp(now))), false
	case dated && a.rec.Order.Before(now.Add(-a.Retention)):
		return rejected(events.Expired, fmt.Sprintf("decided at %s, which is longer ago than outcomes are kept (%s)", stamp(a.rec.Order), a.Retention)), false
	}
	if start != nil && now.Before(*start) {
		v := waiting(events.NotYet, start.Sub(now), fmt.Errorf("the change window opens at %s", stamp(*start)))
		v.patient = true
		return v, false
	}
	return a.permitted(ctx)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// window is when a decision may be applied; either end may be open.
func window(d *decision.Decision) (start, end *time.Time) {
	if d.Ticket == nil || d.Ticket.Window == nil {
		return nil, nil
	}
	return d.Ticket.Window.Start, d.Ticket.Window.End
}
