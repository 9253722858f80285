package account

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Reader is what a decision's story is read from.
type Reader interface {
	// Decision reads one, or fails with [ledger.ErrNotFound].
	Decision(ctx context.Context, key ledger.Key) (ledger.Record, error)
	// Audit lists the audit trails, as [ledger.Export] does; of the decision's
	// own instance is enough.
	Audit(ctx context.Context, since time.Time) iter.Seq2[ledger.AuditLine, error]
}

// Fact is one line of a story: how something is, by Name, or what happened At a
// time.
type Fact struct {
	Name string
	At   time.Time
	Text string
}

// When is the fact's name, or its time.
func (f Fact) When() string {
	if f.Name != "" {
		return f.Name
	}
	return Stamp(f.At)
}

// Story is what is known of a decision: first how it is, then what happened when.
// With an error it is what could be told before.
func (e *Entry) Story(ctx context.Context, d Reader) (facts []Fact, err error) {
	row := func(name, format string, args ...any) {
		facts = append(facts, Fact{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	at := func(when time.Time, format string, args ...any) {
		if !when.IsZero() {
			facts = append(facts, Fact{At: when, Text: fmt.Sprintf(format, args...)})
		}
	}
	row("target", "%s", e.Asks.Place.Subject)
	if len(e.Asks.Options) > 0 {
		options, err := json.Marshal(e.Asks.Options)
		if err != nil {
			return facts, err
		}
		row("options", "%s", options)
	}
	row("event", "%s of %s, %s", e.Key.ID, e.Key.Source, e.Asks.Cause.Type)
	if k := e.Asks.Ticket; k != nil {
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
		return facts, nil
	}
	if e.Attempts > 1 {
		row("attempts", "%d", e.Attempts)
	}
	if err := e.tellOutcome(ctx, at, d); err != nil {
		return facts, err
	}
	at(e.Expire, "may be forgotten")
	return facts, nil
}

// tellApproval tells what let it in, or did not: by which door and whose key it
// came, whether its ticket is bound to it and spent on it, and which rules of the
// policy decided.
func (e *Entry) tellApproval(ctx context.Context, row func(string, string, ...any), d Reader) {
	if e.Asks.Door != "" {
		signed := ""
		if e.Asks.Signer != "" {
			signed = ", signed by " + e.Asks.Signer
		}
		row("came in by", "%s%s", e.Asks.Door, signed)
	}
	if k := e.Asks.Ticket; k != nil {
		switch {
		case e.Asks.Bound():
			row("bound", "by %s", k.Digest)
		case k.Digest != "":
			row("bound", "to something else: by %s, and this is %s", k.Digest, e.Asks.Digest)
		default:
			text := "no"
			if e.Asks.Digest != "" { // older versions kept none
				text += "; this is " + e.Asks.Digest
			}
			row("bound", "%s", text)
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
func (e *Entry) policies(ctx context.Context, d Reader) (rules []string, err error) {
	if e.Outcome == nil {
		return e.Last.Policies, nil
	}
	if e.Followed() {
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
func (e *Entry) tellOutcome(ctx context.Context, at func(time.Time, string, ...any), d Reader) error {
	o := e.Outcome
	how := e.Words()
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
		job, err := d.Decision(ctx, JobKey(out))
		switch {
		case errors.Is(err, ledger.ErrNotFound): // on AWS only its end is written down
		case err != nil:
			return err
		case job.Outcome == nil:
			at(job.First, "its job is followed, until %s at most", Stamp(job.Due))
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

// JobKey is where the job is followed that an out-event names.
func JobKey(out event.Event) ledger.Key {
	return ledger.Key{Switch: engine.JobFollow, Source: out.Source(), ID: out.ID()}
}
