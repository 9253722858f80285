package huawei

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// Jobs are the jobs of TaurusDB's task centre, which all switches share.
type Jobs struct{ Client *cloudapi.Client }

// pageSize is the most that a page holds (page "Obtaining Instant Tasks").
const pageSize = 50

// List is a project's jobs, read page by page to the end, however many there
// are. There must have been as many as were said to be when the reading began.
func (j Jobs) List(ctx context.Context, project string, since time.Time) (engine.JobList, error) {
	var list engine.JobList
	var odd oddities
	var at paging
	seen := map[any]bool{}
	expected, last, rush := 0, 0, false
	for more := true; more; {
		got, err := j.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{Limit: pageSize, Start: since, Offset: at.next()})
		list.Calls++
		if err != nil {
			list.Odd = odd.error()
			return list, failed(err)
		}
		list.Date = got.Date
		if list.Calls == 1 {
			expected, last = got.Total, got.Total
		}
		rush, last = rush || got.Total-last >= pageSize-1, got.Total
		known := len(seen)
		ids := make([]any, len(got.Jobs))
		for i, job := range got.Jobs {
			var id any = job.ID
			if job.ID == "" {
				id = job
			}
			if ids[i] = id; !seen[id] {
				seen[id] = true
				odd.note(job)
				list.Jobs = append(list.Jobs, jobOf(job))
			}
		}
		at.read(ids)
		// The end is where a page brings nothing new, or is not full and all are
		// there.
		more = len(seen) > known && (len(ids) == pageSize || expected < 0 || len(seen) < expected)
	}
	list.Odd = odd.error()
	switch {
	case expected < 0 && len(seen) == 0:
		return list, errors.New("the list of jobs shows none, and does not say that there are none")
	case rush:
		return list, errors.New("so many jobs were created while their list was read that it may lack some")
	case len(seen) < expected:
		return list, fmt.Errorf("the list of jobs shows %d of %d", len(seen), expected)
	case at.byJobs && expected < 0:
		return list, fmt.Errorf("the list of jobs shows %d, not by pages, and does not say how many there are", len(seen))
	}
	return list, nil
}

// paging is the way through the pages of a list that shift while they are read:
// what is new comes first, so that a job may be on two of them. Whether offset
// counts pages, as documented, or jobs is told by what comes back: by jobs, the
// second page has the second job of the first one again. By pages it has only
// where as many jobs as are on a page were created meanwhile.
type paging struct {
	page, offset int
	second       any // on the first page
	byJobs       bool
}

// next is the offset of the page to read.
func (p *paging) next() int {
	if p.page++; !p.byJobs {
		p.offset = p.page
	}
	return p.offset
}

// read takes note of the ids on the page read now.
func (p *paging) read(ids []any) {
	switch {
	case p.page == 1 && len(ids) > 1:
		p.second = ids[1]
	case p.page == 2:
		p.byJobs = slices.Contains(ids, p.second)
	}
	if p.byJobs {
		p.offset += len(ids)
	}
}

// oddities are what of a list cannot be read.
type oddities struct {
	jobs  int
	first string
}

func (o *oddities) note(j cloudapi.Job) {
	what := ""
	switch {
	case j.ID == "":
		what = "no job_id of 1 to 64 letters, digits, hyphens and underscores"
	case j.Created.IsZero():
		what = "no created_time with a zone"
	case j.InstanceID == "":
		what = "no instance_id"
	default:
		return
	}
	if o.jobs++; o.jobs == 1 {
		o.first = fmt.Sprintf("%q, named %.64q, on instance %.64q has %s", j.ID, j.Name, j.InstanceID, what)
	}
}

func (o *oddities) error() error {
	if o.jobs == 0 {
		return nil
	}
	return fmt.Errorf("%d jobs of the list cannot be read whole; the first, %s", o.jobs, o.first)
}

// Show is one job.
func (j Jobs) Show(ctx context.Context, project, id string) (engine.Job, error) {
	job, err := j.Client.ShowJob(ctx, project, id)
	if err = failed(err); err != nil {
		if f, ok := err.(failure); ok && f.Reason() == engine.NotFound {
			return engine.Job{}, nil
		}
		return engine.Job{}, err
	}
	return jobOf(job), nil
}

func jobOf(j cloudapi.Job) engine.Job {
	return engine.Job{
		ID: j.ID, Name: j.Name, Instance: j.InstanceID, Status: string(j.Status), State: stateOf(j.Status),
		Created: j.Created, Ended: j.Ended, FailReason: j.FailReason,
	}
}

func stateOf(s cloudapi.JobStatus) engine.JobState {
	switch {
	case s == cloudapi.JobCompleted:
		return engine.JobSucceeded
	case s.Ended():
		return engine.JobFailed
	}
	return engine.JobOpen
}
