package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Job is a job of TaurusDB's task centre: what a flip sets going.
type Job struct {
	ID, Name                 string
	InstanceID, InstanceName string
	Status                   JobStatus
	// Process is its progress as the cloud writes it, such as "60%"; may be
	// empty.
	Process string
	// Created and Ended are whole seconds of the cloud's clock; zero where
	// unknown, Ended also where it has not ended.
	Created, Ended time.Time
	// FailReason is the cloud's, empty unless it failed.
	FailReason string
}

// JobStatus is the state of a job.
type JobStatus string

// The states. A job that is Unauthorized waits for somebody's consent, and may
// run yet.
const (
	JobPending      JobStatus = "Pending"
	JobRunning      JobStatus = "Running"
	JobCompleted    JobStatus = "Completed"
	JobFailed       JobStatus = "Failed"
	JobCanceled     JobStatus = "Canceled"
	JobUnauthorized JobStatus = "Unauthorized"
)

// Ended reports whether the job will not change any more.
func (s JobStatus) Ended() bool {
	return s == JobCompleted || s == JobFailed || s == JobCanceled
}

// Open reports whether the job may still change something. That is also true
// of a state we do not know.
func (s JobStatus) Open() bool { return !s.Ended() }

// jobStatus is the state of that name, however it is capitalised.
func jobStatus(name text) JobStatus {
	for _, s := range []JobStatus{JobPending, JobRunning, JobCompleted, JobFailed, JobCanceled, JobUnauthorized} {
		if strings.EqualFold(string(s), string(name)) {
			return s
		}
	}
	return JobStatus(name)
}

// ShowJob returns a job (page "Querying Information About a Task with a
// Specified ID", ShowGaussMySqlJobInfo). A new job is found only after several
// seconds: until then the error is NotFound.
func (c *Client) ShowJob(ctx context.Context, projectID, jobID string) (Job, error) {
	if err := checkID("job_id", jobID); err != nil {
		return Job{}, local("ShowGaussMySqlJobInfo", err)
	}
	got := jobAnswer{want: jobID}
	_, err := c.do(ctx, operation{
		name: "ShowGaussMySqlJobInfo", method: http.MethodGet,
		base: c.GaussDB, path: "/v3/{project_id}/jobs", ids: []string{projectID},
		query: url.Values{"id": {jobID}},
	}, &got)
	if err != nil {
		return Job{}, err
	}
	found := got.job()
	found.ID = jobID
	return found, nil
}

type jobAnswer struct {
	Job struct {
		ID         text  `json:"id"`
		Name       text  `json:"name"`
		Status     text  `json:"status"`
		Created    stamp `json:"created"`
		Ended      stamp `json:"ended"`
		Process    text  `json:"process"`
		FailReason text  `json:"fail_reason"`
		Instance   struct {
			ID   text `json:"id"`
			Name text `json:"name"`
		} `json:"instance"`
	} `json:"job"`

	want string
}

func (a *jobAnswer) check() (Effect, error) {
	if a.Job.ID == "" && a.Job.Status == "" {
		return NoEffect, errNotFound
	}
	if a.Job.Status == "" {
		return NoEffect, errors.New("answer: job.status is missing")
	}
	if a.Job.ID != "" && string(a.Job.ID) != a.want {
		return NoEffect, fmt.Errorf("answer: job.id: found %s, expected the one that was asked for", brief(string(a.Job.ID), 64))
	}
	return NoEffect, nil
}

func (a *jobAnswer) job() Job {
	j := a.Job
	return Job{
		ID: string(j.ID), Name: string(j.Name), Status: jobStatus(j.Status), Process: string(j.Process),
		InstanceID: string(j.Instance.ID), InstanceName: string(j.Instance.Name),
		Created: j.Created.Time, Ended: j.Ended.Time, FailReason: string(j.FailReason),
	}
}
