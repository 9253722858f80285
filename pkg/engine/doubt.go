package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// finding is what a look-up has come to.
type finding struct {
	state findingState
	jobID string
	err   error
}

type findingState int

const (
	// unsure: still in doubt, for the reason in err.
	unsure findingState = iota
	// adopted: exactly one job can be this decision's.
	adopted
	// asWanted: no job can be, and the switch is where it should be.
	asWanted
	// absent: the call had no effect.
	absent
	// repeatable: whether it had one cannot be seen, but it does no harm to
	// send it again.
	repeatable
)

func (f finding) String() string {
	return [...]string{"unsure", "adopted", "as wanted", "absent", "repeatable"}[f.state]
}

func doubtful(format string, args ...any) finding {
	return finding{state: unsure, err: fmt.Errorf(format, args...)}
}

// lookUp finds out whether the call of a decision in doubt took effect. It is
// asked only once the hold has lapsed, and so not before the quiet time has
// passed since the last attempt ended: a request has left the gateways by then
// and a job is to be found.
func (a *attempt) lookUp(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, a.left())
	defer cancel()
	var f finding
	if a.sw.Creates() {
		f = a.lookUpJob(ctx)
	} else {
		f = a.lookUpState(ctx)
	}
	if (f.state == absent || f.state == repeatable) && a.rec.Known {
		return doubtful("the cloud took the call, but neither a job nor the wanted state is to be seen")
	}
	return f
}

// lookUpState decides by the position alone: such a call creates no job and
// restarts nothing, so sending it again does no harm.
func (a *attempt) lookUpState(ctx context.Context) finding {
	if a.sw.read == nil || len(a.d.Options) > 0 {
		return finding{state: repeatable}
	}
	on, err := a.sw.read(ctx, a.d)
	switch {
	case err == nil && on == a.d.Enabled:
		return finding{state: asWanted}
	case err == nil && len(a.rec.Earlier) == 0:
		return finding{state: absent}
	case err == nil || refused(err):
		// While it had failed others may have moved it on: that it lies
		// elsewhere now does not tell that it never lay here.
		return finding{state: repeatable}
	default:
		return doubtful("reading the state: %w", err)
	}
}

// lookUpJob looks for the job first: its call may be under way and the state
// not show it yet.
func (a *attempt) lookUpJob(ctx context.Context) finding {
	if kept := min(memory, a.Retention); a.Now().Sub(a.first()) > kept {
		return doubtful("its first call may have been sent at %s, longer ago than the cloud lists jobs, or the ledger knows whose they are (%s)", stamp(a.first()), kept)
	}
	jobs, err := a.jobs(ctx)
	if err != nil {
		return doubtful("listing jobs: %w", err)
	}
	switch n := len(jobs.candidates); {
	case n == 1 && jobs.unclear == "":
		return finding{state: adopted, jobID: jobs.candidates[0]}
	case n > 1:
		return doubtful("%d jobs on the instance may be this decision's: %v", n, jobs.candidates)
	case jobs.unclear != "":
		return doubtful("it cannot be told whether job %s is this decision's", jobs.unclear)
	case jobs.open != "":
		return doubtful("another job, %s, is open on the instance", jobs.open)
	case a.sw.read == nil || len(a.d.Options) > 0:
		// What cannot be read decides nothing.
		return jobs.none()
	}
	on, err := a.sw.read(ctx, a.d)
	switch {
	case reasonOf(err) == NotFound:
		// It was read, and does not know the target: the call will tell.
		return finding{state: absent}
	case err != nil:
		return doubtful("reading the state: %w", err)
	case on == a.d.Enabled:
		return finding{state: asWanted}
	default:
		return jobs.none()
	}
}

// none is what it means that no job is listed.
func (f found) none() finding {
	if !f.listed {
		return doubtful("no job is listed, which proves nothing: the list of jobs has never been seen to show one of ours in this project")
	}
	return finding{state: absent}
}

// alreadyThere tells of a decision without doubt whether the switch is in the
// wanted position and no job is moving it. An error says that this cannot be
// known now; where the cloud will not be read, the call has to tell.
func (a *attempt) alreadyThere(ctx context.Context) (there, read bool, _ error) {
	ctx, cancel := context.WithTimeout(ctx, max(a.left()-leastCall, 0))
	defer cancel()
	if err := a.hidden(ctx); err != nil {
		return false, false, err
	}
	if a.sw.Creates() {
		switch jobs, err := a.jobs(ctx); {
		case err != nil:
			return false, false, definite(err)
		case jobs.open != "" || jobs.unclear != "" || len(jobs.candidates) > 0:
			return false, false, nil
		}
	}
	on, err := a.sw.read(ctx, a.d)
	return err == nil && on == a.d.Enabled, err == nil, definite(err)
}

// errHidden: neither the job list nor the state may show the last job yet.
var errHidden = errors.New("a job that was just created on the instance may not show yet")

// hidden is an error while a job of another decision on the instance may not
// show yet. One that has held the instance all along meets none; one that failed
// and is taken up again may.
func (a *attempt) hidden(ctx context.Context) error {
	if !a.sw.Creates() {
		return nil
	}
	in, err := a.Ledger.Instance(ctx, a.d.Place.Project, a.d.Place.Instance)
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	if a.Now().Sub(in.LastJob) < a.Quiet {
		return errHidden
	}
	return nil
}

// definite drops an error by which the cloud refuses to be read at all.
func definite(err error) error {
	if refused(err) {
		return nil
	}
	return err
}

// refused tells that a read was answered with a definite no: it will not be
// done, or does not know the target.
func refused(err error) bool {
	switch reasonOf(err) {
	case Refused, NotFound, Denied:
		return true
	}
	return false
}

// found are the jobs on the decision's instance.
type found struct {
	// candidates are the ids of those that may be the decision's own.
	candidates []string
	// open is the id of one that is under way and not a candidate.
	open string
	// listed: it is known, as far as in doubt, that the list shows jobs of ours.
	listed bool
	// unclear is one that may be the decision's own, for all that can be read of
	// it.
	unclear string
}

// nameless stands for the id of a job that has none.
const nameless = "without an id"

// jobs lists the jobs on the decision's instance, and tells which may be its
// own: those created while it held the instance, whose name fits, and which the
// ledger knows no owner of.
func (a *attempt) jobs(ctx context.Context) (found, error) {
	began := a.Now()
	list, err := a.sw.jobs.List(ctx, a.d.Place.Project, a.first().Add(-lookBack))
	if list.Odd != nil {
		a.Observe(ctx, Step{Name: "jobs", Decision: a.d, At: began, Took: a.Now().Sub(began), Err: list.Odd})
	}
	if err != nil {
		return found{}, err
	}
	var offset time.Duration
	if !list.Date.IsZero() {
		offset = list.Date.Sub(a.Now())
	}
	return a.sift(ctx, list.Jobs, offset)
}

// during tells whether a moment on the cloud's clock may lie in a time when the
// decision held its instance. The cloud's stamps are whole seconds, and the
// answer's Date, by which its clock is known to be offset from ours, was written
// some time before it was read. A span ends with an attempt that sent nothing,
// so that its end may be cut.
func (a *attempt) during(at time.Time, offset time.Duration) bool {
	for _, s := range a.rec.Earlier {
		if !at.Before(onClock(s.From, offset)) && at.Before(onClock(s.To, offset)) {
			return true
		}
	}
	return !at.Before(onClock(a.rec.Since, offset))
}

// onClock is the earliest that a moment of ours may be by the cloud's clock.
func onClock(moment time.Time, offset time.Duration) time.Time {
	return moment.Add(offset - skew).Truncate(time.Second)
}

// first is when the decision first held its instance.
func (a *attempt) first() time.Time {
	if len(a.rec.Earlier) > 0 {
		return a.rec.Earlier[0].From
	}
	return a.rec.Since
}

// over tells whether a job that has ended had done so before that.
func (a *attempt) over(ended time.Time, offset time.Duration) bool {
	return !ended.IsZero() && ended.Before(onClock(a.first(), offset))
}

func (a *attempt) sift(ctx context.Context, jobs []Job, offset time.Duration) (found, error) {
	var f found
	var candidates []Job
	var ids []string
	for _, j := range jobs {
		switch {
		case j.Instance != "" && j.Instance != a.d.Place.Instance:
		case !j.Created.IsZero() && !a.during(j.Created, offset), a.over(j.Ended, offset), a.sw.foreign(j.Name):
			if j.State == JobOpen {
				f.open = cmp.Or(j.ID, nameless)
			}
		case j.ID == "":
			f.unclear = nameless
		default:
			candidates = append(candidates, j)
			ids = append(ids, j.ID)
		}
	}
	if a.doubt {
		ids = append(ids, ledger.Listed)
	}
	if len(ids) == 0 {
		return f, nil
	}
	owners, err := a.Ledger.Owners(ctx, a.d.Place.Project, ids)
	if err != nil {
		return found{}, fmt.Errorf("ledger: %w", err)
	}
	f.listed = len(owners) > 0 // also where it shows one right now
	for _, j := range candidates {
		switch _, owned := owners[j.ID]; {
		case owned && j.State == JobOpen:
			f.open = j.ID
		case owned:
		case j.Instance == "" || j.Created.IsZero():
			f.unclear = j.ID
		default:
			f.candidates = append(f.candidates, j.ID)
		}
	}
	return f, nil
}
