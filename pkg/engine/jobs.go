package engine

import (
	"context"
	"time"

	"github.com/interlock-functions/interlock/events"
)

// Jobs answers how the jobs are that flips create. It must be comparable, and
// one for all switches whose jobs are in the same lists: they are then read once
// for all.
type Jobs interface {
	// List is a page, from 1, of the jobs of a project that were created since.
	// Pages may shift while they are read. No job may be overlooked: one that
	// cannot be read makes it an error.
	List(ctx context.Context, project string, since time.Time, page int) (JobPage, error)
	// Show is one job. One that is not known, or not yet, has no ID.
	Show(ctx context.Context, project, id string) (Job, error)
}

// JobPage is one page of jobs.
type JobPage struct {
	Jobs []Job
	// More: there are further pages.
	More bool
	// Date is the clock of whoever runs the jobs, in whole seconds; zero where it
	// is not told.
	Date time.Time
}

// Job is what a flip sets going.
type Job struct {
	ID, Name string
	// Instance is the one that it works on, as in [decision.Place]; empty where
	// it is not told.
	Instance string
	// Status is its state in the words of whoever runs it.
	Status string
	State  JobState
	// Created and Ended are whole seconds of that clock; zero where unknown.
	Created, Ended time.Time
	// FailReason is empty unless it failed.
	FailReason string
}

// JobState is how far a job is.
type JobState int

// States of a job.
const (
	// JobOpen: it may still change something.
	JobOpen JobState = iota
	JobSucceeded
	JobFailed
)

// ended is the job in an out-event.
func (j Job) ended() *events.Job {
	e := &events.Job{Status: j.Status, FailReason: j.FailReason}
	if !j.Created.IsZero() {
		e.Began = &j.Created
	}
	if !j.Ended.IsZero() {
		e.Ended = &j.Ended
	}
	return e
}
