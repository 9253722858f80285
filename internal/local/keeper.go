package local

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// keep finishes what nobody delivers again and looks after jobs, at once and at
// each tick, until the context ends; it returns when nothing of it is at work.
func (h *Host) keep(ctx context.Context) {
	var loops sync.WaitGroup
	loops.Go(func() {
		rest := resting{halted: h.Engine.Halted}
		every(ctx, h.tick, func() {
			if rest.over(ctx) {
				began := time.Now()
				// A ledger that cannot be read is asked again at the next tick.
				begun, err := h.Sweeper.Sweep(ctx)
				rest.after(began, begun > 0 || err != nil)
			}
		})
		h.Sweeper.Wait()
	})
	loops.Go(func() { every(ctx, h.tick, func() { h.follows.sweep(ctx) }) })
	loops.Go(func() {
		restored := false // all that there were before
		_, shared := h.Ledger.(ledger.Sharer)
		every(ctx, othersJobs, func() {
			if restored && !shared {
				return
			}
			err := h.follows.restore(ctx)
			if restored = err == nil; !restored && ctx.Err() == nil {
				slog.Warn("jobs that are to be followed could not be read", "error", err)
			}
		})
	})
	loops.Wait()
}

// resting has what found nothing to do rest for many times as long as it took: a
// backlog that only waits costs no more than a hundredth of a core, however large. The
// end of a halt ends the rest.
type resting struct {
	halted func(context.Context) bool
	was    bool // halted
	until  time.Time
}

const (
	// restsFor is how many times as long as it took what found nothing rests, and
	// haltedFor how many under a halt: what it passes over leaves garbage, whose
	// collection takes as much again, and nothing is waited for but the halt's end.
	restsFor, haltedFor = 100, 200
	// mostRest bounds a rest.
	mostRest = 30 * time.Second
)

func (r *resting) over(ctx context.Context) bool {
	was := r.was
	r.was = r.halted(ctx)
	return was != r.was || !time.Now().Before(r.until)
}

func (r *resting) after(began time.Time, worked bool) {
	r.until = time.Time{}
	if !worked {
		now, times := time.Now(), time.Duration(restsFor)
		if r.was {
			times = haltedFor
		}
		r.until = now.Add(min(times*now.Sub(began), mostRest))
	}
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
