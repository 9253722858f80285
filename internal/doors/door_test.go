package doors

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/engine"
)

// script is a handler that answers each event as its id says, and keeps the
// order in which they came.
type script struct {
	answer func(ctx context.Context, ev event.Event) engine.Result

	mu   sync.Mutex
	seen []string
}

func (s *script) Handle(ctx context.Context, function string, ev event.Event) engine.Result {
	s.mu.Lock()
	s.seen = append(s.seen, ev.ID())
	s.mu.Unlock()
	return s.answer(ctx, ev)
}

// byID answers with the result that an event's id names: a kind, or a code.
func byID(_ context.Context, ev event.Event) engine.Result {
	switch ev.ID() {
	case "accepted", "applied", "unchanged":
		return engine.Result{Kind: engine.Completed, Result: events.Result(ev.ID()), Event: out(events.TypeSwitchCompleted, ev.ID())}
	case "ignored":
		return engine.Result{Kind: engine.Ignored}
	case "panic":
		panic("a secret")
	case "held", "not-yet", "busy", "throttled", "doubt", "cloud-denied", "unavailable":
		return engine.Result{Kind: engine.Later, RetryAfter: 1500 * time.Millisecond, Error: failure(ev.ID())}
	case "unresolved", "gave-up":
		return engine.Result{Kind: engine.Failed, Error: failure(ev.ID()), Event: out(events.TypeSwitchFailed, ev.ID())}
	}
	return engine.Result{Kind: engine.Rejected, Error: failure(ev.ID()), Event: out(events.TypeSwitchRejected, ev.ID())}
}

func failure(code string) *events.Error {
	return &events.Error{Code: events.Code(code), Title: "Title of " + code, Detail: "detail",
		Fields: []events.Field{{Path: "data.enabled", Found: "a string", Expected: "a boolean"}}}
}

// out is the out-event of the event of that id.
func out(typ, cause string) *event.Event {
	ev := event.New()
	ev.SetID("out-" + cause)
	ev.SetType(typ)
	ev.SetSource("urn:interlock:proxy-ssl")
	ev.SetDataContentType(event.ApplicationJSON)
	ev.DataEncoded = []byte(`{"cause":{"id":"` + cause + `"}}`)
	return &ev
}

func newDoor(answer func(context.Context, event.Event) engine.Result) (*Door, *script) {
	s := &script{answer: answer}
	return &Door{Function: "proxyssl", Switch: "proxy-ssl", Handler: s}, s
}

// structured is an event in the JSON format, on an instance of its own.
func structured(id string) string { return onInstance(id, "i-"+id) }

func onInstance(id, instance string) string {
	b, _ := json.Marshal(map[string]any{
		"specversion": "1.0", "type": events.TypeSwitchRequested, "source": "/tests", "id": id,
		"data": map[string]any{"target": map[string]any{"instance_id": instance}},
	})
	return string(b)
}

func jsonOf(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var v map[string]any
	require.NoError(t, json.Unmarshal(text, &v), string(text))
	return v
}
