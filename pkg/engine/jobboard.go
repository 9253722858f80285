package engine

import (
	"context"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// jobBoard answers how jobs are from the projects' lists of jobs, read page by
// page and not oftener than their length allows: thousands of jobs cost as many
// calls as there are pages, and not one each. The zero value is ready.
type jobBoard struct {
	mu       sync.Mutex
	projects map[string]*jobList
}

// jobList is what was last read of a project's jobs.
type jobList struct {
	mu   sync.Mutex
	jobs map[string]cloudapi.Job
	// err is why they could not be read.
	err error
	// since is from when on they were asked for, until when the reading counts.
	since, until time.Time
}

const (
	// freshFor is how long a reading counts, and perPage how much longer for
	// each page: so the cloud is asked five times a second at most.
	freshFor = 2 * time.Second
	perPage  = 200 * time.Millisecond
	// margin is how much earlier than its completion event a job may have been
	// created by the cloud's clock.
	margin = 15 * time.Minute
)

// find returns the job as last read; a zero one where it is not to be found
// (yet).
func (b *jobBoard) find(ctx context.Context, e *Engine, j *Followed, patience time.Duration) (cloudapi.Job, error) {
	l := b.list(j.Target.ProjectID)
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
	l.jobs, pages, l.err = listJobs(ctx, e.Cloud, j.Target.ProjectID, since, nil)
	l.since, l.until = since, e.Now().Add(freshFor+time.Duration(pages)*perPage)
	return l.jobs[j.JobID], l.err
}

func (b *jobBoard) list(project string) *jobList {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.projects[project]
	if l == nil {
		l = &jobList{}
		if b.projects == nil {
			b.projects = map[string]*jobList{}
		}
		b.projects[project] = l
	}
	return l
}

// listJobs reads a project's jobs since a time, by id: pages shift while they
// are read. first, unless nil, is told the cloud's time of the first page.
func listJobs(ctx context.Context, c *cloudapi.Client, project string, since time.Time, first func(date time.Time)) (map[string]cloudapi.Job, int, error) {
	jobs := map[string]cloudapi.Job{}
	q := cloudapi.JobQuery{Limit: pageSize, Start: since, Page: 1}
	for {
		page, err := c.ListImmediateJobs(ctx, project, q)
		if err != nil {
			return nil, q.Page, err
		}
		if q.Page == 1 && first != nil {
			first(page.Date)
		}
		known := len(jobs)
		for _, j := range page.Jobs {
			jobs[j.ID] = j
		}
		// The end is where a page brings nothing new, whatever total_count says;
		// the last page is seldom full.
		switch {
		case len(jobs) == known || len(page.Jobs) < pageSize && q.Page*pageSize >= page.Total:
			return jobs, q.Page, nil
		case q.Page == mostPages:
			return nil, q.Page, errTooMany
		}
		q.Page++
	}
}
