package engine

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// JobFollow is the name of the function that follows jobs, and of its records
// in the ledger.
const JobFollow = "jobfollow"

// Follower follows each accepted job to its end, and says how it ended. It only
// reads the cloud: nothing is held, and the first terminal answer that reaches
// the ledger wins.
type Follower struct {
	// Engine is what the jobs come from; its Init must have been called.
	Engine *Engine
	// Patience is how long a job is followed. Default 2 h.
	Patience time.Duration
	// Kept, if set, has what is followed written down, and is told of it: in the
	// local program, where nothing else remembers it. On AWS the message in the
	// queue does.
	Kept func(*Followed)

	board jobBoard
}

// Followed is a job to follow, as the ledger stores it.
type Followed struct {
	Switch  string          `json:"switch"`
	Target  json.RawMessage `json:"target"`
	Enabled bool            `json:"enabled"`
	JobID   string          `json:"job_id"`
	// Place is where the target is. It is not stored; see [Follower.Restore].
	Place decision.Place `json:"-"`
	// Cause is the completion event that named the job, and Since its time.
	Cause         events.Cause `json:"cause"`
	Since         time.Time    `json:"since"`
	CorrelationID string       `json:"correlationid"`
	TraceParent   string       `json:"traceparent,omitempty"`
	TraceState    string       `json:"tracestate,omitempty"`

	// Owner is the decision that the completion event names, and Chained tells
	// that it is of a chain, which goes on when the job has ended.
	Owner   ledger.Key `json:"owner,omitzero"`
	Chained bool       `json:"chained,omitempty"`

	// owner is the decision's record, where it has been read: it has an effect,
	// and does not change any more.
	owner *ledger.Record
}

// decision is the followed job as if it were a decision, for the out-event and
// for whoever observes.
func (j *Followed) decision() *decision.Decision {
	return &decision.Decision{
		Switch: j.Switch, Target: j.Target, Place: j.Place, Enabled: j.Enabled, Cause: j.Cause, Time: j.Since,
		CorrelationID: j.CorrelationID, TraceParent: j.TraceParent, TraceState: j.TraceState,
	}
}

// Key is that of the job's record in the ledger.
func (j *Followed) Key() ledger.Key {
	return ledger.Key{Switch: JobFollow, Source: j.Cause.Source, ID: j.Cause.ID}
}

// Handle takes a completion event up and looks after its job once. Events that
// name no job are ignored.
func (f *Follower) Handle(ctx context.Context, ev event.Event) Result {
	ctx, cancel := f.Engine.bounded(ctx)
	defer cancel()
	j, r := f.followed(ev)
	if j != nil && !f.Engine.Offline {
		if j, r = f.owned(ctx, ev, j); j == nil {
			return r
		}
	}
	asked, _ := decision.DryRun(ev)
	dryRun := asked || f.Engine.DryRun || f.Engine.Offline
	switch {
	case r.Kind == Ignored, r.Event != nil && dryRun:
		return r
	case r.Event != nil:
		return f.Engine.refuse(ctx, r)
	case dryRun:
		return f.rehearse(ctx, j)
	}
	if err := f.keep(ctx, j); err != nil {
		return f.Engine.later(ctx, j.decision(), events.Unavailable, ledgerWait, err)
	}
	return f.Look(ctx, j)
}

// Accept takes a completion event up without looking after its job yet. An event
// that names no job to follow is none of its business.
func (f *Follower) Accept(ctx context.Context, ev event.Event) error {
	j, r := f.followed(ev)
	if r.Kind != "" {
		return nil
	}
	return f.keep(ctx, j)
}

// Resume goes on with a job that the ledger knows of, without a delivery.
func (f *Follower) Resume(ctx context.Context, key ledger.Key) Result {
	e := f.Engine
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	if e.DryRun {
		return e.later(ctx, nil, events.Unavailable, haltWait, errDryRun)
	}
	rec, err := e.Ledger.Get(ctx, key)
	var j *Followed
	if err == nil {
		j, err = f.Restore(rec.Stored)
	}
	switch {
	case err != nil:
		return e.later(ctx, nil, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	case rec.Outcome != nil:
		return f.done(ctx, j, rec)
	}
	return f.Look(ctx, j)
}

// Restore reads a followed job that was stored as JSON.
func (f *Follower) Restore(stored []byte) (*Followed, error) {
	j := new(Followed)
	if err := json.Unmarshal(stored, j); err != nil {
		return nil, fmt.Errorf("stored job: %w", err)
	}
	var wrong []events.Field
	if j.Target, j.Place, wrong = f.Engine.decoder.Aim(j.Switch, j.Target); len(wrong) > 0 {
		return nil, fmt.Errorf("stored job: %s: found %s, expected %s", wrong[0].Path, wrong[0].Found, wrong[0].Expected)
	}
	return j, nil
}

// done answers with the end that is written down, and publishes it where that
// is not marked as done.
func (f *Follower) done(ctx context.Context, j *Followed, rec ledger.Record) Result {
	return endOf(f.Engine.done(ctx, j.decision(), rec), rec.Outcome)
}

// keep writes a job down. It is due when patience ends: until then a timer
// looks, which is rebuilt from these records after a restart.
func (f *Follower) keep(ctx context.Context, j *Followed) error {
	if f.Kept == nil {
		return nil
	}
	c, err := f.claim(j)
	if err != nil {
		return err
	}
	w := ledger.Wait{Due: j.Since.Add(f.patience()), Last: ledger.Note{At: c.Now, Code: string(events.NotYet), Detail: "following job " + j.JobID}}
	if err := f.Engine.Ledger.Wait(ctx, c, w); err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	f.Kept(j)
	return nil
}

// Look asks once how the job is.
func (f *Follower) Look(ctx context.Context, j *Followed) Result {
	e := f.Engine
	ctx, cancel := e.bounded(ctx)
	defer cancel()
	d, now := j.decision(), e.Now()
	if e.DryRun {
		return e.later(ctx, d, events.Unavailable, haltWait, errDryRun)
	}
	age := now.Sub(j.Since)
	if age > memory {
		return f.settle(ctx, j, rejected(events.Expired, fmt.Sprintf("the job began at %s; the cloud forgets jobs after %s", stamp(j.Since), memory)), nil)
	}
	job, err := f.board.find(ctx, e, j, f.patience())
	if age >= f.patience() && job.State == JobOpen {
		// Nobody is given up by the list alone, nor by one that was read before.
		shown, why := e.byName[j.Switch].jobs.Show(ctx, j.Place.Project, j.JobID)
		switch {
		case why == nil && shown.ID != "":
			job, err = shown, nil
		case job.ID == "":
			err = errors.Join(err, why)
		}
	}
	e.Observe(ctx, Step{Name: "follow", Decision: d, At: now, Took: e.Now().Sub(now), Result: job.Status, JobID: j.JobID, Err: err})
	switch {
	case err == nil && job.State != JobOpen:
		return f.settle(ctx, j, verdict{}, &job)
	case age >= f.patience():
		job.FailReason = "still " + job.Status + " after " + f.patience().String()
		if job.ID == "" {
			job.Status, job.FailReason = events.NotSeen, "not found in "+f.patience().String()
		}
		if err != nil {
			job.FailReason = "not known after " + f.patience().String() + ": " + err.Error()
		}
		return f.settle(ctx, j, verdict{}, &job)
	case err != nil:
		return e.later(ctx, d, events.Unavailable, pace(age), err)
	}
	return e.later(ctx, d, events.NotYet, pace(age), fmt.Errorf("job %s is %s", j.JobID, orHidden(job.Status)))
}

func orHidden(status string) string {
	if status == "" {
		return "not to be found yet"
	}
	return status
}

func (f *Follower) patience() time.Duration {
	if f.Patience == 0 {
		return patience
	}
	return f.Patience
}

func (f *Follower) claim(j *Followed) (ledger.Claim, error) {
	stored, err := json.Marshal(j)
	if err != nil {
		return ledger.Claim{}, err
	}
	sum := sha256.Sum256([]byte(j.JobID))
	return ledger.Claim{
		Key: j.Key(), Content: hex.EncodeToString(sum[:]), Project: j.Place.Project, Instance: j.Place.Instance,
		Slot: JobFollow + " " + j.JobID, Order: j.Since, Stored: stored, Nonce: f.Engine.Nonce(), Now: f.Engine.Now(),
	}, nil
}

// settle writes the end down, unless one is written already, and publishes
// whichever came first.
func (f *Follower) settle(ctx context.Context, j *Followed, v verdict, job *Job) Result {
	e, d := f.Engine, j.decision()
	c, err := f.claim(j)
	if err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, err)
	}
	o, out, err := f.outcome(ctx, j, v, c.Nonce, job)
	if err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, err)
	}
	o.Listed = f.board.shows(e, j)
	began := e.Now()
	err = e.Ledger.Reject(ctx, c, o)
	e.Observe(ctx, Step{Name: "settle", Decision: d, At: began, Took: e.Now().Sub(began), Result: o.Result, JobID: j.JobID, Err: err})
	if errors.Is(err, ledger.ErrLost) {
		rec, err := e.Ledger.Get(ctx, c.Key)
		if err == nil && rec.Outcome != nil {
			return f.done(ctx, j, rec)
		}
		return e.later(ctx, d, events.Unavailable, ledgerWait, errors.Join(ledger.ErrLost, err))
	}
	if err != nil {
		return e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	if o.Listed {
		f.board.told(e, j)
	}
	return endOf(e.emit(ctx, d, c.Key, c.Nonce, &o, out), &o)
}

// endOf is the result of a job's end: the job's own failure is not ours.
func endOf(r Result, o *ledger.Outcome) Result {
	if r.Kind != Later && o.Code == "" {
		r.Kind, r.Result, r.Error = Completed, events.Applied, nil
	}
	return r
}

func (f *Follower) outcome(ctx context.Context, j *Followed, v verdict, nonce string, job *Job) (ledger.Outcome, []bus.Event, error) {
	e, d := f.Engine, j.decision()
	var o ledger.Outcome
	var all []bus.Event
	if job == nil {
		o, all = e.outcome(d, v, nonce, j.Since)
		o.Audit = nil // it is no decision
	} else {
		o = ledger.Outcome{At: e.Now().UTC(), Result: "job-succeeded"}
		typ := events.TypeJobSucceeded
		switch job.State {
		case JobFailed:
			o.Result, typ = "job-failed", events.TypeJobFailed
		case JobOpen:
			o.Result, typ = "job-unknown", events.TypeJobUnknown
		}
		out := e.outEvent(d, typ, events.JobEndedOf[json.RawMessage]{
			Switch: j.Switch, Target: j.Target, Enabled: j.Enabled, JobID: j.JobID, Job: *job.ended(), Cause: j.Cause,
		})
		out.SetID(eventID(j.Key(), typ, j.JobID, nonce))
		out.SetTime(o.At)
		all = []bus.Event{written(out)}
	}
	next, err := f.next(ctx, j, v, job, o.At)
	all = append(all, next...)
	o.Events = jsonOf(all)
	return o, all, err
}

// next is what follows the end of a job in the chain of its decision.
func (f *Follower) next(ctx context.Context, j *Followed, v verdict, job *Job, now time.Time) ([]bus.Event, error) {
	if !j.Chained {
		return nil, nil
	}
	e := f.Engine
	rec := j.owner
	if rec == nil {
		read, err := e.Ledger.Get(ctx, j.Owner)
		if err != nil {
			return nil, fmt.Errorf("ledger: %w", err)
		}
		rec = &read
	}
	d, err := e.decoder.Restore(rec.Stored)
	if err != nil {
		return nil, err
	}
	if d.Chain == nil || rec.Outcome == nil {
		return nil, nil
	}
	return []bus.Event{e.next(d, jobEnd(rec.Outcome, job, v), j.Key(), rec.Order, now)}, nil
}

// owned is the job that an event tells of, as the ledger has it: with the
// completion event of the decision that the event names, which must own the job.
// Whoever can write to the bus can make an event that looks like one. It ends
// nothing, and its rejection is for its sender alone: published, that would end
// the ticket that it names.
func (f *Follower) owned(ctx context.Context, ev event.Event, j *Followed) (*Followed, Result) {
	e, d := f.Engine, j.decision()
	rec, err := e.Ledger.Get(ctx, j.Owner)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		return nil, e.later(ctx, d, events.Unavailable, ledgerWait, fmt.Errorf("ledger: %w", err))
	}
	if o := rec.Outcome; o != nil && o.JobID == j.JobID {
		for _, raw := range o.Events {
			var stored event.Event
			if stored.UnmarshalJSON(raw) == nil && stored.ID() == ev.ID() && stored.Source() == ev.Source() {
				own, r := f.followed(stored)
				if own != nil {
					own.owner = &rec
				}
				return own, r
			}
		}
	}
	v := rejected(events.NotApproved, fmt.Sprintf("job %s is not that of the decision which the event names, or that decision's event is another", j.JobID))
	e.Observe(ctx, Step{Name: "follow", Decision: d, At: e.Now(), Result: string(v.code), JobID: j.JobID, Err: errors.New(v.detail)})
	return nil, e.unrecorded(d, events.RejectedOf[json.RawMessage]{Switch: j.Switch, Target: &j.Target, Enabled: &j.Enabled, Error: problem(v), Cause: j.Cause})
}

// followed reads a completion event. Its result is that of an event that is
// not followed: ignored, or rejected with each wrong field.
func (f *Follower) followed(ev event.Event) (*Followed, Result) {
	if ev.Type() != events.TypeSwitchCompleted {
		return nil, Result{Kind: Ignored}
	}
	var data events.CompletedOf[json.RawMessage]
	if err := json.Unmarshal(ev.Data(), &data); err != nil {
		return nil, f.wrong(ev, data, events.Field{Path: "data", Found: err.Error(), Expected: "the data of " + events.TypeSwitchCompleted})
	}
	if data.Result != events.Accepted || !f.Engine.decoder.Here(data.Target) {
		return nil, Result{Kind: Ignored}
	}
	var fields []events.Field
	check := func(path, found string) {
		if !plainID(found) {
			fields = append(fields, events.Field{Path: path, Found: fmt.Sprintf("%.64q", found), Expected: "1 to 64 letters, digits, hyphens and underscores"})
		}
	}
	check("data.job_id", data.JobID)
	if _, wrong := decision.DryRun(ev); wrong != nil {
		fields = append(fields, *wrong)
	}
	if sw := f.Engine.byName[data.Switch]; sw == nil || !sw.Creates() {
		fields = append(fields, events.Field{Path: "data.switch", Found: fmt.Sprintf("%.64q", data.Switch), Expected: "one of the switches that create jobs"})
	}
	target, place, wrong := f.Engine.decoder.Aim(data.Switch, data.Target)
	fields = append(fields, wrong...)
	if len(fields) > 0 {
		return nil, f.wrong(ev, data, fields...)
	}
	j := &Followed{
		Switch: data.Switch, Target: target, Place: place, Enabled: data.Enabled, JobID: data.JobID,
		Cause: events.Cause{ID: ev.ID(), Source: ev.Source(), Type: ev.Type(), Ticket: data.Cause.Ticket},
		Since: ev.Time(), CorrelationID: extension(ev, "correlationid"),
		TraceParent: extension(ev, "traceparent"), TraceState: extension(ev, "tracestate"),
		Owner:   ledger.Key{Switch: data.Switch, Source: data.Cause.Source, ID: data.Cause.ID},
		Chained: extension(ev, "chainid") != "",
	}
	// A time that no clock has told, as a year before 1970, is none.
	if j.Since.Year() < 1970 || j.Since.After(f.Engine.Now()) {
		j.Since = f.Engine.Now()
	}
	if j.CorrelationID == "" {
		j.CorrelationID = ev.ID()
	}
	return j, Result{}
}

func (f *Follower) wrong(ev event.Event, data events.CompletedOf[json.RawMessage], fields ...events.Field) Result {
	in := &decision.Invalid{
		Fields: fields, Cause: events.Cause{ID: ev.ID(), Source: ev.Source(), Type: ev.Type(), Ticket: data.Cause.Ticket},
		Time: ev.Time(), CorrelationID: extension(ev, "correlationid"),
		TraceParent: extension(ev, "traceparent"), TraceState: extension(ev, "tracestate"),
	}
	if in.Time.Year() < 1970 {
		in.Time = time.Time{}
	}
	return f.Engine.invalidRejection(JobFollow, in)
}

func extension(ev event.Event, name string) string {
	s, _ := ev.Extensions()[name].(string)
	return s
}

func plainID(s string) bool {
	return len(s) > 0 && len(s) <= 64 && strings.IndexFunc(s, func(r rune) bool {
		return !(r == '-' || r == '_' || '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z')
	}) < 0
}
