package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Rehearsal says what would become of an event: the answer to a dry run.
type Rehearsal struct {
	DryRun  bool            `json:"dry_run"`
	Switch  string          `json:"switch"`
	Target  json.RawMessage `json:"target"`
	Enabled bool            `json:"enabled"`
	Options map[string]any  `json:"options,omitempty"`
	Would   Would           `json:"would"`
	// Error says why it would be rejected or would wait.
	Error *events.Error `json:"error,omitempty"`
	// Request is what would be called.
	Request *Request `json:"request,omitempty"`
	// Now is the switch's position; missing where it cannot be read.
	Now *bool `json:"now,omitempty"`
	// Changes tells whether the call would change the position; missing where
	// that cannot be told.
	Changes *bool `json:"changes,omitempty"`
	// Warnings are what whoever approves it should know.
	Warnings []string `json:"warnings,omitempty"`
	// Then are the steps that follow in its chain.
	Then []RehearsedStep `json:"then,omitempty"`
	// Outcome is the stored result that would be given again.
	Outcome string `json:"outcome,omitempty"`
	// JobID and Job are what would be followed, and how it is.
	JobID string       `json:"job_id,omitempty"`
	Job   *events.Job  `json:"job,omitempty"`
	Cause events.Cause `json:"cause"`
}

// RehearsedStep is what a step of a chain would be once it is due. Whether its
// position is so already is asked then, and so are window and policy.
type RehearsedStep struct {
	Switch  string          `json:"switch"`
	Target  json.RawMessage `json:"target"`
	Enabled bool            `json:"enabled"`
	Options map[string]any  `json:"options,omitempty"`
	// Request is what would be called.
	Request  *Request `json:"request,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

var errDryRun = errors.New("this deployment only rehearses")

// Would is what would be done.
type Would string

// What would be done.
const (
	// WouldCall: the request would be sent.
	WouldCall Would = "call"
	// WouldLookUp: an earlier attempt may have sent it already, which would be
	// found out first.
	WouldLookUp Would = "look-up"
	// WouldRepeat: it is settled, and the stored outcome would be given again.
	WouldRepeat Would = "repeat"
	// WouldNotChange: a tag asks for what already is.
	WouldNotChange Would = "unchanged"
	// WouldReject and WouldWait: for the reason in the error.
	WouldReject Would = "reject"
	WouldWait   Would = "wait"
	// WouldFollow: the job would be asked for until it ends. WouldReport: it has
	// ended, and that would be published.
	WouldFollow Would = "follow"
	WouldReport Would = "report"
)

// rehearse goes through an event's steps without a trace: it reads the ledger
// and the cloud and asks the guard, but writes and publishes nothing.
func (e *Engine) rehearse(ctx context.Context, d *decision.Decision) Result {
	a := &attempt{Engine: e, d: d, sw: e.byName[d.Switch], deadline: e.deadline(ctx)}
	r := &Rehearsal{DryRun: true, Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options, Cause: d.Cause}
	now := e.Now()
	var err error
	switch a.rec, err = e.Ledger.Get(ctx, d.Key()); {
	case errors.Is(err, ledger.ErrNotFound):
		a.rec = ledger.Record{Order: d.Order(now), First: now, Since: now}
	case err != nil:
		r.off(waiting(events.Unavailable, ledgerWait, err))
		return e.rehearsed(ctx, d, r)
	}
	if a.rec.Content == d.Content() {
		if a.d, err = e.first(d, nil, a.rec); err != nil {
			r.off(waiting(events.Unavailable, ledgerWait, err))
			return e.rehearsed(ctx, d, r)
		}
	}
	r.foresee(ctx, a)
	r.read(ctx, a)
	if r.Would != WouldReject && r.Would != WouldRepeat {
		r.Warnings = a.warnings()
		r.follow(ctx, a)
	}
	return e.rehearsed(ctx, d, r)
}

func (e *Engine) rehearsed(ctx context.Context, d *decision.Decision, r *Rehearsal) Result {
	e.Observe(ctx, Step{Name: "dryrun", Decision: d, At: e.Now(), Result: string(r.Would), JobID: r.JobID})
	return Result{Kind: Rehearsed, Decision: d, Rehearsal: r}
}

// foresee tells what would be done, by the rules that the steps go by.
func (r *Rehearsal) foresee(ctx context.Context, a *attempt) {
	d, rec, now := a.d, a.rec, a.Now()
	recorded := rec.State != ""
	switch {
	case recorded && rec.Content != d.Content():
		r.Would, r.Error = WouldReject, a.reusedRejection(d).Error
		return
	case rec.Outcome != nil && (!rec.Outcome.Failed || rec.Emitted.IsZero()):
		r.Would, r.Outcome = WouldRepeat, rec.Outcome.Result
		return
	case rec.State == ledger.Working && !rec.Due.Before(now):
		r.off(waiting(events.Held, rec.Due.Sub(now), errors.New("another delivery of this event is at work, or was")))
		return
	case rec.State == ledger.Working:
		r.Would = WouldLookUp
		return
	}
	in, err := a.Ledger.Instance(ctx, d.Place.Project, d.Place.Instance)
	var use ledger.Use
	if err == nil {
		use, err = a.taken(ctx)
	}
	switch {
	case err != nil:
		r.off(waiting(events.Unavailable, ledgerWait, err))
	case !rec.Doubt && in.Marks[d.Slot()].After(rec.Order):
		r.off(rejected(events.Superseded, "a newer decision on the same switch and target is already effective"))
	case use.State == ledger.UseSpent:
		r.off(spent(use.Ticket, use.Owner))
	case in.Hold != nil:
		r.off(waiting(events.Held, heldWait, fmt.Errorf("the instance is held by %s %s", in.Hold.Key.Switch, in.Hold.Key.ID)))
	case use.State == ledger.UseOpen:
		r.off(waiting(events.Held, heldWait, inUse(use.Ticket, use.Owner)))
	case rec.Doubt:
		r.Would = WouldLookUp
	default:
		r.send(ctx, a)
	}
}

// taken is another decision's use of the ticket that this one would spend; zero
// where nothing is in its way.
func (a *attempt) taken(ctx context.Context) (ledger.Use, error) {
	ticket := a.ticketOf(a.d)
	if ticket == "" || a.rec.Ticket != "" || a.rec.Doubt {
		return ledger.Use{}, nil
	}
	u, err := a.Ledger.Use(ctx, ticket, a.d.Slot())
	if u.Owner == a.d.Key() {
		return ledger.Use{}, err
	}
	return u, err
}

// send tells what the attempt of a decision would do of which no call was sent.
func (r *Rehearsal) send(ctx context.Context, a *attempt) {
	if v, ok := a.guard(ctx); !ok {
		r.off(v)
		return
	}
	if a.looksFirst() {
		switch there, _, err := a.alreadyThere(ctx); {
		case err != nil:
			r.off(waiting(events.Unavailable, cloudWait, err))
			return
		case there:
			r.Would = WouldNotChange
			return
		}
	}
	r.Would, r.Request = WouldCall, a.calling(ctx, a.d)
}

// off says why nothing would be called.
func (r *Rehearsal) off(v verdict) {
	r.Would, r.Error = WouldWait, new(problem(v))
	if v.result == Rejected {
		r.Would = WouldReject
	}
}

// read reads the position. What cannot be read is left open: the API has no
// such read, or no read of an option.
func (r *Rehearsal) read(ctx context.Context, a *attempt) {
	if a.sw.read == nil {
		return
	}
	on, err := a.sw.read(ctx, a.d)
	if err != nil {
		return
	}
	r.Now = &on
	switch {
	case r.Would != WouldCall:
		r.Changes = new(false)
	case len(a.d.Options) == 0 || on != a.d.Enabled:
		r.Changes = new(on != a.d.Enabled)
	}
	if r.Would == WouldLookUp {
		r.Changes = nil
	}
}

// follow tells of the steps after the decision's own, each as the decision that
// it would be. What is flipped back depends on what will have been changed.
func (r *Rehearsal) follow(ctx context.Context, a *attempt) {
	if a.d.Chain == nil || a.d.Chain.Undo {
		return
	}
	c := *a.d.Chain
	if !a.d.IsStep() {
		c.Type, c.Order = a.d.Cause.Type, a.rec.Order
	}
	for c.At++; c.At < len(c.Steps); c.At++ {
		due := a.requested(a.d, &c, a.Now())
		d, _, wrong := a.decoder.Decode(c.Steps[c.At].Switch, due.Event)
		if wrong != nil {
			return // it was read before
		}
		d.Admission = ownBus()
		step := &attempt{Engine: a.Engine, d: d, sw: a.byName[d.Switch]}
		told := RehearsedStep{
			Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options,
			Request: a.calling(ctx, d), Warnings: step.warnings(),
		}
		if v, ok := step.permitted(ctx); !ok {
			told.Warnings = append(told.Warnings, "now, it would not be let: "+string(v.code)+": "+v.detail)
		}
		r.Then = append(r.Then, told)
	}
}

// warnings are what to know of a decision before it is approved.
func (a *attempt) warnings() (all []string) {
	warn := func(when bool, format string, args ...any) {
		if when {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	warn(a.sw.disturbs != "", "%s", a.sw.disturbs)
	c := a.d.Chain
	if c == nil || c.Undo {
		return all
	}
	undo := c.OnFailure == events.Undo && c.At+1 < len(c.Steps)
	warn(undo && !a.sw.readable, "it is not flipped back should a later step fail: nothing tells its position, so that it cannot be told whether it was changed")
	warn(undo && a.sw.readable && len(a.d.Options) > 0, "its options are not put back should a later step fail")
	jobs := 0
	for i, s := range c.Steps[:c.At] {
		_, place, _ := a.decoder.Aim(s.Switch, s.Target)
		warn(s.Switch == a.d.Switch && place.Subject == a.d.Place.Subject, "step %d flips the same switch on the same target", i+1)
		if a.byName[s.Switch].Creates() {
			jobs++
		}
	}
	if _, end := window(a.d); end != nil {
		warn(jobs > 0 && c.At+1 == len(c.Steps), "the window may be over before this last step is due: it ends at %s, and the jobs of steps before have to end first: %d", stamp(*end), jobs)
	}
	return all
}

// rehearse looks how the job is, and keeps nothing of it.
func (f *Follower) rehearse(ctx context.Context, j *Followed) Result {
	e, d := f.Engine, j.decision()
	r := &Rehearsal{DryRun: true, Switch: j.Switch, Target: j.Target, Enabled: j.Enabled, JobID: j.JobID, Cause: j.Cause}
	rec, err := e.Ledger.Get(ctx, j.Key())
	switch {
	case err == nil && rec.Outcome != nil:
		r.Would, r.Outcome = WouldRepeat, rec.Outcome.Result
		return e.rehearsed(ctx, d, r)
	case err != nil && !errors.Is(err, ledger.ErrNotFound):
		r.off(waiting(events.Unavailable, ledgerWait, err))
		return e.rehearsed(ctx, d, r)
	}
	job, err := f.board.find(ctx, e, j, f.patience())
	age := e.Now().Sub(j.Since)
	switch {
	case age > memory:
		r.off(rejected(events.Expired, "the cloud has forgotten the job"))
	case err != nil:
		r.off(waiting(events.Unavailable, pace(age), err))
	case job.State != JobOpen || age >= f.patience():
		r.Would, r.Job = WouldReport, job.ended()
	default:
		r.Would, r.Job = WouldFollow, job.ended()
	}
	return e.rehearsed(ctx, d, r)
}
