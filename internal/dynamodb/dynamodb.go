// Package dynamodb keeps a ledger in one DynamoDB table.
//
// # Items
//
// Everything lies under the string key pk. A decision is d#<digest of its
// key>, with its record as JSON (rec), the record's revision (v) and format
// (f), its state for people to see (s), when it asks for work (due, in seconds,
// in one of eight shards wq), and when it may be deleted (ttl). The sparse
// index work, of wq and due, lists what asks for work. An instance is
// i#<project>/<instance>, with its holder (h) and the holder's nonce (n), and
// for each slot the mark (m#<slot>) and the last tag value (t#<slot>), and the
// number and hash (aq, ah) of the last record on its audit trail. A job is
// j#<project>/<job>, with its owner (k) and a ttl. The use of a ticket is t#<hash of
// ticket and slot> (rec), an audit record a#<project>/<instance>#<number> (rec).
// An arrival is n#<number> (rec) with a ttl: the number is a part of its digest's
// hash, so that there are never more than 65,536 of them, however many come, and
// one event's takes the place of its own. It is put without a condition.
//
// # Writing
//
// Every rule is one of [ledger.Facts], run on what is believed to be there:
// for a claim, nothing; else what this process saw last. What it asks for is
// written in one transaction, on condition that the beliefs hold. If they do
// not, DynamoDB says what is there instead, and the rule is run again on that.
// Where it does not say all, because another transaction was in the way, all is
// read in one transaction, lest an answer be put together of two moments. So a
// claim, a settlement and a mark of something new are one round trip each, and so
// is a repeat, whose answer comes with the failed condition. What writes nothing
// is answered only from what DynamoDB said during the same call.
//
// The end of an audit trail is not told by a claim that succeeds. So it is read
// behind one, while the call to the cloud is under way, unless this process has
// it from the settlement before.
//
// DynamoDB deletes expired items late. Nothing depends on it: an outcome that
// has expired is answered as long as it is there. Marks, tickets and audit trails
// stay, and so do jobs that earlier versions wrote.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Ledger is a [ledger.Ledger] in a DynamoDB table. Client and Table must be
// set.
type Ledger struct {
	Client *awsjson.Client
	Table  string
	// Sleep waits before what met another's transaction is tried again.
	// Default: a timer.
	Sleep func(context.Context, time.Duration) error

	mu      sync.Mutex
	last    map[ledger.Key]seen
	heads   map[string]ledger.Head   // by instanceKey
	reading map[string]chan struct{} // likewise; closed when the head has been read
}

// seen is a decision and the revision of its record; 0 if it has none.
type seen struct {
	decision *ledger.Record
	revision int64
}

// mostSeen bounds what is remembered; forgetting costs a round trip.
const mostSeen = 256

func (l *Ledger) remember(key ledger.Key, s seen) {
	if s.decision != nil {
		s.decision = s.decision.Clone() // the caller has the other
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == nil || len(l.last) >= mostSeen {
		l.last = make(map[ledger.Key]seen)
	}
	l.last[key] = s
}

func (l *Ledger) recall(key ledger.Key) (seen, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.last[key]
	return s, ok
}

// errBusy: other transactions were in the way each time.
var errBusy = errors.New("ledger: DynamoDB: the items are in other transactions")

// busyFor is for how long a claim that met other transactions is put off.
const busyFor = time.Second

// Claim is as in [ledger.Ledger].
func (l *Ledger) Claim(ctx context.Context, c ledger.Claim) (answer ledger.Claimed, err error) {
	err = l.step(ctx, c.Key, beliefs{}, func(f ledger.Facts) (ch *ledger.Change, err error) {
		answer, ch, err = f.Claim(c)
		return ch, err
	})
	if err == nil && (answer.Verdict == ledger.New || answer.Verdict == ledger.Resumed) {
		l.readHead(ctx, c.Project, c.Instance)
	}
	if errors.Is(err, errBusy) {
		return ledger.Claimed{Verdict: ledger.Held, Holder: ledger.Holder{Until: c.Now.Add(busyFor)}}, nil
	}
	if err != nil {
		return ledger.Claimed{}, err
	}
	return answer, nil
}

// Settle is as in [ledger.Ledger].
func (l *Ledger) Settle(ctx context.Context, key ledger.Key, nonce string, o ledger.Outcome) error {
	return l.known(ctx, key, func(f ledger.Facts) (*ledger.Change, error) { return f.Settle(nonce, o) })
}

// Reject is as in [ledger.Ledger].
func (l *Ledger) Reject(ctx context.Context, c ledger.Claim, o ledger.Outcome) error {
	return l.guessed(ctx, c, func(f ledger.Facts) (*ledger.Change, error) { return f.Reject(c, o) })
}

// Release is as in [ledger.Ledger].
func (l *Ledger) Release(ctx context.Context, key ledger.Key, nonce string, w ledger.Wait) error {
	return l.known(ctx, key, func(f ledger.Facts) (*ledger.Change, error) { return f.Release(nonce, w) })
}

// Lapse is as in [ledger.Ledger].
func (l *Ledger) Lapse(ctx context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) error {
	return l.known(ctx, key, func(f ledger.Facts) (*ledger.Change, error) { return f.Lapse(nonce, until, known, last) })
}

// Wait is as in [ledger.Ledger].
func (l *Ledger) Wait(ctx context.Context, c ledger.Claim, w ledger.Wait) error {
	return l.guessed(ctx, c, func(f ledger.Facts) (*ledger.Change, error) { return f.Wait(c, w) })
}

// Mark is as in [ledger.Ledger].
func (l *Ledger) Mark(ctx context.Context, key ledger.Key, nonce string, now, expire time.Time) error {
	return l.known(ctx, key, func(f ledger.Facts) (*ledger.Change, error) { return f.Mark(nonce, now, expire) })
}

// Close is as in [ledger.Ledger].
func (l *Ledger) Close() error { return nil }

// known runs a rule for a decision that should be there.
func (l *Ledger) known(ctx context.Context, key ledger.Key, r rule) error {
	s, ok := l.recall(key)
	if !ok {
		var err error
		if s, err = l.read(ctx, key); err != nil {
			return err
		}
	}
	b := beliefs{seen: s}
	if d := s.decision; d != nil {
		b.instance.Head = l.head(d.Project, d.Instance)
	}
	return l.step(ctx, key, b, r)
}

// guessed runs a rule for a decision that may be there.
func (l *Ledger) guessed(ctx context.Context, c ledger.Claim, r rule) error {
	s, _ := l.recall(c.Key)
	return l.step(ctx, c.Key, beliefs{seen: s, instance: ledger.Instance{Head: l.head(c.Project, c.Instance)}}, r)
}

type rule = func(ledger.Facts) (*ledger.Change, error)

// tries is how often a rule is run on what was learnt.
const tries = 8

// step runs a rule on what is believed, until what it asks for was written, or
// it asks for nothing and DynamoDB has said why.
func (l *Ledger) step(ctx context.Context, key ledger.Key, b beliefs, r rule) error {
	conflict := false
	for try := range tries {
		ch, ruled := r(ledger.Facts{Record: b.decision, Instance: b.instance, Owner: b.owner, Uses: b.uses})
		if ch == nil || ruled != nil {
			if b.told {
				return ruled
			}
			s, err := l.read(ctx, key)
			if err != nil {
				return err
			}
			b.seen, b.told = s, true
			continue
		}
		if conflict {
			if err := l.pause(ctx, try); err != nil {
				return err
			}
		}
		refused, err := l.write(ctx, ch, b.revision)
		if err == nil {
			l.remember(key, seen{&ch.After, b.revision + 1})
			if a := ch.Audit; a != nil {
				l.rememberHead(instanceKey(a.Project, a.Instance), ledger.Head{Seq: a.Seq, Hash: a.Hash})
			}
			return nil
		}
		if refused == nil {
			return err
		}
		if err := l.learn(ctx, &b, ch, refused); err != nil {
			return err
		}
		conflict = refused.conflict()
	}
	return errBusy
}

// beliefs are what a rule is run on.
type beliefs struct {
	seen
	instance ledger.Instance
	owner    *ledger.Key
	uses     map[string]ledger.Use // by slot
	// told: DynamoDB has said during this call that the decision is so.
	told bool
}

// learn takes over what a refused write says is there. What a rule answers by is
// of one moment: of the refusal, if that says it all, or else of one reading. A
// refusal for a conflict alone says nothing.
func (l *Ledger) learn(ctx context.Context, b *beliefs, ch *ledger.Change, r *refusal) error {
	if !r.failed() {
		return nil
	}
	now, whole, err := b.after(ch, r)
	if err == nil && !whole {
		now, err = l.moment(ctx, ch)
	}
	if err != nil {
		return err
	}
	*b = now
	l.remember(ch.After.Key, b.seen)
	if ch.OnInstance() {
		l.rememberHead(instanceKey(ch.After.Project, ch.After.Instance), b.instance.Head)
	}
	return nil
}

// after is what is believed after a refusal; not whole, if something that it does not
// say has to be read. That an item's condition held says that the belief did.
func (b beliefs) after(ch *ledger.Change, r *refusal) (now beliefs, whole bool, err error) {
	now, now.told, now.uses = b, true, maps.Clone(b.uses)
	held := true // whatever was looked at so far
	for n, place := range written(ch) {
		var x reason
		if n < len(r.reasons) {
			x = r.reasons[n]
		}
		switch {
		case x.Code == heldCondition:
			if place.kind == anInstance && now.decision != nil && !now.decision.Order.Equal(ch.After.Order) {
				return now, false, nil // of another order that says nothing
			}
		case x.Code == failedCondition && place.kind == anAudit && held:
			return now, false, ledger.ErrTrail
		case x.Code == failedCondition && x.Item != nil:
			if err := now.take(place, x.Item); err != nil {
				return now, false, err
			}
			held = false
		default:
			return now, false, nil
		}
	}
	return now, true, nil
}

// place is an item that a change writes.
type place struct {
	kind placeKind
	pk   string
	slot string // of a ticket's use
}

type placeKind int

const (
	aDecision placeKind = iota
	anInstance
	aJob
	anAudit
	aUse
)

// written are the items that a change writes, in the order in which it does.
func written(ch *ledger.Change) []place {
	d := &ch.After
	all := []place{{kind: aDecision, pk: decisionKey(d.Key)}}
	if ch.OnInstance() {
		all = append(all, place{kind: anInstance, pk: instanceKey(d.Project, d.Instance)})
	}
	if ch.Job != "" {
		all = append(all, place{kind: aJob, pk: jobKey(d.Project, ch.Job)})
	}
	if a := ch.Audit; a != nil {
		all = append(all, place{kind: anAudit, pk: auditKey(a.Project, a.Instance, a.Seq)})
	}
	for _, u := range ch.Uses {
		all = append(all, place{kind: aUse, pk: useKey(u.Ticket, u.Slot), slot: u.Slot})
	}
	return all
}

// take believes that an item is there; none is one that is not.
func (b *beliefs) take(p place, i item) (err error) {
	switch p.kind {
	case aDecision:
		b.seen, err = i.seen()
	case anInstance:
		b.instance, err = i.instance()
	case aJob:
		b.owner, err = i.owner()
	case aUse:
		if b.uses == nil {
			b.uses = make(map[string]ledger.Use)
		}
		u, ok, err := i.use()
		if delete(b.uses, p.slot); ok {
			b.uses[p.slot] = u
		}
		return err
	}
	return err
}

// moment reads at once all that a change was to be written to.
func (l *Ledger) moment(ctx context.Context, ch *ledger.Change) (b beliefs, err error) {
	b.told = true
	places := slices.DeleteFunc(written(ch), func(p place) bool { return p.kind == anAudit })
	items := make([]item, 1)
	if len(places) == 1 {
		items[0], err = l.get(ctx, places[0].pk)
	} else {
		items, err = l.together(ctx, places)
	}
	for n, p := range places {
		if err == nil {
			err = b.take(p, items[n])
		}
	}
	return b, err
}

// read reads a decision as it is.
func (l *Ledger) read(ctx context.Context, key ledger.Key) (seen, error) {
	i, err := l.get(ctx, decisionKey(key))
	if err != nil {
		return seen{}, err
	}
	s, err := i.seen()
	if err == nil {
		l.remember(key, s)
	}
	return s, err
}

func (l *Ledger) instance(ctx context.Context, project, instance string) (ledger.Instance, error) {
	i, err := l.get(ctx, instanceKey(project, instance))
	if err != nil {
		return ledger.Instance{}, err
	}
	in, err := i.instance()
	if err == nil {
		l.rememberHead(instanceKey(project, instance), in.Head)
	}
	return in, err
}

// head is the end of an instance's trail as this process knows it.
func (l *Ledger) head(project, instance string) ledger.Head {
	pk := instanceKey(project, instance)
	l.mu.Lock()
	reading := l.reading[pk]
	l.mu.Unlock()
	if reading != nil {
		<-reading
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heads[pk]
}

func (l *Ledger) rememberHead(pk string, h ledger.Head) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heads == nil || len(l.heads) >= mostSeen {
		l.heads = make(map[string]ledger.Head)
	}
	l.heads[pk] = h
}

// readHead begins to read the end of an instance's trail, unless it is known.
// Whatever is done next to the decision that has the instance waits for it.
func (l *Ledger) readHead(ctx context.Context, project, instance string) {
	pk := instanceKey(project, instance)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.heads[pk]; known || l.reading[pk] != nil {
		return
	}
	read := make(chan struct{})
	if l.reading == nil {
		l.reading = make(map[string]chan struct{})
	}
	l.reading[pk] = read
	go func() {
		_, _ = l.instance(ctx, project, instance) // what is not known costs a refusal
		l.mu.Lock()
		delete(l.reading, pk)
		l.mu.Unlock()
		close(read)
	}()
}

// pause waits for a random time, longer with each try.
func (l *Ledger) pause(ctx context.Context, try int) error {
	d := time.Duration(rand.Int64N(int64(10*time.Millisecond) << try))
	if l.Sleep != nil {
		return l.Sleep(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("ledger: %w", ctx.Err())
	}
}
