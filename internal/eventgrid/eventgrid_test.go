package eventgrid_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/eventgrid"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/bus/bustest"
)

// numbered is an event of about as many bytes.
func numbered(t *testing.T, n, size int) bus.Event {
	t.Helper()
	ev := event.New()
	ev.SetID(fmt.Sprint(n))
	ev.SetType("dev.interlock.switch.completed.v1")
	ev.SetSource("urn:interlock:proxy-ssl")
	ev.SetSubject("projects/p")
	ev.SetExtension("correlationid", "CHG-1")
	ev.SetTime(time.Date(2026, 11, 28, 10, 0, 0, 500e6, time.FixedZone("", 3600)))
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(`{"fill":"`+strings.Repeat("x", size)+`"}`)))
	out, err := bus.New(ev)
	require.NoError(t, err)
	return out
}

// channel is EventGrid, with one channel: it takes what its documentation says,
// and refuses what is asked to be refused.
type channel struct {
	t *testing.T
	// answer, if set, is what is answered to a call for events of these ids.
	answer func(call int, ids []string) (int, string)

	mu    sync.Mutex
	calls [][]string
	taken []json.RawMessage
}

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var in struct {
		Events []struct {
			Specversion, ID, Source, Type, Subject, Time, Datacontenttype string
			Data                                                          json.RawMessage
		}
	}
	if err != nil || json.Unmarshal(body, &in) != nil || r.URL.Path != "/v1/p1/channels/c1/events" ||
		!strings.HasPrefix(r.Header.Get("Authorization"), "SDK-HMAC-SHA256 Access=AK, ") {
		c.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	if len(in.Events) > 20 || len(body) > 256<<10 {
		c.t.Errorf("%d events of %d bytes", len(in.Events), len(body))
	}
	var ids []string
	for _, e := range in.Events {
		ids = append(ids, e.ID)
		if e.Specversion != "1.0" || e.Source != "interlock-test" || e.Type == "" || e.Datacontenttype != "application/json" {
			c.t.Errorf("event %+v", e)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, ids)
	status, answer := 200, `{"failed_count":0}`
	if c.answer != nil {
		status, answer = c.answer(len(c.calls), ids)
	}
	if status == 200 {
		for _, e := range in.Events {
			c.taken = append(c.taken, e.Data)
		}
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func (c *channel) bus() *eventgrid.Bus {
	s := httptest.NewServer(c)
	c.t.Cleanup(s.Close)
	return busAt(s)
}

func busAt(s *httptest.Server) *eventgrid.Bus {
	return &eventgrid.Bus{
		Client:  &cloudapi.Client{EventGrid: s.URL, Auth: &cloudapi.AKSK{AccessKey: "AK", SecretKey: "SK"}, HTTP: s.Client()},
		Channel: cloudapi.Channel{ProjectID: "p1", ChannelID: "c1"}, Source: "interlock-test",
	}
}

func TestEventGrid(t *testing.T) {
	bustest.Run(t, bustest.Harness{Open: func(t *testing.T, take func() error) (bus.Bus, func() []json.RawMessage) {
		c := &channel{t: t}
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if take() != nil {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			c.ServeHTTP(w, r)
		}))
		t.Cleanup(s.Close)
		return busAt(s), func() []json.RawMessage {
			c.mu.Lock()
			defer c.mu.Unlock()
			return slices.Clone(c.taken)
		}
	}})
}

// An event is in one that EventGrid routes by its source, type, subject and time,
// and whole.
func TestWhole(t *testing.T) {
	var sent json.RawMessage
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ = io.ReadAll(r.Body)
		_, _ = io.WriteString(w, `{"failed_count":0}`)
	}))
	t.Cleanup(s.Close)
	ev := numbered(t, 1, 3)
	require.NoError(t, busAt(s).Publish(t.Context(), ev))
	require.Equal(t, `{"events":[{"datacontenttype":"application/json","id":"1","source":"interlock-test","specversion":"1.0",`+
		`"subject":"projects/p","time":"2026-11-28T09:00:00Z","type":"dev.interlock.switch.completed.v1","data":`+string(ev.JSON)+`}]}`, string(sent))
}

func TestOnlyWhatFailedIsSentAgain(t *testing.T) {
	failed := func(codes ...string) string {
		var all []string
		n := 0
		for _, code := range codes {
			if code == "" {
				all = append(all, `{"event_id":"e"}`)
				continue
			}
			n++
			all = append(all, `{"error_code":"`+code+`","error_msg":"slow down"}`)
		}
		return fmt.Sprintf(`{"failed_count":%d,"events":[%s]}`, n, strings.Join(all, ","))
	}
	three := func(t *testing.T) []bus.Event {
		return []bus.Event{numbered(t, 1, 1), numbered(t, 2, 1), numbered(t, 3, 1)}
	}
	c := &channel{t: t, answer: func(call int, ids []string) (int, string) {
		if call == 1 {
			return 200, failed("", "EG.7", "EG.7")
		}
		return 200, failed(make([]string, len(ids))...)
	}}
	require.NoError(t, c.bus().Publish(t.Context(), three(t)...))
	require.Equal(t, [][]string{{"1", "2", "3"}, {"2", "3"}}, c.calls)

	c = &channel{t: t, answer: func(_ int, ids []string) (int, string) {
		return 200, failed(slices.Repeat([]string{"EG.7"}, len(ids))...)
	}}
	require.ErrorContains(t, c.bus().Publish(t.Context(), three(t)[:1]...), "PutEvents: EG.7: slow down")
	require.Len(t, c.calls, 3, "it is given up for now")

	// What is refused as a whole is for the next publication: keys that are refused
	// again and again are locked.
	c = &channel{t: t, answer: func(int, []string) (int, string) {
		return 403, `{"error_code":"EG.0002","error_msg":"no permission"}`
	}}
	require.ErrorContains(t, c.bus().Publish(t.Context(), three(t)...), "PutEvents: 403: EG.0002: no permission")
	require.Len(t, c.calls, 1)
}

// No request has more events or bytes than EventGrid takes, and an event that is
// too large keeps no other back.
func TestLimits(t *testing.T) {
	c := &channel{t: t}
	var all []bus.Event
	for i := range 45 {
		all = append(all, numbered(t, i, 10))
	}
	require.NoError(t, c.bus().Publish(t.Context(), all...))
	require.Len(t, c.calls, 3)
	require.Len(t, c.calls[2], 5)

	c, all = &channel{t: t}, nil
	for i := range 9 {
		all = append(all, numbered(t, i, 62<<10))
	}
	require.NoError(t, c.bus().Publish(t.Context(), all...))
	require.Equal(t, [][]string{{"0", "1", "2", "3"}, {"4", "5", "6", "7"}, {"8"}}, c.calls)

	c = &channel{t: t}
	err := c.bus().Publish(t.Context(), numbered(t, 1, 1), numbered(t, 2, 64<<10), numbered(t, 3, 1))
	require.ErrorContains(t, err, "event 2: found ")
	require.ErrorContains(t, err, "expected at most 65536: EventGrid takes no larger ones")
	require.Equal(t, [][]string{{"1", "3"}}, c.calls)
}
