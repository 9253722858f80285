package bus_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

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

func TestMemoryTellsEverySubscriber(t *testing.T) {
	m := &bus.Memory{}
	var a, b []string
	m.Subscribe(func(ev event.Event) { a = append(a, ev.ID()) })
	m.Subscribe(func(ev event.Event) { b = append(b, ev.ID()) })
	require.NoError(t, m.Publish(t.Context(), numbered(1), numbered(2)))
	require.Equal(t, []string{"1", "2"}, a)
	require.Equal(t, a, b)
}

func TestHTTPPostsEachEventStructured(t *testing.T) {
	var got []string
	status := http.StatusAccepted
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Equal(t, "application/cloudevents+json; charset=utf-8", r.Header.Get("Content-Type"))
		body, _ := io.ReadAll(r.Body)
		var ev event.Event
		require.NoError(t, json.Unmarshal(body, &ev))
		got = append(got, ev.ID())
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer s.Close()
	u, err := url.Parse(s.URL + "/hook?token=canary-secret")
	require.NoError(t, err)
	u.User = url.UserPassword("user", "canary-secret")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	b := &bus.HTTP{URL: u, Client: client}
	require.NoError(t, b.Publish(t.Context(), numbered(1), numbered(2)))
	require.Equal(t, []string{"1", "2"}, got)

	for _, status = range []int{302, 400, 503} {
		got = nil
		err = b.Publish(t.Context(), numbered(1), numbered(2))
		require.ErrorContains(t, err, fmt.Sprint(status))
		require.NotContains(t, err.Error(), "canary")
		require.Equal(t, []string{"1"}, got, "what comes after a failure is not sent")
	}
	s.Close()
	err = b.Publish(t.Context(), numbered(1))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "canary")
}

func TestMemory(t *testing.T) {
	bustest.Run(t, bustest.Harness{Open: func(t *testing.T, _ func() error) (bus.Bus, func() []json.RawMessage) {
		m, end := &bus.Memory{}, &farEnd{}
		m.Subscribe(func(ev event.Event) {
			raw, err := ev.MarshalJSON()
			if err != nil {
				panic(err)
			}
			end.add(raw)
		})
		return m, end.taken
	}})
}

func TestHTTP(t *testing.T) {
	bustest.Run(t, bustest.Harness{Open: func(t *testing.T, take func() error) (bus.Bus, func() []json.RawMessage) {
		end := &farEnd{}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil || take() != nil {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			end.add(body)
		}))
		t.Cleanup(s.Close)
		u, err := url.Parse(s.URL)
		require.NoError(t, err)
		return &bus.HTTP{URL: u, Client: s.Client()}, end.taken
	}})
}

// farEnd keeps what arrives.
type farEnd struct {
	mu  sync.Mutex
	all []json.RawMessage
}

func (f *farEnd) add(raw json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, raw)
}

func (f *farEnd) taken() []json.RawMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.all)
}
