package cloudapi

import (
	"context"
	"encoding/json"
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
	// Offset is where the page begins, from 1 (default). It is documented to count
	// pages; other lists of the same services count records.
	Offset int
	// Limit is how many jobs make a page: 10, 20 or 50 (default).
	Limit int
}

// JobPage is one page of jobs.
type JobPage struct {
	// Jobs are those on it. What cannot be read of one is left at zero: its ID,
	// its time of creation, or all of it.
	Jobs []Job
	// Total is how many jobs there are on all pages; negative where that cannot
	// be read.
	Total int
	// Date is the answer's, and so the cloud's clock; zero where it had none.
	Date time.Time
}

// ListImmediateJobs returns one page of the jobs of a project (page "Obtaining
// Instant Tasks", ListImmediateJobs). No job is overlooked: one that cannot be
// read is on the page all the same.
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
	page := JobPage{Jobs: make([]Job, len(got.Jobs)), Total: got.total()}
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
	offset, limit := max(q.Offset, 1), q.Limit
	switch limit {
	case 0:
		limit = 50
	case 10, 20, 50:
	default:
		return nil, fmt.Errorf("limit: found %d, expected 10, 20 or 50", limit)
	}
	v := url.Values{"offset": {strconv.Itoa(offset)}, "limit": {strconv.Itoa(limit)}}
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
	Jobs  listedJobs `json:"jobs"`
	Total text       `json:"total_count"`
}

// total is negative where it is none.
func (a *jobListAnswer) total() int {
	n, err := strconv.ParseUint(string(a.Total), 10, 31)
	if err != nil {
		return -1
	}
	return int(n)
}

// listedJobs takes each for itself: what is wrong with one job says nothing of
// the others.
type listedJobs []listedJob

// UnmarshalJSON fails for what is no list, and for no job on it.
func (l *listedJobs) UnmarshalJSON(raw []byte) error {
	var each []json.RawMessage
	if err := json.Unmarshal(raw, &each); err != nil {
		return err
	}
	if each == nil {
		return nil
	}
	*l = make(listedJobs, len(each))
	for i, one := range each {
		_ = json.Unmarshal(one, &(*l)[i])
	}
	return nil
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
	if a.Jobs == nil && a.total() != 0 {
		return NoEffect, errors.New("answer: found neither jobs nor a total_count of 0")
	}
	return NoEffect, nil
}

func (j *listedJob) job() Job {
	id := string(j.ID)
	if !plainID(id) {
		id = ""
	}
	return Job{
		ID: id, Name: string(j.Name), Status: jobStatus(j.Status), Process: string(j.Process),
		InstanceID: string(j.InstanceID), InstanceName: string(j.InstanceName),
		Created: j.Created.Time, Ended: j.Ended.Time, FailReason: string(j.FailReason),
	}
}
