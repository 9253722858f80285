package page

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
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
type Watched struct {
	*ledger.Transactional
	*View
}

// Source is what a page reads.
type Source interface {
	account.Reader
	// Decisions lists every decision, and the jobs that are followed, in no order,
	// as [ledger.Ledger.All] does.
	Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error]
	// Halted tells whether all calls are stopped.
	Halted(ctx context.Context) (bool, error)
}

// View is what the page remembers: beside all decisions that have not ended, those
// that were received last, at most [Kept].
type View struct {
	source Source
	// every is how old what is remembered may be, where others write too: then all
	// is read again. 0: this process is told of each write.
	every time.Duration
	again sync.Mutex // held by who reads all

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
	at      time.Time // when all was read last
}

// Kept is how many decisions the page remembers that have ended.
const Kept = 10_000

// Watch watches a ledger that no other process writes to.
func Watch(l *ledger.Transactional) *Watched { return &Watched{l, view(own{l}, 0)} }

// Poll is a view of a ledger that others write to: while somebody looks, all of it
// is read again when that was longer ago than every.
func Poll(s Source, every time.Duration) *View { return view(s, every) }

func view(s Source, every time.Duration) *View {
	return &View{
		source: s, every: every, run: rand.Text()[:8], changed: make(chan struct{}), read: make(chan struct{}), kept: Kept,
		dirty: map[ledger.Key]bool{}, rows: map[ledger.Key]*row{}, jobs: map[ledger.Key]string{}, parents: map[ledger.Key]ledger.Key{},
	}
}

// own is the source that a ledger of this process is.
type own struct{ *ledger.Transactional }

func (l own) Decision(ctx context.Context, key ledger.Key) (ledger.Record, error) {
	return l.Get(ctx, key)
}

func (l own) Decisions(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return l.All(ctx, texts...)
}

func (l own) Audit(ctx context.Context, since time.Time) iter.Seq2[ledger.AuditLine, error] {
	return ledger.Export(ctx, l.Transactional, since)
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
func (w *View) note(key ledger.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.begun {
		return
	}
	w.dirty[key] = true
	w.wake()
}

// wake tells whoever waits. The lock is held.
func (w *View) wake() {
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
func (w *View) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.begun {
		return
	}
	w.begun = true
	go w.scan()
}

func (w *View) scan() {
	var failed error
	for rec, err := range w.source.Decisions(context.Background()) {
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
	w.ready, w.failed, w.at = true, failed, time.Now()
	w.pos++ // that is news too
	close(w.read)
	w.wake()
}

// reread reads all again, where that was long ago, and takes over what has changed.
func (w *View) reread(ctx context.Context) error {
	w.again.Lock()
	defer w.again.Unlock()
	w.mu.Lock()
	due := w.ready && time.Since(w.at) >= w.every
	w.mu.Unlock()
	if !due {
		return nil
	}
	there := map[ledger.Key]bool{}
	var failed error
	for rec, err := range w.source.Decisions(ctx) {
		var e account.Entry
		if err == nil {
			e, err = account.Of(rec)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = cmp.Or(failed, err)
			continue
		}
		there[rec.Key] = true
		w.mu.Lock()
		if w.differs(&e) {
			w.take(e)
		}
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if failed == nil { // else it may be one that could not be read
		for _, r := range slices.Clone(w.order) {
			if !there[r.Key] {
				w.drop(r.Key)
			}
		}
	}
	w.failed, w.at = failed, time.Now()
	return nil
}

// differs tells whether a record is not the one that is remembered. The lock is
// held.
func (w *View) differs(e *account.Entry) bool {
	if e.Followed() {
		_, known := w.parents[e.Key]
		return known && w.jobs[e.Key] != jobWords(e)
	}
	r := w.rows[e.Key]
	if r == nil {
		return !w.dropped || e.Outcome == nil || !e.First.Before(w.order[0].First)
	}
	settled := func(o *ledger.Outcome) time.Time {
		if o == nil {
			return time.Time{}
		}
		return o.At
	}
	return r.State != e.State || r.Nonce != e.Nonce || r.Attempts != e.Attempts || r.Doubt != e.Doubt || !r.Due.Equal(e.Due) ||
		!r.Last.At.Equal(e.Last.At) || !r.Emitted.Equal(e.Emitted) || !settled(r.Outcome).Equal(settled(e.Outcome))
}

// jobWords says how a job that is followed stands.
func jobWords(e *account.Entry) string { return strings.TrimPrefix(e.Words(), "job-") }

// refresh reads what was noted. What cannot be read stays noted.
func (w *View) refresh(ctx context.Context) error {
	if w.every > 0 {
		return w.reread(ctx)
	}
	w.mu.Lock()
	noted := w.dirty
	w.dirty = map[ledger.Key]bool{}
	w.mu.Unlock()
	var errs []error
	for key := range noted {
		rec, err := w.source.Decision(ctx, key)
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
func (w *View) take(e account.Entry) {
	if e.Followed() {
		w.jobs[e.Key] = jobWords(&e)
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
func (w *View) forget() {
	for _, r := range w.order {
		if r.ended() {
			removed := w.removed
			w.drop(r.Key)
			w.dropped, w.removed = true, removed // so far back that no list is sent anew for it
			return
		}
	}
}

func (w *View) drop(key ledger.Key) {
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
func (w *View) position(pos uint64) string { return fmt.Sprintf("%s-%d", w.run, pos) }

// seen reads a position. One of another process, or none, has seen nothing that
// could be told apart.
func (w *View) seen(text string) (pos uint64, ok bool) {
	run, n, _ := strings.Cut(text, "-")
	pos, err := strconv.ParseUint(n, 10, 64)
	return pos, err == nil && run == w.run && pos <= w.pos
}
