//go:build verify

package artefact

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// A ticket that is put on the bus flips its switch through rule, queue and
// function; the completion event goes through another rule and queue to the
// function that follows the job; and whoever listens to the bus hears of both.
func TestChain(t *testing.T) {
	t.Parallel()
	for i, s := range functions.All() {
		t.Run(s.Function, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, s.Function, jobfollow.Function)
			a.rule(s.Function, s.Function, object{"detail": object{"type": []string{events.TypeTicketApproved}, "data": object{"switch": []string{s.Name}}}})
			a.rule(jobfollow.Function, jobfollow.Function, object{"detail": object{"type": []string{events.TypeSwitchCompleted}, "data": object{"result": []string{"accepted"}}}})

			a.produce(ticket(t, s.Name, i+1))
			until(t, "no message", func() bool { n, failed := a.turn(s.Function); require.Empty(t, failed); return n > 0 })
			effects := a.cloud.Effects()
			require.Len(t, effects, 1)

			// Four round trips: claim, settle, mark; and the bus. While the cloud is
			// called, a process that is new to the instance reads where its audit trail
			// ends.
			require.Equal(t, map[string]int{"TransactWriteItems": 2, "PutItem": 1, "GetItem": 1}, count(a.table.take()))
			require.Equal(t, map[string]int{"PutEvents": 1}, count(a.bus.take()))
			require.Equal(t, map[string]int{"GetSecretValue": 1}, count(a.secrets.take()))
			require.Empty(t, a.sqs.take())

			until(t, "no completion event", func() bool { return len(a.published()) == 1 })
			completed := a.published()[0]
			require.Equal(t, effects[0].JobID, localtest.Completed(t, completed).JobID)
			if s.Creates {
				until(t, "the job was not followed", func() bool { a.turn(jobfollow.Function); return len(a.published()) == 2 })
				ended := a.published()[1]
				require.Equal(t, events.TypeJobSucceeded, ended.Type())
				require.Equal(t, completed.ID(), ended.Extensions()["causationid"])
				require.Equal(t, completed.Extensions()["correlationid"], ended.Extensions()["correlationid"])
			}
			require.Empty(t, a.receive(s.Function), "an out-event came back as an in-event")
			require.Empty(t, a.receive(jobfollow.Function))

			// Warm, the secret is known; a repeat is one round trip, and no event.
			a.table.take()
			a.bus.take()
			a.secrets.take()
			payload := ticket(t, s.Name, i+11, "data.enabled", false)
			first := a.functions[s.Function].invoke(payload)
			require.False(t, first.failed(), first.ErrorMessage)
			require.Equal(t, map[string]int{"TransactWriteItems": 2, "PutItem": 1, "GetItem": 1}, count(a.table.take()))
			require.Len(t, a.bus.take(), 1)
			require.Empty(t, a.secrets.take())
			again := a.functions[s.Function].invoke(payload)
			require.Equal(t, string(first.Body), string(again.Body))
			require.Len(t, a.table.take(), 1)
			require.Empty(t, a.bus.take())
			require.Len(t, a.cloud.Effects(), 2)
			require.Equal(t, 1, a.functions[s.Function].starts)
		})
	}
}
