package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// JobQuery selects jobs; a field left at zero selects nothing out.
type JobQuery struct {
	JobID, Name string
	Status      JobStatus
	// Start and End bound the time of creation, in whole seconds.
	Start, End time.Time
	// Page is the number of the page, from 1 (default).
	Page int
	// Limit is how many jobs make a page: 10, 20 or 50 (default).
	Limit int
}

// JobPage is one page of jobs.
type JobPage struct {
	Jobs []Job
	// Total is how many jobs there are on all pages.
	Total int
	// Date is the answer's, and so the cloud's clock; zero where it had none.
	Date time.Time
}

// ListImmediateJobs returns one page of the jobs of a project (page "Obtaining
// Instant Tasks", ListImmediateJobs). A job whose ID or time of creation
// cannot be read makes the whole page an error: no job may be overlooked.
func (c *Client) ListImmediateJobs(ctx context.Context, projectID string, q JobQuery) (JobPage, error) {
	query, err := q.values()
	if err != nil {
		return JobPage{}, local("ListImmediateJobs", err)
	}
	var got jobListAnswer
	header, err := c.do(ctx, operation{
		name: "ListImmediateJobs", method: http.MethodGet,
		base: c.GaussDB, path: "/v3/{project_id}/immediate-jobs", ids: []string{projectID},
		query: query,
	}, &got)
	if err != nil {
		return JobPage{}, err
	}
	page := JobPage{Jobs: make([]Job, len(got.Jobs)), Total: int(*got.Total)}
	for i := range got.Jobs {
		page.Jobs[i] = got.Jobs[i].job()
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		page.Date = date
	}
	return page, nil
}

// queryTime is how a query writes a time; its "+" must be escaped.
const queryTime = "2006-01-02T15:04:05-0700"

func (q JobQuery) values() (url.Values, error) {
	page, limit := max(q.Page, 1), q.Limit
	switch limit {
	case 0:
		limit = 50
	case 10, 20, 50:
	default:
		return nil, fmt.Errorf("limit: found %d, expected 10, 20 or 50", limit)
	}
	v := url.Values{"offset": {strconv.Itoa(page)}, "limit": {strconv.Itoa(limit)}}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	set("job_id", q.JobID)
	set("job_name", q.Name)
	set("status", string(q.Status))
	if !q.Start.IsZero() {
		set("start_time", q.Start.UTC().Format(queryTime))
	}
	if !q.End.IsZero() {
		set("end_time", q.End.UTC().Format(queryTime))
	}
	return v, nil
}

type jobListAnswer struct {
	Jobs  []listedJob `json:"jobs"`
	Total *count      `json:"total_count"`
}

// listedJob has other field names than the job that is asked for by its ID.
type listedJob struct {
	ID           text  `json:"job_id"`
	Name         text  `json:"job_name"`
	Status       text  `json:"status"`
	InstanceID   text  `json:"instance_id"`
	InstanceName text  `json:"instance_name"`
	Process      text  `json:"process"`
	Created      stamp `json:"created_time"`
	Ended        stamp `json:"ended_time"`
	FailReason   text  `json:"fail_reason"`
}

func (a *jobListAnswer) check() (Effect, error) {
	if a.Total == nil {
		return NoEffect, errors.New("answer: total_count is missing")
	}
	for i, j := range a.Jobs {
		if j.ID == "" {
			return NoEffect, fmt.Errorf("answer: jobs[%d].job_id is missing", i)
		}
		if j.Created.IsZero() {
			return NoEffect, fmt.Errorf("answer: jobs[%d].created_time is missing or no time with a zone", i)
		}
	}
	return NoEffect, nil
}

func (j *listedJob) job() Job {
	return Job{
		ID: string(j.ID), Name: string(j.Name), Status: jobStatus(j.Status), Process: string(j.Process),
		InstanceID: string(j.InstanceID), InstanceName: string(j.InstanceName),
		Created: j.Created.Time, Ended: j.Ended.Time, FailReason: string(j.FailReason),
	}
}
