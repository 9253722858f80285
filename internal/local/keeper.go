package local

import (
	"context"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// keep finishes what nobody delivers again and looks after jobs, at once and at
// each tick, until the context ends; it returns when nothing of it is at work.
func (h *Host) keep(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() {
		// A ledger that cannot be read is asked again at the next tick.
		every(ctx, h.tick, func() { _, _ = h.Sweeper.Sweep(ctx) })
		h.Sweeper.Wait()
	})
	loops.Go(func() { every(ctx, h.tick, func() { h.follows.sweep(ctx) }) })
	if _, shared := h.Ledger.(ledger.Sharer); shared {
		loops.Go(func() { every(ctx, othersJobs, func() { _ = h.follows.restore(ctx) }) })
	}
	loops.Wait()
}

func every(ctx context.Context, d time.Duration, f func()) {
	tick := time.NewTicker(d)
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
