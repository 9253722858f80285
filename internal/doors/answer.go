package doors

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

// faultOf says what is wrong with what holds no event that may be handled.
func faultOf(err error) events.Error {
	f := events.Error{Code: events.InvalidEvent, Title: "The event is not a valid CloudEvent", Detail: err.Error()}
	var e *cloudevent.Error
	var foreign *producers.Error
	var beyond *beyondError
	switch {
	case errors.As(err, &e):
		f.Fields = e.Fields
	case errors.As(err, &foreign):
		f.Code, f.Title, f.Fields = events.InvalidData, "The message cannot be mapped to an event", foreign.Fields
	case errors.As(err, &beyond):
		f.Code, f.Title, f.Fields = events.Denied, "The sender's key is not good for this", beyond.fields
	}
	return f
}

// invalid is the rejection of an element of a batch that is no valid event. It
// is part of the answer only: nobody else would know what it is about. Its id
// is a hash of its data, so that each delivery gives the same event.
func (d *Door) invalid(err error) engine.Result {
	problem := faultOf(err)
	name := cmp.Or(d.Switch, d.Function)
	// A struct of texts always encodes.
	data, _ := json.Marshal(events.Rejected{Switch: name, Error: problem})
	sum := sha256.Sum256(data)
	ev := event.New()
	ev.SetID(hex.EncodeToString(sum[:16]))
	ev.SetType(events.TypeSwitchRejected)
	ev.SetSource("urn:interlock:" + name)
	ev.SetDataSchema(events.DataSchema(events.TypeSwitchRejected))
	ev.SetDataContentType(event.ApplicationJSON)
	ev.DataEncoded = data
	out, _ := bus.New(ev)
	return engine.Result{Kind: engine.Rejected, Event: &out, Error: &problem}
}

func rehearsed(r engine.Result) bool { return r.Kind == engine.Rehearsed }

// encoded is a result's out-event, structured, or what a dry run has found.
func encoded(r engine.Result) ([]byte, error) {
	if rehearsed(r) {
		return json.Marshal(r.Rehearsal)
	}
	if r.Event == nil {
		return nil, fmt.Errorf("out-event: none, though %s", r.Kind)
	}
	return r.Event.JSON, nil
}

// batched is the batch of the out-events of results, and its content type.
// Where there are dry runs among them, it is an array with what those have
// found in their places.
func batched(results []engine.Result) (body []byte, contentType string, err error) {
	var out [][]byte
	for _, r := range results {
		if r.Event == nil && !rehearsed(r) {
			continue
		}
		b, err := encoded(r)
		if err != nil {
			return nil, "", err
		}
		out = append(out, b)
	}
	contentType = cloudevent.BatchContentType
	if slices.ContainsFunc(results, rehearsed) {
		contentType = event.ApplicationJSON
	}
	return slices.Concat([]byte{'['}, bytes.Join(out, []byte{','}), []byte{']'}), contentType, nil
}
