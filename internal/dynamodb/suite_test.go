package dynamodb_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
)

// backend is what a ledger lies in: the stand-in, or an emulator of AWS.
type backend struct {
	// client calls it through somebody; nil: directly.
	client func(t *testing.T, through http.RoundTripper) *awsjson.Client
	// way is what somebody in between passes requests on to.
	way http.RoundTripper
}

// standIn is a new one.
func standIn() backend { return faulty(nil) }

// faulty is one with which something goes wrong.
func faulty(fault func(operation string) dynamotest.Fault) backend {
	db := &dynamotest.DB{Fault: fault}
	return backend{func(_ *testing.T, through http.RoundTripper) *awsjson.Client {
		c := db.Client(through)
		c.Tries = 20 // of which, at random, one goes well
		c.Sleep = func(context.Context, time.Duration) error { return nil }
		return c
	}, db}
}

var tables atomic.Int64

// open makes a table as template.yaml does.
func (b backend) open(t *testing.T, through http.RoundTripper) *dynamodb.Ledger {
	t.Helper()
	l := &dynamodb.Ledger{Client: b.client(t, through), Table: fmt.Sprintf("ledger-%d-%d", os.Getpid(), tables.Add(1))}
	l.Sleep = l.Client.Sleep
	direct := b.client(t, nil)
	require.NoError(t, direct.Do(t.Context(), "CreateTable", dynamotest.Table(l.Table), nil))
	t.Cleanup(func() { // moto copies all that is there at every transaction
		require.NoError(t, direct.Do(context.Background(), "DeleteTable", map[string]string{"TableName": l.Table}, nil))
	})
	return l
}

// directly writes an item past the ledger, whoever is in the way at first.
func directly(t *testing.T, l *dynamodb.Ledger, operation string, in any) {
	t.Helper()
	err := l.Client.Do(t.Context(), operation, in, nil)
	for try := 1; err != nil && try < 20; try++ {
		err = l.Client.Do(t.Context(), operation, in, nil)
	}
	require.NoError(t, err)
}

// age makes an item one of a later version.
func age(t *testing.T, l ledger.Ledger, pk string) {
	t.Helper()
	d := l.(*dynamodb.Ledger)
	var old struct{ Item map[string]map[string]any }
	key := map[string]any{"pk": map[string]string{"S": pk}}
	require.NoError(t, d.Client.Do(t.Context(), "GetItem", map[string]any{"TableName": d.Table, "Key": key, "ConsistentRead": true}, &old))
	require.NotEmpty(t, old.Item)
	old.Item["f"]["N"] = "2"
	old.Item["v"] = map[string]any{"S": "a later version's"}
	directly(t, d, "PutItem", map[string]any{"TableName": d.Table, "Item": old.Item})
}

// tamper puts an audit record's item in the place of another.
func tamper(t *testing.T, l ledger.Ledger, project, instance string, seq int64, a *ledger.AuditRecord) {
	t.Helper()
	d := l.(*dynamodb.Ledger)
	type attributes = map[string]map[string]string
	item := attributes{"pk": {"S": fmt.Sprintf("a#%s/%s#%d", project, instance, seq)}}
	if a == nil {
		directly(t, d, "DeleteItem", map[string]any{"TableName": d.Table, "Key": item})
		return
	}
	rec, err := ledger.Encode(a)
	require.NoError(t, err)
	item["f"], item["rec"] = map[string]string{"N": "1"}, map[string]string{"S": string(rec)}
	directly(t, d, "PutItem", map[string]any{"TableName": d.Table, "Item": item})
}

func (b backend) harness(through http.RoundTripper) ledgertest.Harness {
	return ledgertest.Harness{
		Open:  func(t *testing.T) ledger.Ledger { return b.open(t, through) },
		Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) { age(t, l, "d#"+key.Digest()) },
		NewerInstance: func(t *testing.T, l ledger.Ledger, project, instance string) {
			age(t, l, "i#"+project+"/"+instance)
		},
		Tamper: tamper,
	}
}

// trip is what goes between the ledger and DynamoDB.
type trip struct {
	way   http.RoundTripper
	mu    sync.Mutex
	calls []string
	// lose, if it returns true, loses the answer to a request.
	lose func(operation string) bool
	// blind takes the items out of refusals, as emulators have done.
	blind bool
}

func (r *trip) RoundTrip(q *http.Request) (*http.Response, error) {
	_, operation, _ := bytes.Cut([]byte(q.Header.Get("X-Amz-Target")), []byte("."))
	r.mu.Lock()
	r.calls = append(r.calls, string(operation))
	lose := r.lose != nil && r.lose(string(operation))
	r.mu.Unlock()
	res, err := r.way.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	if lose {
		res.Body.Close()
		return nil, io.ErrUnexpectedEOF
	}
	if r.blind && res.StatusCode != http.StatusOK {
		var told map[string]any
		if err := json.NewDecoder(res.Body).Decode(&told); err != nil {
			return nil, err
		}
		delete(told, "Item")
		if reasons, ok := told["CancellationReasons"].([]any); ok {
			for _, reason := range reasons {
				delete(reason.(map[string]any), "Item")
			}
		}
		b, err := json.Marshal(told)
		if err != nil {
			return nil, err
		}
		res.Body = io.NopCloser(bytes.NewReader(b))
	}
	return res, nil
}

func (r *trip) taken() []string {
	defer func() { r.calls = nil }()
	return r.calls
}

func at(s int) time.Time { return time.Date(2026, 11, 22, 9, 0, s, 0, time.UTC) }

func ask(id string, order, now int) ledger.Claim {
	return ledger.Claim{
		Key: ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: id}, Content: "content of " + id,
		Project: "project", Instance: "instance", Slot: "slot", Order: at(order), Stored: json.RawMessage(`{}`),
		Nonce: fmt.Sprintf("nonce %s %d", id, now), Now: at(now), Lease: at(now + 90),
	}
}

var accepted = ledger.Outcome{Result: "accepted", At: at(5), JobID: "job", Effective: true, Events: []json.RawMessage{json.RawMessage(`{}`)}}

// A round trip costs more than all that a function computes: each is counted.
func TestRoundTrips(t *testing.T) { roundTrips(t, standIn()) }

func roundTrips(t *testing.T, of backend) {
	const transact, put, get, batch, query = "TransactWriteItems", "PutItem", "GetItem", "BatchGetItem", "Query"
	r := &trip{way: of.way}
	l := of.open(t, r)
	other := &dynamodb.Ledger{Client: l.Client, Table: l.Table} // another process
	ctx := t.Context()
	claims := func(l *dynamodb.Ledger, c ledger.Claim, want ledger.Verdict) {
		t.Helper()
		a, err := l.Claim(ctx, c)
		require.NoError(t, err)
		require.Equal(t, want, a.Verdict)
	}
	took := func(what string, want ...string) {
		t.Helper()
		got := r.taken()
		require.Equal(t, want, got, what)
		t.Logf("%-45s %d: %v", what, len(got), got)
	}
	r.taken()

	audited := func(o ledger.Outcome) ledger.Outcome {
		o.Audit = json.RawMessage(`{}`)
		return o
	}
	c := ask("a", 1, 0)
	c.Ticket = "CHG1"
	claims(l, c, ledger.New)
	require.NoError(t, l.Settle(ctx, c.Key, c.Nonce, audited(accepted)))
	took("new, the trail's end meanwhile, and settle", transact, get, transact)
	require.NoError(t, l.Mark(ctx, c.Key, c.Nonce, at(6), at(60)))
	took("mark", put)
	claims(other, ask("a", 1, 7), ledger.Done)
	took("repeat", transact)
	spent := ask("spent", 1, 7)
	spent.Ticket = c.Ticket
	claims(l, spent, ledger.Spent)
	took("spent", transact)
	require.NoError(t, other.Reject(ctx, spent, audited(ledger.Outcome{Result: "rejected", At: at(7)})))
	took("reject by a process that does not know the trail", transact, transact)

	claims(l, ask("old", 0, 7), ledger.Superseded)
	took("superseded", transact)
	require.NoError(t, l.Reject(ctx, ask("old", 0, 7), ledger.Outcome{Result: "rejected", At: at(7)}))
	took("reject", put)

	b := ask("b", 2, 8)
	claims(l, b, ledger.New)
	took("new on an instance that is known", transact)
	claims(other, ask("b", 2, 9), ledger.Held)
	took("held by itself", transact)
	claims(other, ask("c", 2, 9), ledger.Held)
	took("held by another", transact)
	require.NoError(t, other.Wait(ctx, ask("c", 2, 9), ledger.Wait{Due: at(20)}))
	took("wait", put)
	claims(l, c, ledger.Done)
	took("a late repeat of the claim", transact)
	require.NoError(t, l.Lapse(ctx, b.Key, b.Nonce, at(10), false, ledger.Note{}))
	took("lapse", transact)
	b = ask("b", 2, 11)
	claims(other, b, ledger.Resumed)
	took("resumed", transact, transact)
	require.NoError(t, l.Release(ctx, b.Key, b.Nonce, ledger.Wait{Due: at(30)}))
	took("release by a process with an older view", get, transact)
	claims(l, ask("c", 2, 12), ledger.New)
	took("taken up after waiting", transact, transact)
	err := (&dynamodb.Ledger{Client: l.Client, Table: l.Table}).Settle(ctx, ask("c", 2, 12).Key, ask("c", 2, 12).Nonce, ledger.Outcome{Result: "rejected", At: at(13)})
	require.NoError(t, err)
	took("settle by a process that did not claim", get, transact)
	require.ErrorIs(t, l.Settle(ctx, b.Key, b.Nonce, accepted), ledger.ErrLost)
	took("settle what is lost", get)

	_, err = l.Owners(ctx, "project", []string{"job", "another"})
	require.NoError(t, err)
	took("owners", batch)
	_, err = l.Instance(ctx, "project", "instance")
	require.NoError(t, err)
	took("instance", get)
	_, err = l.Due(ctx, at(1_000), 10)
	require.NoError(t, err)
	took("due", query, query, query, query, query, query, query, query, batch)
}

// Every write whose answer is lost once is done once, and answered as done.
func TestLostAnswers(t *testing.T) { lostAnswers(t, standIn()) }

func lostAnswers(t *testing.T, of backend) {
	r := &trip{way: of.way}
	l := of.open(t, r)
	l.Client.Sleep = func(context.Context, time.Duration) error { return nil }
	odd := false
	r.lose = func(string) bool { odd = !odd; return odd }
	c := ask("a", 1, 0)
	a, err := l.Claim(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, ledger.New, a.Verdict)
	require.Equal(t, 1, a.Record.Attempts)
	failed := ledger.Outcome{Result: "failed", At: at(5), Failed: true}
	require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, failed))
	require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, at(6), at(60)))
	d, err := l.Get(t.Context(), c.Key)
	require.NoError(t, err)
	require.Equal(t, 1, d.GaveUp)
	require.Equal(t, at(6), d.Emitted)
}

// Refusals that do not say what is there cost a reading, not an answer.
func refusalsWithoutItems(t *testing.T, of backend) {
	checks(t, troubleDrawn)
	ledgertest.Run(t, of.harness(&trip{way: of.way, blind: true}))
}

// An expired decision that DynamoDB has not deleted yet is answered; the time
// to delete it is there, and goes with a new attempt.
func TestExpiry(t *testing.T) { expiry(t, standIn()) }

func expiry(t *testing.T, of backend) {
	l := of.open(t, nil)
	ttlOf := func(pk string) string {
		t.Helper()
		var out struct{ Item map[string]struct{ N string } }
		key := map[string]any{"pk": map[string]string{"S": pk}}
		require.NoError(t, l.Client.Do(t.Context(), "GetItem", map[string]any{"TableName": l.Table, "Key": key, "ConsistentRead": true}, &out))
		return cmp.Or(out.Item["ttl"].N, "none")
	}
	ttl := func() string { return ttlOf("d#" + ask("a", 1, 0).Key.Digest()) }
	c := ask("a", 1, 0)
	_, err := l.Claim(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "failed", At: at(5), Failed: true}))
	require.Equal(t, "none", ttl(), "not before it is emitted")
	require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, at(6), at(60)))
	require.Equal(t, fmt.Sprint(at(61).Unix()), ttl())
	for id, until := range map[string]time.Time{"job 1": {}, "job 2": at(70)} {
		c := ask(id, 1, 0)
		c.Instance = "instance of " + id
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: at(5), JobID: id, JobExpire: until, Listed: true}))
	}
	require.Equal(t, "none", ttlOf("j#project/job 1"))
	require.Equal(t, fmt.Sprint(at(71).Unix()), ttlOf("j#project/job 2"))
	require.Equal(t, "none", ttlOf("j#project/"), "that the list shows jobs is remembered for good")
	_, err = l.Claim(t.Context(), ask("a", 1, 100))
	require.NoError(t, err)
	require.Equal(t, "none", ttl())
}
