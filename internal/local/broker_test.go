package local_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/brokertest"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// broker delivers to the one address, and keeps what it is answered.
type broker struct {
	w       *localtest.World
	replies []event.Event
	dead    [][]byte
}

// atOnce is a cloud whose jobs are at their end when they begin.
var atOnce = cloudsim.Options{JobVisible: -1, JobPending: -1, JobRunning: -1}

// deliver returns whether the event is to be delivered again.
func (b *broker) deliver(t *testing.T, body []byte) (again bool) {
	t.Helper()
	a := b.post(t, body)
	if a.Reply != nil {
		b.replies = append(b.replies, *a.Reply)
	}
	if a.Dead {
		b.dead = append(b.dead, a.Body)
	}
	return a.Again
}

func (b *broker) post(t *testing.T, body []byte) brokertest.Answer {
	t.Helper()
	a, err := brokertest.Deliver(t.Context(), b.w.URL+"/", http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}, body)
	require.NoError(t, err)
	return a
}

// Every switch's ticket is delivered to the one address, and each is flipped once,
// however often; the reply is the completion event.
func TestABrokerNeedsNoNames(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Cloud: atOnce})
	b := &broker{w: w}
	for _, sw := range functions.All() {
		sample := localtest.Sample(t, "ticket.approved", sw.Name)
		for delivery := range 2 {
			require.False(t, b.deliver(t, sample), sw.Name)
			reply := b.replies[len(b.replies)-1]
			require.Equal(t, events.TypeSwitchCompleted, reply.Type())
			require.Equal(t, sw.Name, localtest.Completed(t, reply).Switch)
			if published := w.Bus.Take(); delivery == 0 {
				require.Len(t, published, 1)
				require.Equal(t, published[0].ID(), reply.ID(), "what is on the bus is the same event")
			} else {
				require.Empty(t, published)
			}
		}
		require.Len(t, w.Flips(), 1, sw.Name)
	}
	require.Empty(t, b.dead)
}

// One tag event may set the tags of several switches: each is flipped.
func TestABrokersEventForSeveralSwitches(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Cloud: atOnce})
	b := &broker{w: w}
	sample := localtest.Sample(t, "tag.changed", "proxy-ssl")
	var ev struct {
		Data struct{ Changes []map[string]any }
	}
	require.NoError(t, json.Unmarshal(sample, &ev))
	more := append(ev.Data.Changes, map[string]any{"key": events.TagPrefix + "proxy-alt", "new": "on"})
	sample = localtest.Edit(t, sample, "data.changes", more)
	var paths []string
	for range 4 { // one job at a time on the instance: what waits for it is taken up later
		require.False(t, b.deliver(t, sample))
		for _, f := range w.Flips() {
			paths = append(paths, f.Path)
		}
		w.Advance(time.Minute)
	}
	require.Len(t, paths, 2, "%s", b.dead)
}

func TestWhatABrokerSendsAgain(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Cloud: atOnce})
	b := &broker{w: w}
	require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Kind: cloudsim.Busy, Operation: proxyssl.Flip, Times: 1}))
	busy := b.post(t, ticket(t))
	require.Equal(t, http.StatusAccepted, busy.Status, "it is on record, and taken up when it is due")
	require.Contains(t, busy.Header.Get("Interlock-Reason"), "busy: ")
	w.Advance(time.Minute)
	require.False(t, b.deliver(t, ticket(t)))
	require.Len(t, b.replies, 1)
	w.Bus.SetAway(true)
	require.True(t, b.deliver(t, ticket(t, "id", "unheard", "data.enabled", false, "data.ticket.id", "CHG-unheard")), "its event is not published")
	w.Bus.SetAway(false)
	w.Advance(time.Minute)
	require.False(t, b.deliver(t, ticket(t, "id", "unheard", "data.enabled", false, "data.ticket.id", "CHG-unheard")))
	require.Len(t, b.replies, 2)

	// An older decision of the same switch and target is superseded, for good.
	older := ticket(t, "id", "older", "data.ticket.id", "CHG-older", "data.ticket.approved_at", "2026-11-22T08:00:00Z", "data.ticket.window.start", "2026-11-22T08:00:00Z", "time", "2026-11-22T08:00:00Z")
	superseded := b.post(t, older)
	require.Equal(t, http.StatusUnprocessableEntity, superseded.Status, "%s", superseded.Body)
	require.Contains(t, string(superseded.Body), `"superseded"`)
	require.Equal(t, http.StatusConflict, w.Post(t, "proxyssl", older).Status, "as the function itself says it")

	require.False(t, b.deliver(t, []byte("{")))
	require.Len(t, b.dead, 1)
	require.False(t, b.deliver(t, ticket(t, "type", "com.example.other")), "what is for nobody is not for the dead letters either")
	require.Len(t, b.dead, 1)
	require.False(t, b.deliver(t, ticket(t, "id", "wrong", "data.enabled", "yes")))
	require.Len(t, b.dead, 2)
	require.Len(t, b.replies, 2)
}

// With sink: events go where a SinkBinding says, with the extensions that it says.
func TestSink(t *testing.T) {
	var mu sync.Mutex
	var got []event.Event
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var ev event.Event
		if json.NewDecoder(r.Body).Decode(&ev) == nil {
			got = append(got, ev)
		}
	}))
	defer sink.Close()
	w := localtest.Start(t, localtest.Options{Environ: []string{
		"INTERLOCK_BUS=sink:", "K_SINK=" + sink.URL, `K_CE_OVERRIDES={"extensions":{"cluster":"prod1"}}`,
	}})
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t)).Status)
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, got, 1)
	require.Equal(t, events.TypeSwitchCompleted, got[0].Type())
	require.Equal(t, "prod1", got[0].Extensions()["cluster"])
}

func TestReady(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true})
	get := func() int {
		res, err := http.Get(w.URL + "/readyz")
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, http.StatusOK, get())
	require.NoError(t, w.Host.Ledger.Close())
	require.Equal(t, http.StatusServiceUnavailable, get())
}
