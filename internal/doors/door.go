// Package doors is the ways in: each takes what one sender hands over, makes
// CloudEvents of it, has them handled, and shapes the answer as that sender
// expects it.
//
// A [Door] leads to one function. It is an [http.Handler] for the local
// program and a Lambda handler ([Door.Invoke]) for the deployed one, which
// recognises function URLs, gateways, SQS, SNS, EventBridge, EventGrid, SMN and
// direct invocations by their payloads.
//
// # Who may come in
//
// By HTTP comes in what one of the webhook keys signed, within that key's
// limits; where there are no keys, what AWS's authorizer let pass, or what
// reached the local program, which guards its address itself. What is neither
// is answered 401. The other doors are guarded by AWS's permissions alone:
// whoever may invoke the function may claim to be any of them. How an event
// came in goes with it, as an [admission.Admission].
//
// # Several events at once
//
// Events that come together are grouped by the instance that they are about.
// A group is taken in its order, the groups side by side, and what the
// deadline leaves no time for goes back as not handled. An event that has to
// wait does not stop those behind it: the order of decisions is the ledger's
// to keep, which applies no older decision after a newer one, and one locked
// instance must not hold up what else its group asks for. An event that
// cannot be read, or whose handling panics, fails alone.
package doors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// Handler takes an event through the switch of the function of that name.
type Handler interface {
	Handle(ctx context.Context, function string, ev event.Event) engine.Result
}

// Door leads to one function. Its fields are read only.
type Door struct {
	// Function is the name under which Handler knows the function.
	Function string
	Handler  Handler
	// Switch is the function's switch, which names the source of rejections
	// that no engine makes. Default Function.
	Switch string

	// Producers reads the messages of those who send no events of ours.
	Producers producers.Reader

	// Verify returns the key that signed an HTTP request: it sees the header
	// and the bytes of the body before anything in them is read. Default: a
	// request is taken without, if whoever received it says that it may be.
	Verify func(ctx context.Context, header http.Header, body []byte) (webhook.Key, error)
	// Open: Huawei Cloud's API Gateway, where it leads here, lets nobody pass who may
	// not. Default: what comes from there has to be signed.
	Open bool
	// Origins are the senders whose webhook handshake is granted, exactly as
	// they name themselves in WebHook-Request-Origin. Default none.
	Origins []string
	// Rate is how many deliveries a minute the handshake allows. Default
	// unlimited.
	Rate int

	// Broker: whoever sends is a broker that goes by Knative's table of what is sent
	// again, and takes an answer for a reply where it says that it does.
	Broker bool

	// Queue takes over what is to be handled later, where there is one. What is
	// answered with Retry-After is on it by then.
	Queue *Queue

	// Sweep takes up what is due without a delivery, when a schedule says so.
	// Default: a schedule is not recognised.
	Sweep func(context.Context) error

	// Arrived, if set, is told of what came in and holds no event that may be
	// handled: what could be read of the event, and why. The handler sees to the
	// others itself.
	Arrived func(ctx context.Context, cause events.Cause, why *events.Error)

	// Side is how many groups of events are handled side by side. Default 8.
	Side int
	// Timeout is how long an HTTP request of the local program may be worked
	// on; on Lambda, the invocation's deadline counts. Default 30 s.
	Timeout time.Duration
	// Log is told of panics and of messages that hold no event. Default
	// [slog.Default].
	Log *slog.Logger
}

func (d *Door) log() *slog.Logger {
	if d.Log != nil {
		return d.Log
	}
	return slog.Default()
}

// handle has one event handled. A panic, too, is an answer: the event is to be
// handled again.
func (d *Door) handle(ctx context.Context, item cloudevent.Item) (r engine.Result) {
	ev := item.Event
	defer func() {
		if p := recover(); p != nil {
			d.log().ErrorContext(ctx, "panic while handling an event",
				"function", d.Function, "source", ev.Source(), "id", ev.ID(),
				"panic", panicText(p), "stack", string(debug.Stack()))
			r = later("the event's handling broke off")
		}
	}()
	ev, err := d.Producers.Translate(ev)
	if err != nil {
		d.arrived(ctx, item.Event, err)
		return d.invalid(err)
	}
	r = d.Handler.Handle(jsontree.With(ctx, item.Data), d.Function, ev)
	if r.Error == nil && r.Kind != engine.Completed && r.Kind != engine.Ignored && r.Kind != engine.Rehearsed {
		r.Error = later("no reason is known").Error
	}
	return r
}

// arrived tells of what came in and will not be handled. Of an event that is no
// valid one, its error knows what could be read.
func (d *Door) arrived(ctx context.Context, ev event.Event, err error) {
	if d.Arrived == nil {
		return
	}
	cause := events.Cause{ID: ev.ID(), Source: ev.Source(), Type: ev.Type()}
	if wrong := (*cloudevent.Error)(nil); errors.As(err, &wrong) && ev.Context == nil {
		cause = wrong.Event
	}
	why := faultOf(err)
	d.Arrived(ctx, cause, &why)
}

// panicText shows what a panic says where the runtime says it. Other values
// might hold anything, secrets too, and are known by their type.
func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("%T", p)
}

// later is the result of an event that was not handled.
func later(detail string) engine.Result {
	return engine.Result{Kind: engine.Later, RetryAfter: retryAfter, Error: &events.Error{
		Code: events.Unavailable, Title: "The request cannot be handled now", Detail: detail,
	}}
}
