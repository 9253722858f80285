// Package jobfollow follows the cloud's jobs.
//
// A completion event with a job_id says that the cloud took the request, not
// that the switch has flipped. This function takes each such event, asks until
// the job has ended, first within five seconds and then with waits that grow to
// a minute, and emits [events.TypeJobSucceeded] or [events.TypeJobFailed] with
// the cloud's own begin, end and reason. A job that was not seen to end for as long
// as it is followed is [events.TypeJobUnknown]. It flips nothing.
//
// It asks by the project's list of jobs (operation ListImmediateJobs), page by
// page, and for a job by its id (ShowGaussMySqlJobInfo) only where the list
// lacks it or cannot be read, and before it is given up.
package jobfollow

import (
	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// Function is the function's name.
const Function = engine.JobFollow

// Takes is the type of the events that it takes.
const Takes = events.TypeSwitchCompleted
