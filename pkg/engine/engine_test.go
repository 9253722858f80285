package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

func TestInit(t *testing.T) {
	require.Error(t, (&Engine{}).Init())
	e := &Engine{Switches: []Switch{{Name: "s", Function: "f", Target: 1}}, Cloud: &cloudapi.Client{}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	require.NoError(t, e.Init())
	require.Equal(t, []time.Duration{60 * time.Second, 2160 * time.Hour, 24 * time.Hour, time.Hour, 3 * time.Second},
		[]time.Duration{e.Quiet, e.Retention, e.GiveUp, e.Unresolved, e.Reserve})
	require.NotEqual(t, e.Nonce(), e.Nonce())
	require.False(t, e.Halted(t.Context()))
}

// TestWallClock: a process that was frozen and goes on must see that time has
// passed, which its monotonic clock would not show.
func TestWallClock(t *testing.T) {
	e := &Engine{Switches: []Switch{{Name: "s", Function: "f", Target: 1}}, Cloud: &cloudapi.Client{}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}, Now: time.Now}
	require.NoError(t, e.Init())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, at := range []time.Time{e.Now(), e.deadline(ctx)} {
		require.NotContains(t, at.String(), "m=")
	}
	require.WithinDuration(t, time.Now().Add(time.Minute), e.deadline(ctx), time.Second)
}
