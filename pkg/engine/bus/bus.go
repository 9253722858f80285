// Package bus publishes out-events.
package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Bus takes out-events. Publish returns nil only when every event was taken;
// after an error any of them may have been, and all are published again: a
// consumer drops repeats by source and id.
type Bus interface {
	Publish(ctx context.Context, events ...Event) error
}

// Event is an out-event with its one written form.
type Event struct {
	event.Event
	// JSON is the event, structured, as it is stored, published and answered.
	JSON json.RawMessage
}

// New writes an event. It fails only for one that breaks the specification.
func New(ev event.Event) (Event, error) {
	raw, err := ev.MarshalJSON()
	if err != nil {
		return Event{}, fmt.Errorf("event %s: %w", ev.ID(), err)
	}
	return Event{ev, raw}, nil
}

// Parse reads an event that was written before.
func Parse(raw json.RawMessage) (Event, error) {
	ev := Event{JSON: raw}
	if err := ev.Event.UnmarshalJSON(raw); err != nil {
		return Event{}, fmt.Errorf("stored event: %w", err)
	}
	return ev, nil
}
