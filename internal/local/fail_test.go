package local_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// lame is a ledger that cannot tell its halt, nor take down what waits.
type lame struct {
	ledger.Ledger
	err error
}

func (l *lame) Halted(context.Context) (bool, error) { return false, l.err }
func (l *lame) SetHalt(context.Context, bool) error  { return l.err }
func (l *lame) Wait(ctx context.Context, c ledger.Claim, w ledger.Wait) error {
	if l.err != nil {
		return l.err
	}
	return l.Ledger.Wait(ctx, c, w)
}

// What cannot be read is a halt; what knows none is not halted.
func TestHaltFailsClosed(t *testing.T) {
	m := ledger.NewMemory()
	require.False(t, local.Halted(t.Context(), m))
	require.NoError(t, m.SetHalt(t.Context(), true))
	require.True(t, local.Halted(t.Context(), m))
	require.False(t, local.Halted(t.Context(), struct{ ledger.Ledger }{m}))
	require.True(t, local.Halted(t.Context(), &lame{m, errors.New("away")}))
	require.False(t, local.Halted(t.Context(), &lame{m, nil}))
}

// An event for our own functions that the ledger has not taken down is not
// published: whoever holds it tries again.
func TestWhatIsNotKeptIsNotPublished(t *testing.T) {
	for _, name := range []string{"switch.completed.proxy-ssl", "switch.requested.chain-step"} {
		text, err := os.ReadFile("../../events/samples/" + name + ".json")
		require.NoError(t, err)
		out := bus.Event{JSON: text}
		require.NoError(t, json.Unmarshal(text, &out.Event))
		l := &lame{ledger.NewMemory(), errors.New("away")}
		h := host.New(config.Config{}, functions.All(), &cloudapi.Client{}, l, &bus.Memory{})
		require.NoError(t, h.Engine.Init())
		h.Follower.Kept = func(*engine.Followed) {}
		loop := local.Loop(&bus.Memory{}, h.Follower)
		require.ErrorContains(t, loop.Publish(t.Context(), out), "away", name)
		l.err = nil
		require.NoError(t, loop.Publish(t.Context(), out))
		due, err := l.Due(t.Context(), h.Engine.Now().Add(3*time.Hour), 2)
		require.NoError(t, err)
		require.Len(t, due, 1, name)
	}
}
