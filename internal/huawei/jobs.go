package huawei

import (
	"context"
	"time"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// Jobs are the jobs of TaurusDB's task centre, which all switches share.
type Jobs struct{ Client *cloudapi.Client }

// pageSize is the most that a page holds (page "Obtaining Instant Tasks").
const pageSize = 50

// List is a page of a project's jobs.
func (j Jobs) List(ctx context.Context, project string, since time.Time, page int) (engine.JobPage, error) {
	got, err := j.Client.ListImmediateJobs(ctx, project, cloudapi.JobQuery{Limit: pageSize, Start: since, Page: page})
	if err != nil {
		return engine.JobPage{}, failed(err)
	}
	// The last page is seldom full, and total_count seldom wrong.
	p := engine.JobPage{Date: got.Date, More: len(got.Jobs) == pageSize || page*pageSize < got.Total}
	for _, job := range got.Jobs {
		p.Jobs = append(p.Jobs, jobOf(job))
	}
	return p, nil
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
