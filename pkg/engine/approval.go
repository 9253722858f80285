package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Policy says who may have what done, when. It is asked by the guard, after all
// rules of the engine's own, and can only forbid.
type Policy interface {
	// Ask answers whether a decision may be applied now. An error is neither yes
	// nor no: the decision waits.
	Ask(ctx context.Context, d *decision.Decision, now time.Time) (Permission, error)
}

// Permission is the answer of a [Policy].
type Permission struct {
	Granted bool
	// Policies are the ids of the rules that decided.
	Policies []string
	// Reason says it in words.
	Reason string
}

// Tickets asks for a ticket where it is kept.
type Tickets interface {
	// Confirm tells what the ticket's system says otherwise than a decision's
	// ticket; nothing where it says the same. An error is neither: it is asked
	// again after a while, which is 0 where that is not known.
	Confirm(ctx context.Context, d *decision.Decision) (against []events.Field, retryAfter time.Duration, err error)
}

// permitted asks the policy.
func (a *attempt) permitted(ctx context.Context) (verdict, bool) {
	if a.Policy == nil {
		return verdict{}, true
	}
	began := a.Now()
	p, err := a.Policy.Ask(ctx, a.d, began)
	word := "denied"
	switch {
	case err != nil:
		word = string(events.Unavailable)
	case p.Granted:
		word = "granted"
	}
	a.Observe(ctx, Step{Name: "policy", Decision: a.d, At: began, Took: a.Now().Sub(began), Result: word, Policies: p.Policies, Err: err})
	a.policies = p.Policies
	switch {
	case err != nil:
		return waiting(events.Unavailable, cloudWait, err), false
	case !p.Granted:
		v := rejected(events.Denied, p.Reason)
		v.policies = p.Policies
		return v, false
	}
	return verdict{}, true
}

// confirmed asks the ticket's system whether the ticket still says what the
// event says of it. No answer is no yes.
func (a *attempt) confirmed(ctx context.Context) (verdict, bool) {
	if a.Tickets == nil || a.d.Ticket == nil {
		return verdict{}, true
	}
	ctx, cancel := context.WithTimeout(ctx, max(a.left()-leastCall, 0))
	defer cancel()
	began := a.Now()
	against, wait, err := a.Tickets.Confirm(ctx, a.d)
	a.Observe(ctx, Step{Name: "ticket", Decision: a.d, At: began, Took: a.Now().Sub(began), Result: map[bool]string{true: "confirmed", false: "not confirmed"}[err == nil && len(against) == 0], Err: err})
	switch {
	case err != nil:
		return waiting(events.Unavailable, max(wait, cloudWait), err), false
	case len(against) > 0:
		v := rejected(events.NotApproved, "the ticket's own system says otherwise: "+worded(against))
		v.fields = against
		return v, false
	}
	// The answer took its time, in which a window may have ended: what has to hold
	// right before the call is asked again.
	return a.guard(ctx)
}

func worded(fields []events.Field) string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = fmt.Sprintf("%s: found %s, expected %s", f.Path, f.Found, f.Expected)
	}
	return strings.Join(words, "; ")
}

// ticketOf is the ticket that a decision spends; empty where it spends none: the
// root of a chain has spent it for its steps. Two spellings that look alike are
// one.
func (e *Engine) ticketOf(d *decision.Decision) string {
	if d.Ticket == nil || e.ReusableTickets || d.IsStep() {
		return ""
	}
	return decision.Principal(d.Ticket.ID)
}

func spent(ticket string, owner ledger.Key) verdict {
	return rejected(events.TicketSpent, fmt.Sprintf("ticket %q was spent on the same switch and target by event %q of %q; another change needs another ticket", ticket, owner.ID, owner.Source))
}

func inUse(ticket string, owner ledger.Key) error {
	return fmt.Errorf("ticket %q is in use by event %q of %q, which has not come to its end", ticket, owner.ID, owner.Source)
}

// audited is what the audit trail tells of the end of a decision: who asked, who
// approved, which policy said yes, what was called, what the cloud said.
type audited struct {
	Switch  string          `json:"switch"`
	Target  json.RawMessage `json:"target"`
	Enabled bool            `json:"enabled"`
	Options map[string]any  `json:"options,omitempty"`
	Cause   events.Cause    `json:"cause"`
	Door    string          `json:"door,omitempty"`
	Signer  string          `json:"signer,omitempty"`
	Ticket  *events.Ticket  `json:"ticket,omitempty"`
	// Bound: the ticket was approved for just this.
	Bound bool `json:"bound,omitempty"`
	// Policies are the rules that decided, as far as that is known: a process
	// that died with its call on the way took it along.
	Policies []string `json:"policies,omitempty"`
	// Call was sent; where MayBe, perhaps.
	Call  *Request `json:"call,omitempty"`
	MayBe bool     `json:"may_be,omitempty"`
	// The end.
	Result string        `json:"result"`
	Code   events.Code   `json:"code,omitempty"`
	Detail string        `json:"detail,omitempty"`
	JobID  string        `json:"job_id,omitempty"`
	Cloud  *events.Cloud `json:"cloud,omitempty"`
	// By is the operator who resolved it by hand.
	By string `json:"by,omitempty"`
}

// audit is the audit trail's word on an outcome.
func audit(d *decision.Decision, v verdict, o *ledger.Outcome) json.RawMessage {
	// A struct of texts, and JSON that was read: it always encodes.
	raw, _ := json.Marshal(audited{
		Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options, Cause: d.Cause,
		Door: d.Door, Signer: d.Signer, Ticket: d.Ticket, Bound: d.Bound(),
		Policies: v.policies, Call: v.call, MayBe: v.call != nil && v.maybe,
		Result: o.Result, Code: v.code, Detail: v.detail, JobID: v.jobID, Cloud: v.cloud, By: v.by,
	})
	return raw
}
