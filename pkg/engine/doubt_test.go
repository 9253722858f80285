package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// TestDuring: a job may be the decision's own if it was created while that held
// its instance, give or take the seconds by which clocks differ.
func TestDuring(t *testing.T) {
	at := func(seconds int) time.Time {
		return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
	}
	a := &attempt{rec: ledger.Record{
		Since:   at(1000),
		Earlier: []ledger.Span{{From: at(100), To: at(200)}, {From: at(400), To: at(500)}},
	}}
	for _, offset := range []time.Duration{0, time.Hour, -time.Hour} {
		for second, want := range map[int]bool{
			94: false, 95: true, 150: true, 194: true, 195: false, 200: false, 394: false, 395: true, 494: true, 495: false,
			994: false, 995: true, 1000: true, 9999: true,
		} {
			require.Equal(t, want, a.during(at(second).Add(offset), offset), "%d, %s", second, offset)
		}
	}
	// The cloud's stamps are whole seconds: what was created at 95.9 says 95.
	a.rec.Since = at(1000).Add(900 * time.Millisecond)
	require.True(t, a.during(at(995), 0))
}

func TestGrown(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		0: 10 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 6: mostWait, 1000: mostWait,
	} {
		require.Equal(t, want, grown(10*time.Second, attempts), "%d", attempts)
	}
	require.Equal(t, time.Second, grown(0, 1))
	require.Equal(t, mostWait, grown(time.Hour, 1))
}
