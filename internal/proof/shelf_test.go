package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// shelf is a kind of ledger that the worlds of a lab have.
type shelf struct {
	name string
	// open gives a new world an empty one.
	open func(*world)
	// trouble is every way in which a single call can go wrong.
	trouble []fate
}

// books are a world's ledger as its workers have it.
type books struct {
	// book is the ledger of a worker.
	book func(worker int) ledger.Ledger
	// died tells that a worker's process did.
	died func(worker int)
	// expire deletes what has expired, where the ledger does not itself.
	expire func()
	// lag, if it is to be, has what is due be read as it was before.
	lag dynamotest.Fault
	// byRequest: each request of a write is a gate.
	byRequest bool
	// takesAlong: a process takes what it writes with it when it dies.
	takesAlong bool
	// close ends it.
	close func()
	// working are the invocations that have not ended.
	working map[*invocation]bool
}

var inMemory = shelf{name: "memory", trouble: trouble, open: func(w *world) {
	l := ledger.NewMemory()
	w.ledger, w.book = l, func(int) ledger.Ledger { return l }
}}

// onDisk is one file, which one process at a time has: when that dies, all its
// invocations do, and what it was writing is written or not. The next one opens it.
func onDisk(t testing.TB) shelf {
	dir, files := t.TempDir(), new(atomic.Int64)
	return shelf{name: "bolt", trouble: trouble, open: func(w *world) {
		path := filepath.Join(dir, fmt.Sprint(files.Add(1)))
		open := func() {
			l, err := bolt.Open(path, time.Now(), quiet)
			if err != nil {
				panic(err)
			}
			w.ledger = l
		}
		open()
		w.takesAlong = true
		w.book = func(int) ledger.Ledger { return w.ledger }
		w.died = func(int) {
			w.mu.Lock()
			for inv := range w.working {
				inv.doomed.Store(true)
				inv.adrift.Store(true)
			}
			w.mu.Unlock()
			if err := w.ledger.Close(); err != nil {
				panic(err)
			}
			open()
		}
		w.close = func() {
			if err := errors.Join(w.ledger.Close(), os.Remove(path)); err != nil {
				panic(err)
			}
		}
	}}
}

// inTable is a table in a stand-in for DynamoDB. Every worker has its own view of it,
// which it loses when it dies.
var inTable = shelf{name: "dynamodb", trouble: append(slices.Clip(trouble), repeats, conflicts, throttled), open: func(w *world) {
	const table = "ledger"
	db := new(dynamotest.DB)
	view := func(way http.RoundTripper) *dynamodb.Ledger {
		c := db.Client(way)
		c.Sleep = func(context.Context, time.Duration) error { return nil }
		return &dynamodb.Ledger{Client: c, Table: table, Sleep: c.Sleep}
	}
	look := view(db)
	if err := look.Client.Do(context.Background(), "CreateTable", dynamotest.Table(table), nil); err != nil {
		panic(err)
	}
	var views [len(lab{}.workers)]*dynamodb.Ledger
	for i := range views {
		views[i] = view(requests{db})
	}
	w.ledger, w.byRequest = look, true
	w.book = func(worker int) ledger.Ledger {
		w.mu.Lock()
		defer w.mu.Unlock()
		return views[worker]
	}
	w.died = func(worker int) {
		w.mu.Lock()
		defer w.mu.Unlock()
		views[worker] = view(requests{db})
	}
	w.expire = func() { db.Expire(table, "ttl") }
}}

// shelves are all kinds.
func shelves(t testing.TB) []shelf { return []shelf{inMemory, onDisk(t), inTable} }

// book is what an invocation does with the ledger.
type book struct {
	// doomed: its process has died elsewhere.
	doomed atomic.Bool
	mu     sync.Mutex
	// write is what it writes, "" if nothing. In the midst of that it has died, or
	// nothing is reached any more.
	write      string
	dead, away bool
}

func (b *book) writing(what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write, b.away = what, false
}

// written ends a write, and tells whether the process died in it.
func (b *book) written() (dead bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write = ""
	return b.dead
}

// requests is the way to DynamoDB on which each request of a write is a gate. The
// end of a trail is read behind a claim, at no certain time, and so without one.
type requests struct{ db *dynamotest.DB }

func (r requests) RoundTrip(q *http.Request) (*http.Response, error) {
	inv, body := from(q.Context()), read(q)
	inv.book.mu.Lock()
	what, cut := inv.write, inv.dead || inv.away
	inv.book.mu.Unlock()
	send := func(ctx context.Context, f dynamotest.Fault) (*http.Response, error) {
		again := q.Clone(dynamotest.With(ctx, f))
		again.Body = io.NopCloser(bytes.NewReader(body))
		return r.db.RoundTrip(again)
	}
	switch head := bytes.Contains(body, []byte(`"pk":{"S":"i#`)) && strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".GetItem"); {
	case cut:
		return nil, errAway
	case what == "" || head:
		return send(q.Context(), dynamotest.None)
	}
	return inv.request(q.Context(), what, send)
}

// request makes one of the requests of a write.
func (inv *invocation) request(ctx context.Context, what string, send func(context.Context, dynamotest.Fault) (*http.Response, error)) (*http.Response, error) {
	w := inv.world
	f := w.gate(ctx, inv, what)
	if f != succeeds {
		w.tell("%s: a request of %s %s", inv.name, what, f)
	}
	if err := ctx.Err(); err != nil && f != diesBefore {
		return nil, err
	}
	ends := func(dies bool) (*http.Response, error) {
		inv.book.mu.Lock()
		defer inv.book.mu.Unlock()
		inv.dead, inv.away = dies, true
		return nil, errAway
	}
	switch f {
	case diesBefore, unreached:
		return ends(f == diesBefore)
	case diesDuring:
		inv.adrift.Store(true)
		w.setAdrift(inv, func(ctx context.Context) error {
			_, err := send(ctx, dynamotest.None)
			for _, rec := range w.records() {
				w.settled(rec.Key)
			}
			return err
		})
		return ends(true)
	case diesAfter, loses, repeats:
		if _, err := send(ctx, dynamotest.None); err != nil {
			return nil, err
		}
		if f == repeats {
			return nil, errAnswerLost
		}
		return ends(f == diesAfter)
	case conflicts:
		return send(ctx, dynamotest.Conflicting)
	case throttled:
		return send(ctx, dynamotest.Throttled)
	case slow:
		if err := wait(ctx, w.delay); err != nil {
			return nil, err
		}
	}
	return send(ctx, dynamotest.None)
}

// begins and closed tell of an invocation's beginning and end.
func (w *world) begins(inv *invocation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.working[inv] = true
}

func (w *world) closed(inv *invocation) {
	w.mu.Lock()
	delete(w.working, inv)
	w.mu.Unlock()
	if inv.doomed.Load() {
		inv.died = true
	} else if inv.died && w.died != nil {
		w.died(inv.worker)
	}
}
