package engine

import (
	"context"
	"sync"
	"time"
)

// jobBoard answers how jobs are from the projects' lists of jobs, read page by
// page and not oftener than their length allows: thousands of jobs cost as many
// calls as there are pages, and not one each. The zero value is ready.
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
	// err is why they could not be read.
	err error
	// since is from when on they were asked for, until when the reading counts.
	since, until time.Time
}

// find returns the job as last read; a zero one where it is not to be found
// (yet).
func (b *jobBoard) find(ctx context.Context, e *Engine, j *Followed, patience time.Duration) (Job, error) {
	source, project := e.byName[j.Switch].jobs, j.Place.Project
	l := b.list(listKey{source, project})
	l.mu.Lock()
	defer l.mu.Unlock()
	now := e.Now()
	if now.Before(l.until) && !l.since.After(j.Since.Add(-margin)) {
		return l.jobs[j.JobID], l.err
	}
	// One reading serves everything that is followed now, and what is older
	// than that too.
	since := now.Add(-patience - margin)
	if s := j.Since.Add(-margin); s.Before(since) {
		since = s
	}
	// A failure counts for as long as a list: a cloud in trouble is not asked
	// once for each job.
	var pages int
	l.jobs, pages, l.err = listJobs(ctx, source, project, since, nil)
	l.since, l.until = since, e.Now().Add(freshFor+time.Duration(pages)*perPage)
	return l.jobs[j.JobID], l.err
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

// listJobs reads a project's jobs since a time, by id: pages shift while they
// are read. first, unless nil, is told the clock of the first page.
func listJobs(ctx context.Context, source Jobs, project string, since time.Time, first func(date time.Time)) (map[string]Job, int, error) {
	jobs := map[string]Job{}
	for n := 1; ; n++ {
		page, err := source.List(ctx, project, since, n)
		if err != nil {
			return nil, n, err
		}
		if n == 1 && first != nil {
			first(page.Date)
		}
		known := len(jobs)
		for _, j := range page.Jobs {
			jobs[j.ID] = j
		}
		// The end is where a page brings nothing new, whatever it says of more.
		switch {
		case len(jobs) == known || !page.More:
			return jobs, n, nil
		case n == mostPages:
			return nil, n, errTooMany
		}
	}
}
