package local

import (
	"context"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/engine"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/ledger"
)

// keeper finishes what nobody delivers again: decisions whose lease ran out,
// that wait and are due, or whose event was not published. The ledger's index
// of what is due is its timer: there is nothing to rebuild after a restart.
type keeper struct {
	functions host.Functions
	ledger    ledger.Ledger
	now       func() time.Time
	// started is when the process began. Settled decisions from before it have
	// no publisher any more; younger ones may have one at work.
	started time.Time
	// again is when a decision that could not be finished is next tried.
	again map[ledger.Key]retry
}

type retry struct {
	at    time.Time
	after time.Duration
}

const (
	// look is how often the ledger is asked what is due.
	tickEvery = 250 * time.Millisecond
	// atOnce is how many decisions are worked on side by side.
	atOnce = 8
	// dueBatch is how many are read at a time.
	dueBatch = 256
	// publishing is how long the invocation that settled a decision may still be
	// about to publish its event.
	publishing = 35 * time.Second
	// mostRetry bounds the growing waits of what cannot be finished.
	mostRetry = time.Minute
)

func newKeeper(f host.Functions, l ledger.Ledger, now func() time.Time) *keeper {
	return &keeper{functions: f, ledger: l, now: now, started: now(), again: map[ledger.Key]retry{}}
}

// run goes on until the context ends, and returns when nothing of it is at work.
func (k *keeper) run(ctx context.Context) {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		k.sweep(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep finishes what is due now.
func (k *keeper) sweep(ctx context.Context) {
	now := k.now()
	due, err := k.ledger.Due(ctx, now, dueBatch)
	if err != nil {
		return // asked again at the next tick
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, atOnce)
	for _, d := range due {
		if !k.ready(d, now) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			wg.Wait()
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			// What has begun comes to its end, as a delivery's work does.
			r := k.functions.Resume(context.WithoutCancel(ctx), d.Key)
			mu.Lock()
			defer mu.Unlock()
			k.note(d.Key, r)
		})
	}
	wg.Wait()
	if len(due) == 0 {
		clear(k.again)
	}
}

func (k *keeper) ready(d ledger.Due, now time.Time) bool {
	if now.Before(k.again[d.Key].at) {
		return false
	}
	return d.Why != ledger.Unemitted || d.At.Before(k.started) || now.Sub(d.At) > publishing
}

func (k *keeper) note(key ledger.Key, r engine.Result) {
	if r.Kind != engine.Later {
		delete(k.again, key)
		return
	}
	after := min(max(2*k.again[key].after, time.Second), mostRetry)
	k.again[key] = retry{at: k.now().Add(after), after: after}
}
