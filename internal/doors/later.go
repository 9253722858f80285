package doors

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/pkg/engine"
)

// Queue takes over what is to be handled later: the function's own SQS queue.
type Queue struct {
	// Put has an event delivered after a while.
	Put func(ctx context.Context, ev event.Event, wait time.Duration) error
	// Hide has a message that was delivered come back after a while, by the
	// receipt that came with it.
	Hide func(ctx context.Context, receipt string, wait time.Duration) error
}

const (
	// retryAfter is when to come back where nobody knows better.
	retryAfter = 5 * time.Second
	// reserve is what is kept of an invocation's time to write the answer.
	reserve = time.Second
	// swept is the wait from which on what the ledger has stored is left to the
	// sweep: a queue keeps a message hidden for hours, not for the days until a
	// change window opens.
	swept = 15 * time.Minute
	// hopeless is the wait of a message that holds no event: the sooner it has
	// come back as often as the queue lets it, the sooner it is in the dead-letter
	// queue.
	hopeless = time.Second
)

// leftToSweep tells that nobody needs to deliver an event again.
func leftToSweep(r engine.Result) bool { return r.Stored && r.RetryAfter > swept }

// takeOver has an event that is to be handled later come back by itself, so
// that nothing depends on the caller. A queue that cannot be reached leaves it
// to the caller after all, who was told to come back.
func (d *Door) takeOver(ctx context.Context, ev event.Event, r engine.Result) {
	if d.Queue == nil || r.Kind != engine.Later || leftToSweep(r) {
		return
	}
	if err := d.Queue.Put(ctx, ev, r.RetryAfter); err != nil {
		d.log().ErrorContext(ctx, "an event to be handled later could not be queued",
			"function", d.Function, "source", ev.Source(), "id", ev.ID(), "error", err)
	}
}

// hide has a message come back when it is worth trying again, and not with the
// queue's next turn. A message that could not be hidden comes back too, by the
// queue's own time-out.
func (d *Door) hide(ctx context.Context, receipt string, wait time.Duration) {
	if d.Queue == nil || receipt == "" {
		return
	}
	if err := d.Queue.Hide(ctx, receipt, wait); err != nil {
		d.log().WarnContext(ctx, "a message that comes back could not be hidden", "function", d.Function, "error", err)
	}
}
