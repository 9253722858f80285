package doors

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// CDEvents are CloudEvents: an approval.closed is mapped at every door that it
// comes through as one.
func TestCDEventsAreMapped(t *testing.T) {
	text, err := os.ReadFile("../../events/samples/producers/cdevents.approved.json")
	require.NoError(t, err)
	var sample struct{ Message, Event json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &sample))
	var want event.Event
	require.NoError(t, json.Unmarshal(sample.Event, &want))
	var got event.Event
	d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
		got = ev
		return engine.Result{Kind: engine.Ignored}
	})
	post := func(data string) Response {
		body := `{"specversion":"1.0","type":"dev.cdevents.approval.closed.0.1.0","id":"1","source":"urn:approvals","correlationid":"c","data":` + data + `}`
		return d.HTTP(context.Background(), Request{Admitted: true, Method: http.MethodPost, Body: []byte(body),
			Header: http.Header{"Content-Type": {"application/cloudevents+json"}}})
	}
	require.Equal(t, http.StatusNoContent, post(string(sample.Message)).Status)
	require.Equal(t, events.TypeTicketApproved, got.Type())
	require.Equal(t, want.ID(), got.ID())
	require.JSONEq(t, string(want.Data()), string(got.Data()))
	require.Equal(t, "c", got.Extensions()["correlationid"])

	r := post(`{"context":{"type":"dev.cdevents.approval.closed.0.1.0"},"subject":{}}`)
	require.Equal(t, http.StatusUnprocessableEntity, r.Status)
	require.Contains(t, string(r.Body), `"path":"context.id"`)
}
