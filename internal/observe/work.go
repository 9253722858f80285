package observe

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/pkg/engine"
)

// Work is what a host has the engine do: all steps in between belong to it.
type Work struct {
	// Name is door, for an event that came in, resume, for a record that was due, or
	// look, for a job that is followed.
	Name string
	// Event is the one that came in.
	Event *event.Event
}

// Around is told of work that begins, and returns the context to do it in and what is
// to be told its result.
type Around = func(context.Context, Work) (context.Context, func(engine.Result))

// In does some work within what is around it, if anything is.
func In(ctx context.Context, around Around, w Work, do func(context.Context) engine.Result) (r engine.Result) {
	if around != nil {
		inside, end := around(ctx, w)
		defer func() { end(r) }() // also where it breaks off
		ctx = inside
	}
	return do(ctx)
}
