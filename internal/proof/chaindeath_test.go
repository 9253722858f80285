package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// TestChainDeaths kills the built program with SIGKILL again and again while it
// goes through chains, and starts it on the same ledger file; nothing is delivered
// again but what was not acknowledged. Each chain runs in order, each of its steps
// takes effect, the one with a job once, and there is one request for each step
// and one end.
func TestChainDeaths(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: time.Millisecond, JobRunning: time.Millisecond})
	require.NoError(t, cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Delay: 5 * time.Millisecond}))
	api := httptest.NewServer(cloud)
	defer api.Close()
	heard := &heard{contents: map[string]string{}}
	bus := httptest.NewServer(heard)
	defer bus.Close()
	p := &program{
		T: t, binary: built(t), dir: t.TempDir(),
		env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
			"INTERLOCK_GAUSSDB_ENDPOINT=" + api.URL, "INTERLOCK_DBSS_ENDPOINT=" + api.URL, "INTERLOCK_AUTH_TOKEN=" + cloudsim.DefaultToken,
			"INTERLOCK_LEDGER=bolt:interlock.db", "INTERLOCK_BUS=http:" + bus.URL, "INTERLOCK_QUIET=300ms",
		},
	}
	p.start()
	defer p.kill()
	var roots []event.Event
	for n := range chainKills {
		a := ticketed(instanceOf(n), acl, true, nil)
		steps := []ask{a, request("", ssl, true), request("", acl, false)}
		for i := range steps {
			steps[i].target.InstanceID = instanceOf(n)
		}
		cloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: instanceOf(n), ProxyID: proxy})
		roots = append(roots, steps[0].chained(events.Stop, steps[1:]...))
	}
	r := rand.New(rand.NewPCG(3, 4))
	for _, root := range roots {
		posted := make(chan struct{})
		go func() {
			defer close(posted)
			_, _, _ = p.post(root)
		}()
		died := time.NewTimer(time.Duration(r.IntN(40_000)) * time.Microsecond)
		<-died.C
		p.kill()
		<-posted
		p.start()
		p.redeliver(root)
	}
	// The jobs are first looked after 3 s later, and what follows them comes then.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for further := 0; heard.ended() < len(roots); further++ {
		require.NoError(t, wait(ctx, time.Duration(r.IntN(1500))*time.Millisecond), "%d of %d chains have ended", heard.ended(), len(roots))
		if further < chainKills {
			p.kill()
			p.start()
		}
	}
	p.kill()
	for n, root := range roots {
		heard.check(t, root)
		var order []string
		jobs := 0
		for _, e := range cloud.Effects() {
			if e.Target.InstanceID != instanceOf(n) {
				continue
			}
			if e.JobID != "" {
				jobs++
			}
			order = append(order, map[bool]string{true: "+", false: "-"}[e.Enabled]+e.Operation)
		}
		require.Equal(t, 1, jobs, "ssl of %s took effect", root.ID())
		require.Equal(t, []string{"+" + operationOf(acl), "+" + operationOf(ssl), "-" + operationOf(acl)}, slices.Compact(order), root.ID())
	}
	t.Logf("proved: chain deaths: %d chains of three, %d kills, each in order, each job once, one end each, 0 violations", len(roots), len(roots)*2)
}

// heard is a bus that keeps all that reaches it, by id.
type heard struct {
	mu       sync.Mutex
	contents map[string]string
	twice    []string // the ids of what had two contents
}

func (h *heard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var ev event.Event
	if err != nil || json.Unmarshal(body, &ev) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if before, known := h.contents[ev.ID()]; known && before != string(body) {
		h.twice = append(h.twice, ev.ID())
	}
	h.contents[ev.ID()] = string(body)
}

func (h *heard) ended() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, body := range h.contents {
		if bytes.Contains([]byte(body), []byte(events.TypeChainSucceeded)) {
			n++
		}
	}
	return n
}

// check: of a chain there are two requests and one end, with every step done or
// as wanted already.
func (h *heard) check(t *testing.T, root event.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	require.Empty(t, h.twice)
	types := map[string]int{}
	for _, body := range h.contents {
		ev := parsed([]byte(body))
		if ev.Extensions()["correlationid"] != root.ID() {
			continue
		}
		types[ev.Type()]++
		if ev.Type() == events.TypeChainSucceeded {
			var data events.ChainEnded
			require.NoError(t, ev.DataAs(&data))
			require.Len(t, data.Steps, 3)
		}
	}
	require.Equal(t, map[string]int{
		events.TypeSwitchCompleted: 3, events.TypeJobSucceeded: 1, events.TypeSwitchRequested: 2, events.TypeChainSucceeded: 1,
	}, types, root.ID())
}
