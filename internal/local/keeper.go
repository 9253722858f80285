package local

import (
	"context"
	"time"

	"github.com/interlock-functions/interlock/internal/host"
)

// tickEvery is how often it is looked for what is due.
const tickEvery = 250 * time.Millisecond

// keep sweeps until the context ends, and returns when nothing of it is at
// work. A ledger that cannot be read is asked again at the next tick.
func keep(ctx context.Context, s *host.Sweeper) {
	every(ctx, func() { _, _ = s.Sweep(ctx) })
	s.Wait()
}

// every calls f at once and at each tick until the context ends.
func every(ctx context.Context, f func()) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		f()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
