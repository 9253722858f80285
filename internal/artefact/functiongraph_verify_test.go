//go:build verify

package artefact

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

// listed flips a first switch and follows its job to its end: the ledger knows then
// that the list of jobs shows those of ours.
func (g *graph) listed() {
	g.t.Helper()
	require.False(g.t, g.functions["proxyssl"].invoke(grid(ticket(g.t, "proxy-ssl", 99))).failed())
	g.followed()
}

// followed delivers every completion to jobfollow, as the channel's subscription does,
// until each job is told to have ended.
func (g *graph) followed() {
	g.t.Helper()
	until(g.t, "a job was not followed to its end", func() bool {
		completed, deliveries := g.channel.of(events.TypeSwitchCompleted)
		for _, d := range deliveries {
			g.functions["jobfollow"].invoke(d)
		}
		ended, _ := g.channel.of(events.TypeJobSucceeded)
		return len(ended) == len(completed)
	})
}

// The sample, delivered twice and killed between, at its call or while its completion
// is published, whether that still arrives or not: it has one effect, one completion
// and one end of its job. Where nobody delivers it again, the timer's sweep brings it
// to the same end.
func TestFunctionGraphKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		emit, arrives, swept bool
	}{
		"before the call":                                {},
		"after the call":                                 {arrives: true},
		"before the emission":                            {emit: true},
		"after the emission":                             {emit: true, arrives: true},
		"after the call, and nobody delivers again":      {arrives: true, swept: true},
		"before the emission, and nobody delivers again": {emit: true, swept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGraph(t, "postgres:"+postgrestest.Start(t).URL(""), "proxyssl", "jobfollow")
			g.listed()
			f := g.functions["proxyssl"]
			where := g.cloudW
			if c.emit {
				where = g.bus
			}
			held := make(chan struct{})
			where.interfere(times(1, callOf(t, c.emit), fate{LoseRequest: !c.arrives, LoseAnswer: c.arrives, Until: held}))
			where.take()
			go func() {
				until(t, "the call did not come", func() bool {
					for _, call := range where.take() {
						if call.Name == callOf(t, c.emit) {
							return true
						}
					}
					return false
				})
				f.kill()
				close(held)
			}()
			payload := grid(localtest.File(t, "../../functions/proxyssl/sample.json"))
			require.True(t, f.invokeFor(payload, graphSeconds*time.Second).Exited)
			until(t, "it did not end", func() bool {
				if c.swept {
					payload = []byte(`{"version":"v1.0","trigger_type":"TIMER","trigger_name":"sweep","user_event":"sweep"}`)
				}
				ended := !f.invokeFor(payload, graphSeconds*time.Second).failed()
				completed, _ := g.channel.of(events.TypeSwitchCompleted)
				return ended && len(completed) == 2
			})
			g.followed()
			effects := g.cloud.Effects()
			require.Len(t, effects, 2)
			completed, _ := g.channel.of(events.TypeSwitchCompleted)
			require.Equal(t, effects[1].JobID, localtest.Completed(t, completed[1]).JobID)
			again := f.invoke(grid(localtest.File(t, "../../functions/proxyssl/sample.json")))
			require.Equal(t, "null", string(again.Body), "%+v", again)
			require.Len(t, g.cloud.Effects(), 2)
		})
	}
}

// callOf is the name of the call at which a process is killed.
func callOf(t *testing.T, emit bool) string {
	if emit {
		return "POST /v1/" + localtest.Proxy.ProjectID + "/channels/" + channelID + "/events"
	}
	var sample struct {
		Data struct{ Target events.Target }
	}
	require.NoError(t, json.Unmarshal(localtest.File(t, "../../functions/proxyssl/sample.json"), &sample))
	at := sample.Data.Target
	return "PUT /v3/" + at.ProjectID + "/instances/" + at.InstanceID + "/proxy/" + at.ProxyID + "/ssl"
}

// Two functions on one database keep the order: what was decided before does not
// undo what was decided later, and says so.
func TestFunctionGraphInOrder(t *testing.T) {
	t.Parallel()
	g := newGraph(t, "postgres:"+postgrestest.Start(t).URL(""), "proxyssl", "jobfollow")
	now := time.Now().UTC()
	at := func(ago time.Duration) string { return now.Add(-ago).Format(time.RFC3339) }
	newer := ticket(t, "proxy-ssl", 1, "data.ticket.approved_at", at(time.Minute))
	older := ticket(t, "proxy-ssl", 1, "id", "CHG0002-1", "data.ticket.id", "CHG0002", "data.enabled", false, "data.ticket.approved_at", at(time.Hour))
	f := g.functions["proxyssl"]
	require.False(t, f.invoke(grid(newer)).failed())
	g.followed()
	f.kill()
	require.False(t, f.invoke(grid(older, newer)).failed())
	require.Len(t, g.cloud.Effects(), 1)
	rejected, _ := g.channel.of(events.TypeSwitchRejected)
	require.Len(t, rejected, 1)
	require.Equal(t, events.Superseded, localtest.Rejected(t, rejected[0]).Error.Code)
}
