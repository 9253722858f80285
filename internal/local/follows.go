package local

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// follows looks after jobs until they end: a heap of timers, which is rebuilt
// from the ledger once the process has started.
type follows struct {
	follower *engine.Follower
	// look asks once how a job is.
	look func(context.Context, *engine.Followed) engine.Result
	now  func() time.Time
	// ledger is where the jobs are on record, and by who looks after them here.
	ledger ledger.Ledger
	by     string

	mu      sync.Mutex
	waiting jobHeap
	known   map[string]bool // by project and job
}

// firstLook is when a new job is first asked for: the cloud does not show it
// earlier.
const firstLook = 3 * time.Second

// looksAtOnce is how many jobs are looked at side by side.
const looksAtOnce = 8

// mostFollowed bounds how many jobs are taken up again at a start.
const mostFollowed = 1 << 20

// following is how long a job that was looked at is this process's to follow, where
// several do: longer than any wait between two looks.
const following = 2 * time.Minute

// othersJobs is how often it is looked for jobs that nobody follows any more.
const othersJobs = time.Minute

func newFollows(h *host.Host, now func() time.Time) *follows {
	f := h.Follower
	all := &follows{follower: f, look: h.Look, now: now, ledger: h.Ledger, by: h.Sweeper.By, known: map[string]bool{}}
	f.Kept = func(j *engine.Followed) { all.add(j, now().Add(firstLook)) }
	return all
}

// restore takes up what an earlier process followed, or another one that may have
// died meanwhile.
func (f *follows) restore(ctx context.Context) error {
	due, err := f.ledger.Due(ctx, f.now().AddDate(1, 0, 0), mostFollowed, func(d ledger.Due) bool { return d.Key.Switch != engine.JobFollow || d.Why != ledger.Waited })
	if err != nil {
		return fmt.Errorf("ledger: %w", err)
	}
	var errs []error
	for _, d := range due {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rec, err := f.ledger.Get(ctx, d.Key)
		var j *engine.Followed
		if err == nil {
			j, err = f.follower.Restore(rec.Stored)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ledger: %w", err))
			continue
		}
		f.add(j, f.now())
	}
	return errors.Join(errs...)
}

// add has a job looked at from a time on, unless it is already.
func (f *follows) add(j *engine.Followed, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := j.Place.Project + "/" + j.JobID
	if !f.known[id] {
		f.known[id] = true
		heap.Push(&f.waiting, look{at, j})
	}
}

// sweep looks at the jobs that are due now.
func (f *follows) sweep(ctx context.Context) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, looksAtOnce)
	for _, j := range f.due() {
		if ctx.Err() != nil {
			break // the ledger has them all
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx := context.WithoutCancel(ctx)
			if !f.shared(ctx, j) {
				f.leave(j)
				return
			}
			f.again(j, f.look(ctx, j))
		})
	}
	wg.Wait()
}

// shared tells whether the job is this process's to follow.
func (f *follows) shared(ctx context.Context, j *engine.Followed) bool {
	now := f.now()
	mine, err := host.Shared(ctx, f.ledger, j.Key(), f.by, now, now.Add(following))
	return mine && err == nil
}

// leave forgets a job that another process follows, or that has ended. If that one
// dies, it is restored.
func (f *follows) leave(j *engine.Followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.known, j.Place.Project+"/"+j.JobID)
}

// due takes out what is due now.
func (f *follows) due() (jobs []*engine.Followed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	for len(f.waiting) > 0 && !f.waiting[0].at.After(now) {
		jobs = append(jobs, heap.Pop(&f.waiting).(look).job)
	}
	return jobs
}

// again has a job looked at once more, or drops one that has ended.
func (f *follows) again(j *engine.Followed, r engine.Result) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Kind == engine.Later {
		heap.Push(&f.waiting, look{f.now().Add(r.RetryAfter), j})
		return
	}
	delete(f.known, j.Place.Project+"/"+j.JobID)
}

// look is when to look at a job.
type look struct {
	at  time.Time
	job *engine.Followed
}

type jobHeap []look

func (h jobHeap) Len() int           { return len(h) }
func (h jobHeap) Less(i, k int) bool { return h[i].at.Before(h[k].at) }
func (h jobHeap) Swap(i, k int)      { h[i], h[k] = h[k], h[i] }
func (h *jobHeap) Push(x any)        { *h = append(*h, x.(look)) }
func (h *jobHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

// loop is the bus of the local program: whatever the bus, its own functions get
// its own out-events too. A job is on record before its event counts as
// published.
type loop struct {
	bus.Bus
	follower *engine.Follower
}

func (l *loop) Publish(ctx context.Context, out ...bus.Event) error {
	if err := l.Bus.Publish(ctx, out...); err != nil {
		return err
	}
	for _, ev := range out {
		if err := errors.Join(l.follower.Accept(ctx, ev.Event), l.follower.Engine.Accept(ctx, ev.Event)); err != nil {
			return err
		}
	}
	return nil
}
