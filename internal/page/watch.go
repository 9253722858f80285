package page

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Watched is a ledger of this process alone that knows what has changed in it,
// so that the page need not read it all again. Until somebody looks, that costs
// nothing; then each write notes its key, and what is noted is read when the
// page is shown.
//
// It remembers, beside all decisions that have not ended, those that were
// received last, at most [Kept].
type Watched struct {
	*ledger.Transactional

	// run tells this process's positions from those of another.
	run string

	mu      sync.Mutex
	begun   bool
	ready   bool
	read    chan struct{} // closed once it is ready
	failed  error         // why the ledger could not be read whole
	dropped bool          // older ones that have ended are not remembered
	pos     uint64
	removed uint64 // the position at which a row was last taken away
	changed chan struct{}
	dirty   map[ledger.Key]bool
	rows    map[ledger.Key]*row
	order   []*row                    // by when they were received, the oldest first
	jobs    map[ledger.Key]string     // how the jobs stand that are followed
	parents map[ledger.Key]ledger.Key // whose the jobs are
	kept    int
}

// Kept is how many decisions the page remembers that have ended.
const Kept = 10_000

// Watch watches a ledger that no other process writes to.
func Watch(l *ledger.Transactional) *Watched {
	return &Watched{
		Transactional: l, run: rand.Text()[:8], changed: make(chan struct{}), read: make(chan struct{}), kept: Kept,
		dirty: map[ledger.Key]bool{}, rows: map[ledger.Key]*row{}, jobs: map[ledger.Key]string{}, parents: map[ledger.Key]ledger.Key{},
	}
}

// row is what the page remembers of a decision: its record without what is
// large.
type row struct {
	account.Entry
	pos uint64
	job ledger.Key // by which its job is followed; zero without one
}

func (w *row) ended() bool { return w.Outcome != nil }

// note notes that a write may have changed a record: its answer may have been
// lost, and so an error counts as well.
func (w *Watched) note(key ledger.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.begun {
		return
	}
	w.dirty[key] = true
	w.wake()
}

// wake tells whoever waits. The lock is held.
func (w *Watched) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Claim is as in [ledger.Ledger]; so are the other writes.
func (w *Watched) Claim(ctx context.Context, c ledger.Claim) (ledger.Claimed, error) {
	defer w.note(c.Key)
	return w.Transactional.Claim(ctx, c)
}

func (w *Watched) Settle(ctx context.Context, key ledger.Key, nonce string, o ledger.Outcome) error {
	defer w.note(key)
	return w.Transactional.Settle(ctx, key, nonce, o)
}

func (w *Watched) Reject(ctx context.Context, c ledger.Claim, o ledger.Outcome) error {
	defer w.note(c.Key)
	return w.Transactional.Reject(ctx, c, o)
}

func (w *Watched) Release(ctx context.Context, key ledger.Key, nonce string, wait ledger.Wait) error {
	defer w.note(key)
	return w.Transactional.Release(ctx, key, nonce, wait)
}

func (w *Watched) Lapse(ctx context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) error {
	defer w.note(key)
	return w.Transactional.Lapse(ctx, key, nonce, until, known, last)
}

func (w *Watched) Wait(ctx context.Context, c ledger.Claim, wait ledger.Wait) error {
	defer w.note(c.Key)
	return w.Transactional.Wait(ctx, c, wait)
}

func (w *Watched) Mark(ctx context.Context, key ledger.Key, nonce string, now, expire time.Time) error {
	defer w.note(key)
	return w.Transactional.Mark(ctx, key, nonce, now, expire)
}

// begin reads the ledger once, at the first look, beside what goes on.
func (w *Watched) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return
	}
	w.begun = true
	go w.scan()
}

func (w *Watched) scan() {
	var failed error
	for rec, err := range w.All(context.Background()) {
		var e account.Entry
		if err == nil {
			e, err = account.Of(rec)
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		w.mu.Lock()
		if w.rows[rec.Key] == nil && w.jobs[rec.Key] == "" { // else it was read since, and newer
			w.take(e)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for key := range w.jobs { // those of what is not remembered
		if _, known := w.parents[key]; !known {
			delete(w.jobs, key)
		}
	}
	w.ready, w.failed = true, failed
	w.pos++ // that is news too
	close(w.read)
	w.wake()
}

// refresh reads what was noted. What cannot be read stays noted.
func (w *Watched) refresh(ctx context.Context) error {
	w.mu.Lock()
	noted := w.dirty
	w.dirty = map[ledger.Key]bool{}
	w.mu.Unlock()
	var errs []error
	for key := range noted {
		rec, err := w.Get(ctx, key)
		var e account.Entry
		if err == nil {
			e, err = account.Of(rec)
		}
		w.mu.Lock()
		switch {
		case errors.Is(err, ledger.ErrNotFound):
			w.drop(key)
		case err != nil:
			w.dirty[key] = true
			errs = append(errs, err)
		default:
			w.take(e)
		}
		w.mu.Unlock()
	}
	return errors.Join(errs...)
}

// take remembers a decision, or a job that is followed, as it is now. The lock
// is held.
func (w *Watched) take(e account.Entry) {
	if e.Followed() {
		w.jobs[e.Key] = strings.TrimPrefix(e.Words(), "job-")
		if parent := w.rows[w.parents[e.Key]]; parent != nil {
			w.pos++
			parent.pos = w.pos
		}
		return
	}
	r := &row{Entry: e}
	w.pos++
	r.pos = w.pos
	if o := e.Outcome; o != nil {
		slim := *o
		if o.JobID != "" {
			if out, err := account.EventsOf(o); err == nil && len(out) > 0 {
				r.job = account.JobKey(out[0])
				w.parents[r.job] = e.Key
			}
		}
		slim.Events, slim.Audit = nil, nil
		r.Outcome = &slim
	}
	r.Stored, r.Asks.Target, r.Asks.Ticket = nil, nil, nil
	if old := w.rows[e.Key]; old != nil && old.First.Equal(r.First) {
		*old = *r
		return
	} else if old != nil { // it expired, and came again
		w.drop(e.Key)
	}
	w.rows[e.Key] = r
	at, _ := slices.BinarySearchFunc(w.order, r, older)
	w.order = slices.Insert(w.order, at, r)
	if len(w.order) > w.kept {
		w.forget()
	}
}

func older(a, b *row) int {
	if c := a.First.Compare(b.First); c != 0 {
		return c
	}
	return cmp.Or(strings.Compare(a.Key.Switch, b.Key.Switch), strings.Compare(a.Key.Source, b.Key.Source), strings.Compare(a.Key.ID, b.Key.ID))
}

// forget drops the oldest decision that has ended. The lock is held.
func (w *Watched) forget() {
	for _, r := range w.order {
		if r.ended() {
			removed := w.removed
			w.drop(r.Key)
			w.dropped, w.removed = true, removed // so far back that no list is sent anew for it
			return
		}
	}
}

func (w *Watched) drop(key ledger.Key) {
	delete(w.jobs, key)
	r := w.rows[key]
	if r == nil {
		return
	}
	w.pos++
	w.removed = w.pos
	delete(w.rows, key)
	delete(w.jobs, r.job)
	delete(w.parents, r.job)
	if at, found := slices.BinarySearchFunc(w.order, r, older); found {
		w.order = slices.Delete(w.order, at, at+1)
	}
}

// position names how far somebody has seen.
func (w *Watched) position(pos uint64) string { return fmt.Sprintf("%s-%d", w.run, pos) }

// seen reads a position. One of another process, or none, has seen nothing that
// could be told apart.
func (w *Watched) seen(text string) (pos uint64, ok bool) {
	run, n, _ := strings.Cut(text, "-")
	pos, err := strconv.ParseUint(n, 10, 64)
	return pos, err == nil && run == w.run && pos <= w.pos
}
