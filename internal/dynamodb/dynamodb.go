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
// for each slot the mark (m#<slot>) and the last tag value (t#<slot>). A job is
// j#<project>/<job>, with its owner (k).
//
// # Writing
//
// Every rule is one of [ledger.Facts], run on what is believed to be there:
// for a claim, nothing; else what this process saw last. What it asks for is
// written in one transaction, on condition that the beliefs hold. If they do
// not, DynamoDB says what is there instead, and the rule is run again on that.
// So a claim, a settlement and a mark of something new are one round trip each,
// and so is a repeat, whose answer comes with the failed condition. What writes
// nothing is answered only from what DynamoDB said during the same call.
//
// DynamoDB deletes expired items late. Nothing depends on it: an outcome that
// has expired is answered as long as it is there. Jobs and marks stay.
package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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

	mu   sync.Mutex
	last map[ledger.Key]seen
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
	err = l.step(ctx, c.Key, seen{}, func(f ledger.Facts) (ch *ledger.Change, err error) {
		answer, ch, err = f.Claim(c)
		return ch, err
	})
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
	return l.guessed(ctx, c.Key, func(f ledger.Facts) (*ledger.Change, error) { return f.Reject(c, o) })
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
	return l.guessed(ctx, c.Key, func(f ledger.Facts) (*ledger.Change, error) { return f.Wait(c, w) })
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
	return l.step(ctx, key, s, r)
}

// guessed runs a rule for a decision that may be there.
func (l *Ledger) guessed(ctx context.Context, key ledger.Key, r rule) error {
	s, _ := l.recall(key)
	return l.step(ctx, key, s, r)
}

type rule = func(ledger.Facts) (*ledger.Change, error)

// tries is how often a rule is run on what was learnt.
const tries = 8

// step runs a rule on what is believed, until what it asks for was written, or
// it asks for nothing and DynamoDB has said why.
func (l *Ledger) step(ctx context.Context, key ledger.Key, s seen, r rule) error {
	b := beliefs{seen: s}
	conflict := false
	for try := range tries {
		ch, ruled := r(ledger.Facts{Record: b.decision, Instance: b.instance, Owner: b.owner})
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
			return nil
		}
		if refused == nil {
			return err
		}
		if err := l.learn(ctx, &b, ch, refused); err != nil {
			return err
		}
		l.remember(key, b.seen)
		conflict = refused.conflict()
	}
	return errBusy
}

// beliefs are what a rule is run on.
type beliefs struct {
	seen
	instance ledger.Instance
	owner    *ledger.Key
	// told: DynamoDB has said during this call that the decision is so.
	told bool
}

// learn takes over what a refused write says is there. That an item's
// condition held says that the belief did.
func (l *Ledger) learn(ctx context.Context, b *beliefs, ch *ledger.Change, r *refusal) (err error) {
	switch reason := r.reasons[0]; reason.Code {
	case failedCondition:
		b.told = true
		if b.seen, err = reason.Item.seen(); err == nil && b.decision == nil {
			b.seen, err = l.read(ctx, ch.After.Key)
		}
	case heldCondition:
		b.told = true
	}
	if err != nil || len(r.reasons) < 2 || !ch.Touches() {
		return err
	}
	if reason := r.reasons[1]; reason.Code == failedCondition && reason.Item != nil {
		b.instance, err = reason.Item.instance()
	} else if reason.Code != heldCondition {
		b.instance, err = l.instance(ctx, ch.After.Project, ch.After.Instance)
	}
	if err != nil || len(r.reasons) < 3 || r.reasons[2].Code != failedCondition {
		return err
	}
	if b.owner, err = r.reasons[2].Item.owner(); err == nil && b.owner == nil {
		var owners map[string]ledger.Key
		if owners, err = l.Owners(ctx, ch.After.Project, []string{ch.Job}); err == nil {
			k := owners[ch.Job]
			b.owner = &k
		}
	}
	return err
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
	return i.instance()
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
