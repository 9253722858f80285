package doors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

var discard = slog.New(slog.DiscardHandler)

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
func out(typ, cause string) *bus.Event {
	ev := event.New()
	ev.SetID("out-" + cause)
	ev.SetType(typ)
	ev.SetSource("urn:interlock:proxy-ssl")
	ev.SetDataContentType(event.ApplicationJSON)
	ev.DataEncoded = []byte(`{"cause":{"id":"` + cause + `"}}`)
	out, err := bus.New(ev)
	if err != nil {
		panic(err)
	}
	return &out
}

func newDoor(answer func(context.Context, event.Event) engine.Result) (*Door, *script) {
	s := &script{answer: answer}
	return &Door{Function: "proxyssl", Switch: "proxy-ssl", Handler: s, Log: discard, Producers: siteFields()}, s
}

// siteFields are the fields of the site that Jira's samples are of.
func siteFields() producers.Reader {
	return producers.Reader{JiraWords: "customfield_10100", JiraApprovals: "customfield_10033"}
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

// TestPanicIsLogged with where it came from, but not with a value that might
// hold anything.
func TestPanicIsLogged(t *testing.T) {
	for name, test := range map[string]struct {
		panics func()
		logged string
	}{
		"a value":         {func() { panic("a secret") }, `"panic":"string"`},
		"of the runtime":  {func() { var d *Door; _ = d.Function }, "nil pointer dereference"},
		"an error's type": {func() { panic(errors.New("a secret")) }, "errorString"},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			d, _ := newDoor(func(context.Context, event.Event) engine.Result {
				test.panics()
				return engine.Result{}
			})
			d.Log = slog.New(slog.NewJSONHandler(&log, nil))
			answer, err := d.Invoke(t.Context(), sqsEvent(t, structured("a")))
			require.NoError(t, err)
			require.Equal(t, []string{"m0"}, failures(t, answer))
			require.Contains(t, log.String(), test.logged)
			require.Contains(t, log.String(), "TestPanicIsLogged")
			require.NotContains(t, log.String(), "a secret")
		})
	}
}

// TestNoReason: a handler that gives none does not break the answer.
func TestNoReason(t *testing.T) {
	for _, kind := range []engine.Kind{engine.Rejected, engine.Failed, engine.Later, ""} {
		d, _ := newDoor(func(context.Context, event.Event) engine.Result { return engine.Result{Kind: kind} })
		require.GreaterOrEqual(t, post(d, "application/cloudevents+json", structured("a")).Status, 400)
		_, err := d.Invoke(t.Context(), []byte(structured("a")))
		require.Error(t, err)
	}
}
