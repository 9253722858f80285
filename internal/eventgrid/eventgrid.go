// Package eventgrid is the bus on Huawei Cloud.
//
// EventGrid routes an event by the name of its event source, which is no URI, and
// promises to keep only what CloudEvents defines itself. So an event is published in
// another one that has the source's name, as EventBridge's detail has it: its data is
// the whole event, from which a door takes it again.
package eventgrid

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

// Bus publishes to a channel.
type Bus struct {
	Client  *cloudapi.Client
	Channel cloudapi.Channel
	// Source is the name of the channel's event source.
	Source string
}

// What EventGrid takes at once ("Events", EventGrid's user guide): so many events,
// and so many bytes of one and of a request.
const (
	mostEvents  = 20
	mostBytes   = 64 << 10
	mostRequest = 256 << 10
)

// mostTries is how often an event that was not taken is sent.
const mostTries = 3

// Publish puts the events. One that EventGrid would not take for its size keeps no
// other back.
func (b *Bus) Publish(ctx context.Context, out ...bus.Event) error {
	var errs error
	var batch []json.RawMessage
	size := 0
	send := func() {
		if len(batch) > 0 {
			errs = errors.Join(errs, b.put(ctx, batch))
		}
		batch, size = nil, 0
	}
	for i := range out {
		ev, err := b.around(&out[i])
		if err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		const between = 16 // and around all
		if len(batch) == mostEvents || size+len(ev)+between > mostRequest {
			send()
		}
		batch, size = append(batch, ev), size+len(ev)+1
	}
	send()
	return errs
}

// put sends a batch, and again those of it that an answer says were not taken.
func (b *Bus) put(ctx context.Context, batch []json.RawMessage) error {
	for try := 1; ; try++ {
		results, err := b.Client.PutEvents(ctx, b.Channel, batch)
		if err != nil {
			return err
		}
		var failed []json.RawMessage
		var errs error
		for i, r := range results {
			if r.Code != "" {
				failed = append(failed, batch[i])
				errs = errors.Join(errs, fmt.Errorf("PutEvents: %s: %s", r.Code, r.Message))
			}
		}
		if len(failed) == 0 || try == mostTries {
			return errs
		}
		batch = failed
	}
}

// around is the event whose data is the given one.
func (b *Bus) around(ev *bus.Event) (json.RawMessage, error) {
	attributes := map[string]string{
		"specversion": event.CloudEventsVersionV1, "datacontenttype": event.ApplicationJSON,
		"id": ev.ID(), "source": b.Source, "type": ev.Type(),
	}
	if ev.Subject() != "" {
		attributes["subject"] = ev.Subject()
	}
	if at := ev.Time(); !at.IsZero() {
		attributes["time"] = at.UTC().Format(time.RFC3339)
	}
	// Texts always encode.
	text, _ := json.Marshal(attributes)
	text = append(append(append(text[:len(text)-1], `,"data":`...), ev.JSON...), '}')
	if len(text) > mostBytes {
		return nil, fmt.Errorf("event %s: found %d bytes, expected at most %d: EventGrid takes no larger ones", ev.ID(), len(text), mostBytes)
	}
	return text, nil
}
