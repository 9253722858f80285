package page

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/account"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Most rows of the list, and of each of the short lists above it.
const (
	mostListed = 200
	mostShort  = 20
)

// query is what the address asks for.
type query struct {
	account.Filter
	// Before shows the decisions that were received before those on the page
	// before; zero on the newest page.
	Before time.Time
}

// queryOf reads an address. What it does not understand it takes for nothing.
func queryOf(v url.Values) (q query) {
	text := func(name string) string { return strings.TrimSpace(v.Get(name)) }
	q.Filter = account.Filter{Switch: text("switch"), Target: text("target"), Ticket: text("ticket"), Chain: text("chain")}
	if s := text("state"); slices.Contains(account.States, s) {
		q.State = s
	}
	q.Before, _ = time.Parse(time.RFC3339Nano, v.Get("before"))
	return q
}

// Encode is the address's part behind the question mark.
func (q query) Encode() string {
	v := url.Values{}
	for name, text := range map[string]string{"switch": q.Switch, "target": q.Target, "ticket": q.Ticket, "chain": q.Chain, "state": q.State} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if !q.Before.IsZero() {
		v.Set("before", q.Before.Format(time.RFC3339Nano))
	}
	return v.Encode()
}

// Filtered tells whether not all decisions are asked for.
func (q query) Filtered() bool { return q.Filter != account.Filter{} }

func (q query) wants(r *row) bool {
	return q.Wants(&r.Entry) && (q.Before.IsZero() || r.First.Before(q.Before))
}

// shown is a row as the templates have it.
type shown struct {
	// Dom names it in the document.
	Dom  string
	Key  ledger.Key
	Link string
	// Received is when it first came.
	Received                 time.Time
	Switch, Position, Target string
	Subject                  string
	Words, Job               string
	// Look is the class of its state: done, work, wait, doubt or bad.
	Look   string
	Ticket string
	Chain  string // its link
	Place  string
	// Until is when what it waits for is looked for again, and Why what that is.
	Until time.Time
	Why   string

	pos uint64
}

func link(k ledger.Key) string {
	return "/page/decision?" + url.Values{"switch": {k.Switch}, "source": {k.Source}, "id": {k.ID}}.Encode()
}

// show is a row for the templates. The lock is held.
func (w *View) show(r *row) shown {
	s := shown{
		Dom: "d" + r.Key.Digest(), Key: r.Key, Link: link(r.Key), Received: r.First, Switch: r.Key.Switch, Position: r.Position(),
		Target: account.Narrowest(r.Target), Subject: r.Asks.Place.Subject, Words: r.Words(), Ticket: r.TicketID(), Place: r.Place(), pos: r.pos,
	}
	if r.job != (ledger.Key{}) {
		s.Job = w.jobs[r.job]
	}
	if id := r.ChainID(); id != "" {
		s.Chain = "/page/chain?" + url.Values{"id": {id}}.Encode()
	}
	if r.Outcome == nil {
		s.Until, s.Why = r.Due, strings.TrimPrefix(r.Last.Code+": "+r.Last.Detail, ": ")
	}
	switch {
	case doubtful(r, s.Job):
		s.Look = "doubt"
	case failed(r, s.Job):
		s.Look = "bad"
	case r.State == ledger.Waiting:
		s.Look = "wait"
	case r.Outcome == nil || s.Job == following:
		s.Look = "work"
	default:
		s.Look = "done"
	}
	return s
}

// Words of a job that goes on, of one that succeeded, and of one that was not
// seen to end.
const (
	following = "following"
	succeeded = "succeeded"
	unknown   = "unknown"
)

// doubtful tells of what nobody knows whether it took effect.
func doubtful(r *row, job string) bool { return r.InState("doubt") || job == unknown }

func failed(r *row, job string) bool {
	return r.Outcome != nil && (r.Outcome.Failed || r.Outcome.Result == "rejected") || job != "" && job != following && job != succeeded && job != unknown
}

// count is how many decisions are in a state.
type count struct {
	State string
	N     int
	Link  string
}

// short is a short list: those that ask for somebody's eye.
type short struct {
	Title, None string
	Rows        []shown
	More        int
}

// summary is the first screen above the list.
type summary struct {
	Counts []count
	Shorts []short
	// Total decisions are remembered; Dropped: there are older ones that are not.
	Total   int
	Dropped bool
	// Reading: the ledger has not been read whole yet. Wrong is why it could not be.
	Reading bool
	Wrong   string
	Halted  bool
	// Desk: who knows its token can change that here.
	Desk bool
	// Drift is what the last comparison with the cloud found; nil before one.
	Drift *drift
}

// snapshot is what the page shows, all of one moment.
type snapshot struct {
	Summary  summary
	Rows     []shown
	Older    string // the link to the next page; empty on the last
	Position string
}

// look is what the page shows for a query.
func (w *View) look(ctx context.Context, q query) (s snapshot, err error) {
	if err := w.refresh(ctx); err != nil {
		return s, err
	}
	halted, err := w.source.Halted(ctx)
	if err != nil {
		return s, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.Summary = w.summary()
	s.Summary.Halted = halted
	for _, r := range slices.Backward(w.order) {
		if !q.wants(r) {
			continue
		}
		if len(s.Rows) == mostListed {
			next := q
			next.Before = s.Rows[len(s.Rows)-1].Received
			s.Older = "/?" + next.Encode()
			break
		}
		s.Rows = append(s.Rows, w.show(r))
	}
	s.Position = w.position(w.pos)
	return s, nil
}

// summary counts, and gathers what asks for an eye. The lock is held.
func (w *View) summary() summary {
	s := summary{Total: len(w.order), Dropped: w.dropped, Reading: !w.ready}
	if w.failed != nil {
		s.Wrong = w.failed.Error()
	}
	doubts := short{Title: "In doubt", None: "Nothing is in doubt."}
	waits := short{Title: "Waits, or is at work", None: "Nothing waits."}
	bad := short{Title: "Rejected, failed, or its job failed", None: "Nothing failed."}
	counts := map[string]int{}
	add := func(to *short, r *row) {
		if len(to.Rows) == mostShort {
			to.More++
			return
		}
		to.Rows = append(to.Rows, w.show(r))
	}
	for _, r := range slices.Backward(w.order) {
		for _, state := range account.States {
			if r.InState(state) {
				counts[state]++
			}
		}
		job := ""
		if r.job != (ledger.Key{}) {
			job = w.jobs[r.job]
		}
		switch {
		case doubtful(r, job):
			add(&doubts, r)
		case failed(r, job):
			add(&bad, r)
		case r.Outcome == nil || job == following:
			add(&waits, r)
		}
	}
	for _, state := range account.States {
		s.Counts = append(s.Counts, count{state, counts[state], "/?" + url.Values{"state": {state}}.Encode()})
	}
	s.Shorts = []short{doubts, waits, bad}
	return s
}

// delta is what has changed since a position, the oldest change first: rows to
// show, and those of Gone that the query does not want (any more).
type delta struct {
	Rows     []shown
	Gone     []string
	Summary  summary
	Position string
	// All: what changed since cannot be told; Rows are the list as it is now.
	All bool
}

// since is what has changed since a position, and a channel that tells when more
// has.
func (w *View) since(ctx context.Context, q query, text string) (d delta, more <-chan struct{}, err error) {
	w.mu.Lock()
	more = w.changed // before anything is read: what changes meanwhile wakes
	from, known := w.seen(text)
	w.mu.Unlock()
	if !known {
		s, err := w.look(ctx, q)
		return delta{Rows: s.Rows, Summary: s.Summary, Position: s.Position, All: true}, more, err
	}
	if err := w.refresh(ctx); err != nil {
		return d, more, err
	}
	halted, err := w.source.Halted(ctx)
	if err != nil {
		return d, more, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var changed []*row
	for _, r := range w.order {
		if r.pos > from {
			changed = append(changed, r)
		}
	}
	if len(changed) > mostListed || w.removed > from {
		d.All = true
		changed = nil
		for _, r := range slices.Backward(w.order) {
			if len(changed) < mostListed && q.wants(r) {
				changed = append(changed, r)
			}
		}
	} else {
		slices.SortFunc(changed, func(a, b *row) int { return int(a.pos) - int(b.pos) })
	}
	for _, r := range changed {
		if q.wants(r) {
			d.Rows = append(d.Rows, w.show(r))
		} else {
			d.Gone = append(d.Gone, "d"+r.Key.Digest())
		}
	}
	d.Summary = w.summary()
	d.Summary.Halted = halted
	d.Position = w.position(w.pos)
	return d, more, nil
}

// now is the position now.
func (w *View) now() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.position(w.pos)
}

// chain reads a chain with this id, or fails with [ledger.ErrNotFound].
func (w *View) chain(ctx context.Context, id string) (*account.Chain, error) {
	if err := w.refresh(ctx); err != nil {
		return nil, err
	}
	w.mu.Lock()
	var keys []ledger.Key
	for _, r := range w.order {
		if r.InChain(id) {
			keys = append(keys, r.Key)
		}
	}
	w.mu.Unlock()
	var members []account.Entry
	for _, key := range keys {
		rec, err := w.source.Decision(ctx, key)
		if errors.Is(err, ledger.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		e, err := account.Of(rec)
		if err != nil {
			return nil, err
		}
		members = append(members, e)
	}
	chains, err := account.ChainsOf(ctx, w.source, members, members)
	if err != nil {
		return nil, err
	}
	if len(chains) == 0 {
		return nil, ledger.ErrNotFound
	}
	return chains[0], nil
}
