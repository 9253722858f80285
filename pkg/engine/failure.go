package engine

import (
	"errors"
	"time"

	"github.com/interlock-functions/interlock/events"
)

// Failure is what an error of a [Switch] or of its [Jobs] means. An error that
// says nothing of itself is one that nobody knows the effect of.
type Failure interface {
	error
	// Effect is what the call has done. Reads have none.
	Effect() Effect
	// Reason is why the call had no effect, or the read no result.
	Reason() Reason
	// RetryAfter is how long to wait before the next call; 0 where unknown.
	RetryAfter() time.Duration
	// Cloud is what the other side said of it, for events; nil where nothing.
	Cloud() *events.Cloud
}

// Effect is what a call is known to have done.
type Effect int

// Effects.
const (
	// None: it certainly changed nothing.
	None Effect = iota
	// Possible: it may have taken effect, or may yet.
	Possible
	// Certain: it took effect, though its answer could not be read.
	Certain
)

// Reason is why a call had no effect, or a read no result.
type Reason int

// Reasons.
const (
	// Unknown: for none of the others.
	Unknown Reason = iota
	// Refused: for good; the same call would be refused again.
	Refused
	// NotFound: the target is not known, or not yet.
	NotFound
	// Busy: another operation is going on at the target.
	Busy
	// Throttled: too many calls were made.
	Throttled
	// Denied: we may not, or could not prove who we are. That is not the
	// event's fault.
	Denied
	// Unreachable: the call was not sent, or nobody answered.
	Unreachable
)

// reasonOf is the reason of a failed read.
func reasonOf(err error) Reason {
	var f Failure
	if errors.As(err, &f) {
		return f.Reason()
	}
	return Unknown
}

// unsent is the failure of a call that was never made, by our own fault.
type unsent struct{ error }

func (e unsent) Unwrap() error           { return e.error }
func (unsent) Effect() Effect            { return None }
func (unsent) Reason() Reason            { return Unreachable }
func (unsent) RetryAfter() time.Duration { return 0 }
func (unsent) Cloud() *events.Cloud      { return nil }
