// Package engine is the one way an event goes: decode, claim, apply, settle,
// emit.
package engine

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/decision"
)

// Kind is how the handling of an event ended.
type Kind string

// Kinds of results.
const (
	Completed Kind = "completed"
	Rejected  Kind = "rejected"
	Failed    Kind = "failed"
	// Ignored: the event is not meant for this function.
	Ignored Kind = "ignored"
	// Later: nothing has been decided; the event is to be handled again.
	Later Kind = "later"
)

// Result is how the handling of an event ended.
type Result struct {
	Kind Kind
	// Result is how the cloud took it, where Completed.
	Result events.Result
	// Event is the out-event, where Completed, Rejected or Failed. It has been
	// published.
	Event *event.Event
	// Error says why, where Rejected, Failed or Later.
	Error *events.Error
	// RetryAfter is how long to wait, where Later.
	RetryAfter time.Duration
	// Decision is what the event asks for; nil where that could not be told.
	Decision *decision.Decision
}

// Engine handles events.
type Engine struct{}

// Handle takes an event through the switch of the given name, or on from where
// an earlier delivery left it.
func (e *Engine) Handle(ctx context.Context, name string, ev event.Event) Result {
	return Result{Kind: Ignored}
}
