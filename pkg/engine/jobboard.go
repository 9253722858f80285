package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

// jobBoard answers how jobs are from the projects' lists of jobs, read not
// oftener than their length allows: thousands of jobs cost as many calls as there
// are pages, and not one each. What a list lacks is asked for by itself. The zero
// value is ready.
type jobBoard struct {
	mu    sync.Mutex
	lists map[listKey]*jobList
}

type listKey struct {
	jobs    Jobs
	project string
}

// jobList is what was last read of a project's jobs.
type jobList struct {
	mu   sync.Mutex
	jobs map[string]Job
	// err is why they could not be read, or not all of them.
	err error
	// since is from when on they were asked for, asked when that was, until when
	// the reading counts.
	since, asked, until time.Time
	// told: the ledger knows that the list shows jobs of ours.
	told bool
	// paid is until when jobs were asked for by themselves, at their price.
	paid time.Time
}

// find returns the job as last read; a zero one where it is not to be found
// (yet).
func (b *jobBoard) find(ctx context.Context, e *Engine, j *Followed, patience time.Duration) (Job, error) {
	source, project := e.byName[j.Switch].jobs, j.Place.Project
	l := b.list(listKey{source, project})
	job, lacking, err := l.find(ctx, e, j, source, patience)
	if !lacking {
		return job, err
	}
	job, why := source.Show(ctx, project, j.JobID)
	switch {
	case why != nil:
		l.unaffordable()
		return Job{}, errors.Join(err, why)
	case job.ID == "":
		return Job{}, err
	}
	return job, nil
}

// find looks for the job in the list, and tells whether it is to be asked for by
// itself: the list lacks it though it was read when a job shows, or cannot be
// read.
func (l *jobList) find(ctx context.Context, e *Engine, j *Followed, source Jobs, patience time.Duration) (job Job, lacking bool, _ error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := e.Now()
	if !now.Before(l.until) || l.since.After(j.Since.Add(-margin)) {
		// One reading serves everything that is followed now, and what is older
		// than that too.
		since := now.Add(-patience - margin)
		if s := j.Since.Add(-margin); s.Before(since) {
			since = s
		}
		l.read(ctx, e, j, source, since)
		now = e.Now()
	}
	if job, listed := l.jobs[j.JobID]; listed {
		return job, false, nil
	}
	early := l.err == nil && l.asked.Before(j.Since.Add(hiddenFor))
	return Job{}, !early && l.afford(now), l.err
}

// read reads the list. A failure counts for as long as a list, and what was read
// before it counts too: a cloud in trouble is not asked once for each job.
func (l *jobList) read(ctx context.Context, e *Engine, j *Followed, source Jobs, since time.Time) {
	l.since, l.asked = since, e.Now()
	if end, ends := ctx.Deadline(); ends {
		// A list that is too long for the invocation leaves time to ask by id.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	list, err := source.List(ctx, j.Place.Project, since)
	l.jobs, l.err = make(map[string]Job, len(list.Jobs)), err
	for _, job := range list.Jobs {
		if job.ID != "" {
			l.jobs[job.ID] = job
		}
	}
	now := e.Now()
	l.until = now.Add(freshFor + time.Duration(max(list.Calls, 1))*perCall)
	if why := errors.Join(err, list.Odd); why != nil {
		e.Observe(ctx, Step{Name: "jobs", Decision: j.decision(), At: l.asked, Took: now.Sub(l.asked), Err: why})
	}
}

// afford tells whether a job may be asked for by itself now, and pays for it.
func (l *jobList) afford(now time.Time) bool {
	if saved := now.Add(-mostPace); l.paid.Before(saved) {
		l.paid = saved
	}
	if l.paid.After(now) {
		return false
	}
	l.paid = l.paid.Add(perCall)
	return true
}

// unaffordable has no job asked for by itself until the list is read again.
func (l *jobList) unaffordable() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paid = l.until
}

// shows tells whether a job is on the list as last read, and the ledger is to be
// told that the list shows jobs of ours.
func (b *jobBoard) shows(e *Engine, j *Followed) bool {
	l := b.list(listKey{e.byName[j.Switch].jobs, j.Place.Project})
	l.mu.Lock()
	defer l.mu.Unlock()
	_, listed := l.jobs[j.JobID]
	return listed && !l.told
}

// told: the ledger knows.
func (b *jobBoard) told(e *Engine, j *Followed) {
	l := b.list(listKey{e.byName[j.Switch].jobs, j.Place.Project})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = true
}

func (b *jobBoard) list(of listKey) *jobList {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.lists[of]
	if l == nil {
		l = &jobList{}
		if b.lists == nil {
			b.lists = map[listKey]*jobList{}
		}
		b.lists[of] = l
	}
	return l
}
