package host

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Sweeper finishes what nobody delivers again: decisions whose lease ran out,
// that wait and are due, or whose event was not published. The ledger's index
// of what is due is its timer: there is nothing to rebuild after a restart.
type Sweeper struct {
	// Resume goes on with a decision, without a delivery.
	Resume func(context.Context, ledger.Key) engine.Result
	Ledger ledger.Ledger
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Alone: no other process works on this ledger. What an earlier one settled
	// and did not publish then has no publisher any more.
	Alone bool
	// By names this process where others look after the same ledger; see
	// [ledger.Sharer].
	By string
	// Halted tells whether all calls are to stop for now: what waits for one is left
	// alone then. Default never.
	Halted func(context.Context) bool
	// Log is told of panics. Default slog.Default.
	Log *slog.Logger

	mu      sync.Mutex
	started time.Time
	// again is when a decision that could not be finished is next tried, and
	// busy which are being worked on.
	again map[ledger.Key]retry
	busy  map[ledger.Key]bool
	// told are those that were put off since a halt began; nil while there is none.
	told  map[ledger.Key]bool
	slots chan struct{}
	work  sync.WaitGroup
}

type retry struct {
	at    time.Time
	after time.Duration
}

const (
	// atOnce is how many decisions are worked on side by side.
	atOnce = 8
	// dueBatch is how many new ones are looked for at a time.
	dueBatch = 64
	// publishing is how long the invocation that settled a decision may still be
	// about to publish its event.
	publishing = 35 * time.Second
	// sharing is how long what is taken up is this process's own, and aside how
	// long what another has taken up is left alone.
	sharing, aside = publishing, 5 * time.Second
	// mostRetry bounds the growing waits of what cannot be finished.
	mostRetry = time.Minute
)

// Sweep begins to work on what is due, and returns how many decisions that
// were. It waits only for a place among those that are worked on.
func (s *Sweeper) Sweep(ctx context.Context) (begun int, err error) {
	s.mu.Lock()
	if s.again == nil {
		s.again, s.busy, s.slots = map[ledger.Key]retry{}, map[ledger.Key]bool{}, make(chan struct{}, atOnce)
		s.started = s.now()
	}
	// Those that are known and not to be tried now stand before the new ones.
	limit := dueBatch + len(s.again) + len(s.busy)
	s.mu.Unlock()
	now := s.now()
	due, err := s.Ledger.Due(ctx, now, limit, s.idle(ctx)...)
	if err != nil {
		return 0, fmt.Errorf("ledger: %w", err)
	}
	if len(due) < limit {
		s.forget(due, now)
	}
	for _, d := range due {
		if !s.take(d, now) {
			continue
		}
		select {
		case s.slots <- struct{}{}:
		case <-ctx.Done():
			s.give(d.Key, engine.Result{Kind: engine.Later})
			return begun, ctx.Err()
		}
		begun++
		s.work.Go(func() {
			defer func() { <-s.slots }()
			if !s.shared(ctx, d.Key, now) {
				s.leave(d.Key)
				return
			}
			s.give(d.Key, s.resume(ctx, d.Key))
		})
	}
	return begun, nil
}

// Wait returns when nothing is being worked on.
func (s *Sweeper) Wait() { s.work.Wait() }

// All sweeps until nothing is due or the time is nearly over.
func (s *Sweeper) All(ctx context.Context) error {
	defer s.Wait()
	for {
		if end, ok := ctx.Deadline(); ok && time.Until(end) < publishing/4 {
			return nil
		}
		begun, err := s.Sweep(ctx)
		if err != nil || begun == 0 {
			return err
		}
		s.Wait()
	}
}

// forget drops what no longer asks for work: another process has finished it, or
// it waits for longer. The list must be whole, and be of the given time: what was
// put off since then is not in it yet.
func (s *Sweeper) forget(due []ledger.Due, now time.Time) {
	listed := make(map[ledger.Key]bool, len(due))
	for _, d := range due {
		listed[d.Key] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.again, func(key ledger.Key, r retry) bool {
		return !listed[key] && r.at.Add(-r.after).Before(now)
	})
}

// mostTold is how many decisions are put off for each halt, so that they tell why they
// wait. Of more, the halt itself has to tell.
const mostTold = 256

// idle tells what there is nothing to do for. Under a halt, that is what waits to be
// called for, once it has been put off: taken up, each would be put off again, with
// two writes. Jobs only ask how something is.
func (s *Sweeper) idle(ctx context.Context) []func(ledger.Due) bool {
	halted := s.Halted != nil && s.Halted(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !halted {
		s.told = nil
		return nil
	}
	if s.told == nil {
		s.told = map[ledger.Key]bool{}
	}
	return []func(ledger.Due) bool{func(d ledger.Due) bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return d.Why == ledger.Waited && d.Key.Switch != engine.JobFollow && (s.told[d.Key] || len(s.told) >= mostTold)
	}}
}

func (s *Sweeper) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// take marks a decision as worked on, unless it is, or is not to be tried yet.
func (s *Sweeper) take(d ledger.Due, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	orphan := s.Alone && d.At.Before(s.started)
	switch {
	case s.busy[d.Key], now.Before(s.again[d.Key].at):
		return false
	case d.Why == ledger.Unemitted && !orphan && now.Sub(d.At) <= publishing:
		return false
	}
	s.busy[d.Key] = true
	return true
}

func (s *Sweeper) give(key ledger.Key, r engine.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, key)
	if r.Kind != engine.Later {
		delete(s.again, key)
		return
	}
	if s.told != nil && r.Stored {
		s.told[key] = true
	}
	after := min(max(2*s.again[key].after, time.Second), mostRetry)
	s.again[key] = retry{at: s.now().Add(after), after: after}
}

// shared tells whether the decision is this process's to see to.
func (s *Sweeper) shared(ctx context.Context, key ledger.Key, now time.Time) bool {
	mine, err := Shared(ctx, s.Ledger, key, s.By, now, now.Add(sharing))
	return mine && err == nil
}

// Shared asks a ledger as in [ledger.Sharer]. Where it does not share out its
// decisions, each is everybody's.
func Shared(ctx context.Context, l ledger.Ledger, key ledger.Key, by string, now, until time.Time) (bool, error) {
	if l, ok := l.(ledger.Sharer); ok {
		return l.Share(ctx, key, by, now, until)
	}
	return true, nil
}

// leave leaves a decision alone that another process sees to.
func (s *Sweeper) leave(key ledger.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, key)
	s.again[key] = retry{at: s.now().Add(aside)}
}

// resume goes on with one decision. What has begun comes to its end, as a
// delivery's work does.
func (s *Sweeper) resume(ctx context.Context, key ledger.Key) (r engine.Result) {
	defer func() {
		if p := recover(); p != nil {
			log := s.Log
			if log == nil {
				log = slog.Default()
			}
			// Its value may hold anything; its type and place are enough.
			log.ErrorContext(ctx, "panic while finishing a decision", "switch", key.Switch, "event_id", key.ID,
				"panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			r = engine.Result{Kind: engine.Later}
		}
	}()
	return s.Resume(detached(ctx), key)
}

// detached is a context that no longer ends when the sweep does, but keeps its
// deadline: on Lambda, that of the invocation.
func detached(ctx context.Context) context.Context {
	end, ok := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !ok {
		return ctx
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	context.AfterFunc(ctx, cancel)
	return ctx
}
