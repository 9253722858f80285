package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// outcome is the verdict as the ledger keeps it, and its event. A
// decision may end more than once: it is taken up again where it failed, and is
// as new after the retention. Each end is an event of its own, told apart by the
// nonce of the claim that ended so. A count of the ends would be read before it
// is written, and so be used twice; and it is forgotten with the decision.
func (e *Engine) outcome(d *decision.Decision, v verdict, nonce string, order time.Time) (ledger.Outcome, []bus.Event) {
	o := ledger.Outcome{
		Result: string(v.result), Code: string(v.code), At: e.Now().UTC(), JobID: v.jobID,
		Effective: v.result == Completed, Failed: v.result == Failed, Doubt: v.doubt,
	}
	if v.jobID != "" {
		// Another may be looked up for as long as the cloud tells of it.
		o.JobExpire = o.At.Add(max(e.Retention, memory))
	}
	var typ string
	var data any
	switch v.result {
	case Completed:
		o.Result, o.Tag = string(v.took), d.Tag
		typ = events.TypeSwitchCompleted
		data = events.CompletedOf[json.RawMessage]{
			Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options,
			Result: v.took, JobID: v.jobID, Inferred: v.inferred, Cause: d.Cause,
		}
	default:
		typ = events.TypeSwitchRejected
		if v.result == Failed {
			typ = events.TypeSwitchFailed
		}
		data = events.RejectedOf[json.RawMessage]{
			Switch: d.Switch, Target: &d.Target, Enabled: &d.Enabled, Options: d.Options,
			Error: problem(v), Cause: d.Cause,
		}
	}
	of := *d
	if v.closed {
		of.Chain = nil // nothing goes on by the end of its job
	}
	out := e.outEvent(&of, typ, data)
	out.SetID(eventID(d.Key(), typ, d.Content(), nonce))
	out.SetTime(o.At)
	o.By, o.Changed, o.Final = v.by, v.changed, o.Failed && d.Chain != nil
	o.Audit = audit(d, v, &o)
	all := []bus.Event{written(out)}
	if end, ok := stepEndOf(d, v); ok {
		all = append(all, e.next(d, end, d.Key(), order, o.At))
	}
	o.Events = jsonOf(all)
	return o, all
}

func jsonOf(all []bus.Event) []json.RawMessage {
	raw := make([]json.RawMessage, len(all))
	for i := range all {
		raw[i] = all[i].JSON
	}
	return raw
}

// denying are the rules that said no.
func (v verdict) denying() []string {
	if v.code != events.Denied {
		return nil
	}
	return v.policies
}

func problem(v verdict) events.Error {
	return events.Error{Code: v.code, Title: titles[v.code], Detail: v.detail, Fields: v.fields, Policy: v.denying(), Cloud: v.cloud}
}

// titles say in a few words what each code means, the same for every event.
var titles = map[events.Code]string{
	events.InvalidEvent: "The event is not a valid CloudEvent",
	events.InvalidData:  "The event's data is not what its type asks for",
	events.NotApproved:  "The change is not approved",
	events.WindowOver:   "The change window is over",
	events.Future:       "The decision lies in the future",
	events.Superseded:   "A newer decision is in effect",
	events.Expired:      "The decision is too old",
	events.TicketSpent:  "The ticket has been spent",
	events.IDReused:     "The event's id was used for something else",
	events.Denied:       "A policy forbids the change",
	events.CloudRefused: "The cloud refused the request",
	events.Unresolved:   "It is not known whether the request took effect",
	events.GaveUp:       "The decision was given up",
	events.Held:         "Another decision is at work on the instance",
	events.NotYet:       "The change window is not open yet",
	events.Busy:         "The instance is busy with another operation",
	events.Throttled:    "The cloud limits the rate of requests",
	events.Doubt:        "It is not known yet whether the request took effect",
	events.CloudDenied:  "The cloud does not let us in",
	events.Unavailable:  "The request cannot be handled now",
}

// outEvent is an out-event but for its id and time.
func (e *Engine) outEvent(d *decision.Decision, typ string, data any) event.Event {
	out := event.New()
	out.SetType(typ)
	out.SetSource("urn:interlock:" + d.Switch)
	if d.Place.Instance != "" {
		out.SetSubject(d.Place.Subject)
	}
	if e.DataSchema != nil {
		out.SetDataSchema(e.DataSchema(typ))
	}
	// The data is one of our own structs, which always encode. Bytes instead of
	// the struct would go out in Base64, past every rule that looks into it.
	_ = out.SetData(event.ApplicationJSON, data)
	extend := func(name, value string) {
		if value != "" {
			out.SetExtension(name, value)
		}
	}
	extend("correlationid", d.CorrelationID)
	extend("causationid", d.Cause.ID)
	extend("partitionkey", d.Place.Instance)
	extend("traceparent", d.TraceParent)
	extend("tracestate", d.TraceState)
	if d.Chain != nil {
		extend("chainid", ChainID(d.Chain))
		extend("chainstep", strconv.Itoa(d.Step()))
	}
	return out
}

// eventID derives an out-event's id from what it is about: one id, one content,
// however often it is built.
func eventID(key ledger.Key, distinct ...string) string {
	h := sha256.New()
	for _, s := range append([]string{key.Switch, key.Source, key.ID}, distinct...) {
		fmt.Fprintf(h, "%d:%s", len(s), s)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func written(ev event.Event) bus.Event {
	// Writing fails only for an event that breaks the spec; the conformance tests
	// hold every kind of out-event against it.
	out, err := bus.New(ev)
	if err != nil {
		panic("out-event: " + err.Error())
	}
	return out
}

// resultOf is the result of an outcome that has these events.
func resultOf(d *decision.Decision, o *ledger.Outcome, out []bus.Event) Result {
	r := Result{Decision: d, Kind: Completed, Result: events.Result(o.Result)}
	switch {
	case o.Failed:
		r.Kind, r.Result = Failed, ""
	case !o.Effective:
		r.Kind, r.Result = Rejected, ""
	}
	if len(out) == 0 {
		return r
	}
	r.Event = &out[0]
	if r.Kind != Completed {
		var data events.RejectedOf[json.RawMessage]
		if json.Unmarshal(r.Event.Data(), &data) == nil {
			r.Error = &data.Error
		}
	}
	return r
}

// invalidRejection is the rejection of an event whose data is wrong.
func (e *Engine) invalidRejection(name string, in *decision.Invalid) Result {
	d := &decision.Decision{
		Switch: name, Cause: in.Cause, Time: in.Time,
		CorrelationID: in.CorrelationID, TraceParent: in.TraceParent, TraceState: in.TraceState,
	}
	var target *json.RawMessage
	if in.Target != nil {
		target, d.Place = &in.Target, in.Place
	}
	return e.unrecorded(d, events.RejectedOf[json.RawMessage]{
		Switch: in.Switch, Target: target, Enabled: in.Enabled, Options: in.Options, Cause: in.Cause,
		Error: events.Error{Code: events.InvalidData, Title: titles[events.InvalidData], Detail: in.Error(), Fields: in.Fields},
	})
}

// reusedRejection is the rejection of an event whose id was used before with
// another content.
func (e *Engine) reusedRejection(d *decision.Decision) Result {
	v := rejected(events.IDReused, fmt.Sprintf("id %q of source %q was used before for a different request; a new request needs a new id", d.Cause.ID, d.Cause.Source))
	return e.unrecorded(d, events.RejectedOf[json.RawMessage]{
		Switch: d.Switch, Target: &d.Target, Enabled: &d.Enabled, Options: d.Options, Error: problem(v), Cause: d.Cause,
	})
}

// unrecorded is a rejection that the ledger does not keep. Its id is a hash of
// the whole of it, and its time the causing event's: so that each delivery
// gives the same event.
func (e *Engine) unrecorded(d *decision.Decision, data events.RejectedOf[json.RawMessage]) Result {
	out := e.outEvent(d, events.TypeSwitchRejected, data)
	if !d.Time.IsZero() {
		out.SetTime(d.Time)
	}
	out.SetID("0")
	out.SetID(eventID(d.Key(), string(written(out).JSON)))
	written := written(out)
	return Result{Kind: Rejected, Event: &written, Error: &data.Error, Decision: d}
}

// later is the result of what is to be handled again.
func (e *Engine) later(ctx context.Context, d *decision.Decision, code events.Code, wait time.Duration, why error) Result {
	detail := titles[code]
	if why != nil {
		detail = why.Error()
	}
	e.Observe(ctx, Step{Name: "later", Decision: d, At: e.Now(), Took: wait, Result: string(code), Err: why})
	return Result{Kind: Later, Decision: d, RetryAfter: wait, Error: &events.Error{Code: code, Title: titles[code], Detail: detail}}
}
