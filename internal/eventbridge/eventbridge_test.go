package eventbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/eventbridge"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/bus/bustest"
)

func numbered(n int) bus.Event {
	ev := event.New()
	ev.SetID(fmt.Sprint(n))
	ev.SetType("dev.interlock.switch.completed.v1")
	ev.SetSource("urn:interlock:proxy-ssl")
	ev.SetTime(time.Date(2026, 11, 22, 9, 0, 0, 500e6, time.UTC))
	_ = ev.SetData(event.ApplicationJSON, map[string]int{"n": n})
	out, err := bus.New(ev)
	if err != nil {
		panic(err)
	}
	return out
}

// eventBridge is a server of PutEvents that refuses some entries.
func eventBridge(t *testing.T, answer func(call int, ids []string) (int, any)) (*eventbridge.Bus, *[][]string) {
	calls := &[][]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "AWSEvents.PutEvents", r.Header.Get("X-Amz-Target"))
		require.Contains(t, r.Header.Get("Authorization"), "/eu-west-1/events/aws4_request")
		var in struct {
			Entries []struct {
				EventBusName, Source, DetailType, Detail, TraceHeader string
				Time                                                  float64
			}
		}
		require.NoError(t, json.NewDecoder(r.Body).Decode(&in))
		var ids []string
		for _, e := range in.Entries {
			require.Equal(t, "changes", e.EventBusName)
			require.Equal(t, "interlock", e.Source)
			require.Equal(t, "dev.interlock.switch.completed.v1", e.DetailType)
			require.Equal(t, "Root=1-2", e.TraceHeader)
			require.InDelta(t, 1795338000.5, e.Time, 0.001)
			var ev event.Event
			require.NoError(t, json.Unmarshal([]byte(e.Detail), &ev))
			ids = append(ids, ev.ID())
		}
		*calls = append(*calls, ids)
		status, body := answer(len(*calls), ids)
		w.WriteHeader(status)
		require.NoError(t, json.NewEncoder(w).Encode(body))
	}))
	t.Cleanup(s.Close)
	return busAt(t, s), calls
}

func busAt(t *testing.T, s *httptest.Server) *eventbridge.Bus {
	endpoint, err := url.Parse(s.URL)
	require.NoError(t, err)
	return &eventbridge.Bus{
		Name:        "changes",
		TraceHeader: func(context.Context) string { return "Root=1-2" },
		Client: &awsjson.Client{
			Service: awsjson.EventBridge, Region: "eu-west-1", Endpoint: endpoint, HTTP: s.Client(),
			Credentials: func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AK", SecretAccessKey: "SK"}, nil
			},
			Sleep: func(context.Context, time.Duration) error { return nil },
		},
	}
}

func TestEventBridge(t *testing.T) {
	bustest.Run(t, bustest.Harness{Open: func(t *testing.T, take func() error) (bus.Bus, func() []json.RawMessage) {
		var mu sync.Mutex
		var all []json.RawMessage
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in struct{ Entries []struct{ Detail string } }
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || take() != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			ids := make([]string, len(in.Entries))
			for _, e := range in.Entries {
				all = append(all, json.RawMessage(e.Detail))
			}
			_, body := taken(ids)
			_ = json.NewEncoder(w).Encode(body)
		}))
		t.Cleanup(s.Close)
		return busAt(t, s), func() []json.RawMessage {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(all)
		}
	}})
}

type entryAnswer struct {
	EventId, ErrorCode, ErrorMessage string
}

func taken(ids []string, but ...string) (int, any) {
	var a struct {
		FailedEntryCount int
		Entries          []entryAnswer
	}
	for _, id := range ids {
		e := entryAnswer{EventId: "e" + id}
		for _, b := range but {
			if b == id {
				e = entryAnswer{ErrorCode: "ThrottlingException", ErrorMessage: "slow down"}
				a.FailedEntryCount++
			}
		}
		a.Entries = append(a.Entries, e)
	}
	return http.StatusOK, a
}

func TestEventBridgeSendsAgainOnlyWhatFailed(t *testing.T) {
	b, calls := eventBridge(t, func(call int, ids []string) (int, any) {
		if call == 1 {
			return taken(ids, "2", "3")
		}
		return taken(ids)
	})
	require.NoError(t, b.Publish(t.Context(), numbered(1), numbered(2), numbered(3)))
	require.Equal(t, [][]string{{"1", "2", "3"}, {"2", "3"}}, *calls)
}

func TestEventBridgeGivesUpWhatKeepsFailing(t *testing.T) {
	b, calls := eventBridge(t, func(_ int, ids []string) (int, any) { return taken(ids, "2") })
	require.ErrorContains(t, b.Publish(t.Context(), numbered(1), numbered(2)), "ThrottlingException: slow down")
	require.Equal(t, [][]string{{"1", "2"}, {"2"}, {"2"}}, *calls)
}

func TestEventBridgeTakesTenAtATime(t *testing.T) {
	b, calls := eventBridge(t, func(_ int, ids []string) (int, any) { return taken(ids) })
	var all []bus.Event
	for i := range 23 {
		all = append(all, numbered(i))
	}
	require.NoError(t, b.Publish(t.Context(), all...))
	require.Len(t, *calls, 3)
	require.Len(t, (*calls)[2], 3)
}

func TestEventBridgeNeedsAnAnswerForEachEntry(t *testing.T) {
	b, _ := eventBridge(t, func(_ int, ids []string) (int, any) { return taken(ids[1:]) })
	require.ErrorContains(t, b.Publish(t.Context(), numbered(1), numbered(2)), "answered 1 entries of 2")
}

func TestEventBridgeRefusalIsAnError(t *testing.T) {
	b, _ := eventBridge(t, func(int, []string) (int, any) {
		return http.StatusBadRequest, map[string]string{"__type": "com.amazon#AccessDeniedException", "message": "no"}
	})
	err := b.Publish(t.Context(), numbered(1))
	require.ErrorContains(t, err, "PutEvents: 400 AccessDeniedException: no")
}
