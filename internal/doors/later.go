package doors

import (
	"context"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// Queue takes over what is to be handled later: the function's own SQS queue.
type Queue struct {
	// Put has an event delivered after a while, with the admission that the
	// context holds in the attributes that [Attributes] makes of it.
	Put func(ctx context.Context, ev event.Event, wait time.Duration) error
	// Hide has a message that was delivered come back after a while, by the
	// receipt that came with it.
	Hide func(ctx context.Context, receipt string, wait time.Duration) error
	// Own tells the function's own queue by its ARN. Default: none is.
	Own func(arn string) bool
}

// Names of the attributes in which a message keeps how its event came in.
const (
	doorAttribute   = "door"
	signerAttribute = "signer"
)

// Attributes are what a message keeps of how its event came in. It comes back
// by the queue, and a policy is to judge it by its first door.
func Attributes(ctx context.Context) map[string]string {
	a, all := admission.From(ctx), map[string]string{}
	for name, value := range map[string]string{doorAttribute: a.Door, signerAttribute: a.Signer} {
		if value != "" { // SQS takes no empty ones
			all[name] = value
		}
	}
	return all
}

// firstAdmission is the context for a queue's record, which says by which door
// its event came in first. That is believed of the own queue alone, and only
// that it was a URL, the one door from which an event is queued.
func (d *Door) firstAdmission(ctx context.Context, record *jsontree.Node) context.Context {
	attribute := func(name string) string {
		return text(record.Get("messageAttributes").Get(name).Get("stringValue"))
	}
	if d.Queue == nil || d.Queue.Own == nil || !d.Queue.Own(text(record.Get("eventSourceARN"))) || attribute(doorAttribute) != admission.URL {
		return ctx
	}
	return admission.With(ctx, admission.Admission{Door: admission.URL, Signer: attribute(signerAttribute)})
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
