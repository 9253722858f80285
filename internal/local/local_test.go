package local_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// await returns the next event of a type that reaches the bus, and fails if
// another of that type came with it.
func await(t *testing.T, w *localtest.World, typ string) event.Event {
	t.Helper()
	var got []event.Event
	require.Eventually(t, func() bool {
		for _, ev := range w.Bus.Take() {
			if ev.Type() == typ {
				got = append(got, ev)
			}
		}
		return len(got) > 0
	}, 2*time.Minute, 5*time.Millisecond, "no %s", typ)
	require.Len(t, got, 1)
	return got[0]
}

func ticket(t *testing.T, changes ...any) []byte {
	return localtest.Edit(t, localtest.Sample(t, "ticket.approved", "proxy-ssl"), changes...)
}

// What is "later" is taken up when it is due, though nobody sends it again.
func TestLaterIsTakenUp(t *testing.T) {
	for name, c := range map[string]struct {
		change []any
		fault  cloudsim.Fault
		status int
		wait   time.Duration
	}{
		"window not open": {[]any{"data.ticket.window.start", "2026-11-22T10:00:00Z"}, cloudsim.Fault{}, http.StatusConflict, 30 * time.Minute},
		"busy":            {nil, cloudsim.Fault{Kind: cloudsim.Busy}, http.StatusServiceUnavailable, time.Minute},
		"throttled":       {nil, cloudsim.Fault{Kind: cloudsim.Status, Status: 429}, http.StatusTooManyRequests, time.Minute},
		"in doubt":        {nil, cloudsim.Fault{Kind: cloudsim.CutAfter}, http.StatusServiceUnavailable, 2 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{Bolt: true})
			w.Serve(t)
			if c.fault.Kind != "" {
				c.fault.Operation, c.fault.Times = proxyssl.Flip, 1
				require.NoError(t, w.Cloud.Inject(c.fault))
			}
			require.Equal(t, c.status, w.Post(t, "proxyssl", ticket(t, c.change...)).Status)
			require.Empty(t, w.Bus.Take())
			w.Advance(c.wait)
			data := localtest.Completed(t, await(t, w, events.TypeSwitchCompleted))
			effects := w.Cloud.Effects()
			require.Len(t, effects, 1)
			require.Equal(t, effects[0].JobID, data.JobID)
			require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t, c.change...)).Status)
		})
	}
}

// What was settled and not published before the process ended, the next one
// publishes; what waited, it waits for.
func TestRestart(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true})
	w.Bus.SetAway(true)
	settled := w.Post(t, "proxyssl", ticket(t))
	require.Equal(t, http.StatusServiceUnavailable, settled.Status)
	waiting := localtest.Edit(t, localtest.Sample(t, "ticket.approved", "database-audit"), "data.ticket.window.start", "2026-11-22T10:00:00Z")
	require.Equal(t, http.StatusConflict, w.Post(t, "auditswitch", waiting).Status)
	w.Advance(time.Second)
	w.Restart(t)
	w.Bus.SetAway(false)
	w.Serve(t)
	first := await(t, w, events.TypeSwitchCompleted)
	require.Equal(t, "urn:interlock:proxy-ssl", first.Source())
	w.Advance(30 * time.Minute)
	second := await(t, w, events.TypeSwitchCompleted)
	require.Equal(t, "urn:interlock:database-audit", second.Source())
	require.Len(t, w.Cloud.Effects(), 2)
}

// Each job is followed to its end, whatever the bus, and after a restart too.
func TestJobsAreFollowed(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := localtest.Start(t, localtest.Options{Bolt: true})
		if !restart {
			w.Serve(t)
		}
		require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t)).Status)
		job := localtest.Completed(t, await(t, w, events.TypeSwitchCompleted)).JobID
		if restart {
			w.Restart(t)
			w.Serve(t)
		}
		w.Advance(30 * time.Second)
		ended := await(t, w, events.TypeJobSucceeded)
		var data events.JobEnded
		require.NoError(t, json.Unmarshal(ended.Data(), &data))
		require.Equal(t, job, data.JobID)
		require.Equal(t, "Completed", data.Job.Status)
	}
}

// A request that is under way when the program is told to end gets its answer.
func TestLetsRequestsEnd(t *testing.T) {
	held, free := make(chan struct{}), make(chan struct{})
	release := sync.OnceFunc(func() { close(free) })
	defer release()
	w := localtest.Start(t, localtest.Options{Cloud: cloudsim.Options{Sleep: func(context.Context, time.Duration) error {
		close(held)
		<-free
		return nil
	}}})
	stop := w.Serve(t)
	require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Delay, Delay: 1, Times: 1}))
	body, statuses := bytes.NewReader(ticket(t)), make(chan int, 1)
	go func() {
		defer close(statuses) // without an answer it is 0
		if res, err := http.Post(w.URL+"/functions/proxyssl", event.ApplicationCloudEventsJSON, body); err == nil {
			statuses <- res.StatusCode
			_ = res.Body.Close()
		}
	}()
	<-held
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	require.Eventually(t, func() bool { // nobody new is let in
		_, err := http.Get(w.URL + "/healthz")
		return err != nil
	}, 2*time.Minute, 5*time.Millisecond)
	select {
	case <-stopped:
		require.Fail(t, "ended with a request under way")
	default:
	}
	release()
	require.Equal(t, http.StatusAccepted, <-statuses)
	<-stopped
}

// A ledger that forgets is worth a warning; a file is not.
func TestWarning(t *testing.T) {
	for kind, warned := range map[string]bool{"memory:": true, "bolt:" + t.TempDir() + "/interlock.db": false} {
		c, err := config.Read([]string{"INTERLOCK_REGION=cn-north-4", "INTERLOCK_AUTH_TOKEN=t", "INTERLOCK_LEDGER=" + kind}, "", "memory:")
		require.NoError(t, err)
		var warnings []string
		h, err := local.Open(c, functions.All(), local.Options{Warn: func(s string) { warnings = append(warnings, s) }})
		require.NoError(t, err)
		require.NoError(t, h.Close())
		require.Equal(t, warned, len(warnings) > 0, kind)
	}
}

// A header that is too large is answered as every other refusal is.
func TestLargeHeader(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	w.Serve(t)
	for _, size := range []int{doors.MaxHeader, 3 * doors.MaxHeader} {
		header := http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}, "Padding": {strings.Repeat("x", size)}}
		a := w.PostAs(t, "proxyssl", header, ticket(t))
		require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, a.Status)
		require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	}
}

// A time that no clock has told is named, however an attempt to write it down
// would end, and is not in the rejection.
func TestTimeOfNoClock(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true})
	for _, text := range []string{"0000-01-01T00:00:00+01:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00"} {
		a := w.Post(t, "proxyssl", ticket(t, "time", text))
		require.Equal(t, http.StatusUnprocessableEntity, a.Status, "%s: %s", text, a.Body)
		require.Contains(t, string(a.Body), `"path":"time"`)
		out := await(t, w, events.TypeSwitchRejected)
		require.Zero(t, out.Time())
	}
	require.Empty(t, w.Flips())
}

// What was signed is still known to be when the program takes it up by itself,
// also after a restart: a policy judges it by its door and its signer.
func TestTheDoorIsKept(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true, Environ: []string{
		"INTERLOCK_WEBHOOK_SECRETS=name=snow:" + hookKey,
		`INTERLOCK_POLICY=permit (principal, action, resource) when { context.door == "local" && context.signer == "snow" };`,
	}})
	require.NoError(t, w.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 1}))
	body := ticket(t)
	key, err := webhook.ParseKey(hookKey)
	require.NoError(t, err)
	header := http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}
	ev, err := cloudevent.DecodeJSON(body)
	require.NoError(t, err)
	key.Sign(header, ev.ID(), w.Now(), body)
	require.Equal(t, http.StatusServiceUnavailable, w.PostAs(t, "proxyssl", header, body).Status)
	w.Restart(t)
	w.Serve(t)
	w.Advance(time.Minute)
	require.Equal(t, events.Accepted, localtest.Completed(t, await(t, w, events.TypeSwitchCompleted)).Result)
}

// An event that waits, sent again as if it had been approved lately, or for
// just this, is judged by what it said first.
func TestTheFirstWordCounts(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		first  []any
		bound  bool
	}{
		"when it was approved": {
			`permit (principal, action, resource) when { context has ticket && context.ticket has approved_at && context.now.durationSince(context.ticket.approved_at) <= duration("7d") };`,
			[]any{"data.ticket.approved_at", "2026-11-01T09:00:00Z"}, false,
		},
		"its digest": {`permit (principal, action, resource) when { context has ticket && context.ticket.bound };`, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_POLICY=" + c.policy}})
			first, second := ticket(t, c.first...), ticket(t)
			if c.bound {
				sum, err := digest.Of(dataOf(t, first))
				require.NoError(t, err)
				second = ticket(t, "data.ticket.digest", sum)
			}
			var halted atomic.Bool
			w.Host.Engine.Halted = func(context.Context) bool { return halted.Load() }
			halted.Store(true)
			require.Equal(t, http.StatusServiceUnavailable, w.Post(t, "proxyssl", first).Status)
			halted.Store(false)
			dry := w.Post(t, "proxyssl", localtest.Edit(t, second, "dryrun", true))
			require.Contains(t, string(dry.Body), `"would":"reject"`)
			answer := w.Post(t, "proxyssl", second)
			require.Equal(t, http.StatusForbidden, answer.Status, string(answer.Body))
			require.Equal(t, events.Denied, localtest.Rejected(t, await(t, w, events.TypeSwitchRejected)).Error.Code)
			require.Empty(t, w.Flips())

			require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", localtest.Edit(t, second, "id", "another")).Status, "as an event of its own it is what it says")
		})
	}
}

// What came in by no door, as an older version stored it, and waits, is judged by
// the door by which it is sent again: by none a policy would never judge it.
func TestTheFirstDoorIsTheFirstThatWasTold(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Environ: []string{`INTERLOCK_POLICY=permit (principal, action, resource) when { context.door == "local" };`}})
	sent := ticket(t)
	ev, err := cloudevent.DecodeJSON(sent)
	require.NoError(t, err)
	require.Equal(t, engine.Later, w.Host.Handle(t.Context(), "proxyssl", ev).Kind)
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", sent).Status)
}

func dataOf(t *testing.T, text []byte) json.RawMessage {
	var ev struct{ Data json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &ev))
	return ev.Data
}
