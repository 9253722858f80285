package host

import (
	"context"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// everyone is the name of all functions together.
const everyone = "interlock"

// AnyDoor is the way in for an event that is addressed to no function: each that
// it is meant for handles it. It answers as a broker expects.
func (h *Host) AnyDoor() *doors.Door {
	d := h.door(everyone, everyone, anyone{h})
	d.Broker = true
	return d
}

// anyone hands an event to each function that it is meant for.
type anyone struct{ *Host }

// Handle answers with what asks most of whoever sent the event: to send it again,
// if any function asks for that, for those that are done with it will say so again.
func (a anyone) Handle(ctx context.Context, _ string, ev event.Event) engine.Result {
	if ev.Type() == events.TypeSwitchCompleted {
		return a.Host.Handle(ctx, engine.JobFollow, ev)
	}
	return observe.In(ctx, a.around, observe.Work{Name: "door", Event: &ev}, func(ctx context.Context) engine.Result {
		return a.handle(ctx, ev)
	})
}

func (a anyone) handle(ctx context.Context, ev event.Event) (answer engine.Result) {
	for _, sw := range a.switches {
		if !a.Engine.Means(ctx, sw.Name, ev) {
			continue
		}
		r := a.Engine.Handle(ctx, sw.Name, ev)
		if urgency(r.Kind) > urgency(answer.Kind) {
			answer = r
		}
		if r.Error != nil && (r.Error.Code == events.InvalidEvent || r.Error.Code == events.InvalidData) {
			break // whom else it would be meant for cannot be told
		}
	}
	if answer.Kind == "" { // nobody's: the first says why
		return a.Engine.Handle(ctx, a.switches[0].Name, ev)
	}
	return answer
}

func urgency(k engine.Kind) int {
	switch k {
	case engine.Later:
		return 5
	case engine.Failed:
		return 4
	case engine.Rejected:
		return 3
	case engine.Completed, engine.Rehearsed:
		return 2
	case engine.Ignored:
		return 1
	}
	return 0
}
