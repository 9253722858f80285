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
	// List is the jobs of a project that were created since. No job may be
	// overlooked: of one that cannot be read whole it has what can be, and where
	// the list may lack some it is an error, with those that were read.
	List(ctx context.Context, project string, since time.Time) (JobList, error)
	// Show is one job. One that is not known, or not yet, has no ID.
	Show(ctx context.Context, project, id string) (Job, error)
}

// JobList is a project's jobs, each once, in no order.
type JobList struct {
	Jobs []Job
	// Calls is how many it took to read them. None counts as one.
	Calls int
	// Date is the clock of whoever runs the jobs at the last of them, in whole
	// seconds; zero where it is not told.
	Date time.Time
	// Odd says, for people, what of the list could not be read; nil where all
	// could.
	Odd error
}

// Job is what a flip sets going.
type Job struct {
	// ID is empty where it is not told.
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
