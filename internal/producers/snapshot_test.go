package producers_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// notified posts a notification of Config, captured now, that tells the value
// of the tag of a switch.
func notified(t *testing.T, w *localtest.World, function, name, value string) localtest.Answer {
	return notifiedOf(t, w, function, name, value, w.Now())
}

func notifiedOf(t *testing.T, w *localtest.World, function, name, value string, captured time.Time) localtest.Answer {
	text, err := os.ReadFile("../../events/samples/producers/config.resource-changed.json")
	require.NoError(t, err)
	var s struct{ Message json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &s))
	body := strings.NewReplacer(
		`"interlock:proxy-alt": "on"`, fmt.Sprintf(`"interlock:%s": %q`, name, value),
		`"capture_time": "2026-11-22T09:00:00.000Z"`, fmt.Sprintf(`"capture_time": %q`, captured.Format(time.RFC3339Nano)),
	).Replace(string(s.Message))
	return w.PostAs(t, function+"?from=config", http.Header{"Content-Type": {"application/json"}}, []byte(body))
}

// tick lets enough time pass for the next decision to be another, and for the
// cloud's job to end.
func tick(w *localtest.World) { w.Advance(10 * time.Minute) }

func ticket(t *testing.T, w *localtest.World, name string, on bool) []byte {
	at := w.Now().Format(time.RFC3339)
	return localtest.Edit(t, localtest.Sample(t, "ticket.approved", name), "id", at, "time", at, "data.enabled", on, "data.ticket.id", "CHG"+at,
		"data.ticket.approved_at", at, "data.ticket.window", localtest.Gone)
}

// TestSnapshots: notifications tell all tags at every change of any. Only a
// value that differs from the last known one flips the switch; one that is told
// again does not even undo what a ticket has decided since.
func TestSnapshots(t *testing.T) {
	for name, function := range map[string]string{"proxy-alt": "proxyalt", "proxy-ssl": "proxyssl", "access-control": "accesscontrol"} {
		t.Run(name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{})
			first := notified(t, w, function, name, "on")
			require.Equal(t, 2, first.Status/100, string(first.Body))
			require.Len(t, w.Flips(), 1)
			again := notified(t, w, function, name, "on")
			require.Equal(t, first.Body, again.Body, "delivered again, not told again")
			tick(w)

			require.Equal(t, 204, notified(t, w, function, name, "on").Status)
			require.Equal(t, 204, notified(t, w, function, name, "true").Status, "which is the same")
			tick(w)

			require.Equal(t, 2, w.Post(t, function, ticket(t, w, name, false)).Status/100)
			require.Len(t, w.Flips(), 1)
			tick(w)
			require.Equal(t, 204, notified(t, w, function, name, "on").Status, "the ticket stands")
			require.Empty(t, w.Flips())
			tick(w)

			require.Equal(t, 2, w.Post(t, function, ticket(t, w, name, true)).Status/100)
			require.Len(t, w.Flips(), 1)
			tick(w)
			off := notified(t, w, function, name, "off")
			require.Equal(t, 2, off.Status/100, string(off.Body))
			require.False(t, localtest.Completed(t, off.Event(t)).Enabled)
			require.Len(t, w.Flips(), 1)
		})
	}
}

// TestSnapshotsThatWaited: two notifications tell the same value while neither
// can be acted upon. One of them flips the switch.
func TestSnapshotsThatWaited(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	var halted atomic.Bool
	w.Host.Engine.Halted = func(context.Context) bool { return halted.Load() }
	halted.Store(true)
	captured := w.Now()
	require.Equal(t, 503, notified(t, w, "proxyalt", "proxy-alt", "on").Status)
	tick(w)
	require.Equal(t, 503, notified(t, w, "proxyalt", "proxy-alt", "on").Status)
	require.Empty(t, w.Flips())

	halted.Store(false)
	require.Equal(t, 202, notifiedOf(t, w, "proxyalt", "proxy-alt", "on", captured).Status)
	require.Len(t, w.Flips(), 1)
	w.Bus.Take()
	due, err := w.Host.Ledger.Due(t.Context(), w.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.Contains(t, due[0].Key.ID, w.Now().Format("T15:04"), "the newer one, which no order forbids")
	tick(w)
	r := w.Host.Engine.Resume(t.Context(), due[0].Key)
	require.Equal(t, events.Superseded, r.Error.Code)
	require.Empty(t, w.Flips())
	require.Len(t, w.Bus.Take(), 1)
}

// TestTold: a change that says that the value was another asks for the flip
// even where the last known value is the same: there was one that nobody told.
func TestTold(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	post := func(id, old, value string) int {
		tick(w)
		return w.Post(t, "proxyalt", localtest.Edit(t, localtest.Sample(t, "tag.changed", "proxy-alt"),
			"id", id, "time", w.Now(), "data.changes.1.old", old, "data.changes.1.new", value)).Status
	}
	require.Equal(t, 202, post("1", "off", "on"))
	require.Equal(t, 204, post("2", "on", "true"))
	require.Equal(t, 202, post("3", "off", "on"))
	require.Len(t, w.Flips(), 2)
}
