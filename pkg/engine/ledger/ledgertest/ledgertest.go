// Package ledgertest is the suite that every ledger passes: each rule of
// [ledger.Ledger] as a named test, random operations compared with a
// sequential model, and concurrent ones for which that model must have an
// order.
//
// A ledger of one's own, which is best made by [ledger.On] a [ledger.Store],
// passes it so:
//
//	func TestLedger(t *testing.T) {
//		h := ledgertest.Harness{
//			Open: func(t *testing.T) ledger.Ledger { return ledger.On(openStore(t)) },
//			Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) {
//				// UPDATE decisions SET record = jsonb_set(record, '{format}', '99') WHERE …
//			},
//			NewerInstance: …,
//		}
//		ledgertest.Run(t, h)
//		ledgertest.RunConcurrent(t, h)
//	}
package ledgertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Harness opens ledgers of one kind.
type Harness struct {
	// Open opens an empty ledger, and closes it when the test ends.
	Open func(t *testing.T) ledger.Ledger
	// Newer makes the record of a decision one that a later version wrote: of a
	// format past [ledger.Format].
	Newer func(t *testing.T, l ledger.Ledger, key ledger.Key)
	// NewerInstance does the same to the record of an instance.
	NewerInstance func(t *testing.T, l ledger.Ledger, project, instance string)
	// Tamper puts an audit record in the place of the one with the number seq on
	// the instance's trail, or takes that away if a is nil. The head stays.
	Tamper func(t *testing.T, l ledger.Ledger, project, instance string, seq int64, a *ledger.AuditRecord)
}

// Run tests everything that one caller at a time can see.
func Run(t *testing.T, h Harness) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"Claim", claims}, {"Order", orders}, {"Again", again}, {"Settle", settles},
		{"Reject", rejects}, {"LetGo", letsGo}, {"Mark", marks}, {"Read", reads},
		{"Ticket", tickets}, {"Audit", audits}, {"Arrive", arrivals},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, test := range g.tests {
				t.Run(test.name, func(t *testing.T) { test.run(begin(t, h)) })
			}
		})
	}
	t.Run("Random", func(t *testing.T) { random(t, h) })
}

type test struct {
	name string
	run  func(*world)
}

// world is one ledger under test, and shorthands for its use. What it does to
// the ledger, it does twice: the second time must answer as the first.
type world struct {
	*testing.T
	ledger.Ledger
	Harness
	ctx    context.Context
	nonces int
}

func begin(t *testing.T, h Harness) *world {
	return &world{T: t, Ledger: h.Open(t), Harness: h, ctx: t.Context()}
}

// at is a time of the tests' own day.
func at(seconds int) time.Time {
	return time.Date(2026, 11, 22, 9, 0, 0, 123456789, time.UTC).Add(time.Duration(seconds) * time.Second)
}

func (w *world) nonce() string {
	w.nonces++
	return fmt.Sprintf("nonce-%d", w.nonces)
}

const (
	project = "056538411200d4cd2f79c003c7606412"
	slot    = "proxy-ssl/2ec617ba62da4eafb921b69438beed3cpo01"
)

func key(id string) ledger.Key {
	return ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com/changes", ID: id}
}

// ask is a claim for the decision id, made at the time of the same number as
// its order, with a lease of 90 seconds.
func (w *world) ask(id string, order, now int) ledger.Claim {
	return ledger.Claim{
		Key: key(id), Content: "content of " + id, Project: project, Instance: "instance", Slot: slot,
		Order: at(order), Stored: json.RawMessage(`{"id":"` + id + `","note":"<&>"}`),
		Nonce: w.nonce(), Now: at(now), Lease: at(now + 90),
	}
}

func (w *world) claim(c ledger.Claim) ledger.Claimed {
	w.Helper()
	first, err := w.Claim(w.ctx, c)
	require.NoError(w, err)
	second, err := w.Claim(w.ctx, c)
	require.NoError(w, err)
	require.Equal(w, first, second, "a claim whose answer was lost")
	return first
}

// get makes the claim and wants it answered with v.
func (w *world) get(c ledger.Claim, v ledger.Verdict) ledger.Claimed {
	w.Helper()
	a := w.claim(c)
	require.Equal(w, v, a.Verdict)
	if v == ledger.New || v == ledger.Resumed {
		require.Equal(w, a.Record, w.stored(c.Key), "what is answered is what is stored")
		require.Equal(w, c.Nonce, a.Record.Nonce)
	}
	return a
}

func (w *world) stored(k ledger.Key) ledger.Record {
	w.Helper()
	d, err := w.Get(w.ctx, k)
	require.NoError(w, err)
	return d
}

// do runs an operation twice; both times it must end with want.
func (w *world) do(want error, op func() error) {
	w.Helper()
	for range 2 {
		if err := op(); want == nil {
			require.NoError(w, err)
		} else {
			require.ErrorIs(w, err, want)
		}
	}
}

func (w *world) settle(c ledger.Claim, o ledger.Outcome, want error) {
	w.Helper()
	w.do(want, func() error { return w.Settle(w.ctx, c.Key, c.Nonce, o) })
}

func (w *world) reject(c ledger.Claim, o ledger.Outcome, want error) {
	w.Helper()
	w.do(want, func() error { return w.Reject(w.ctx, c, o) })
}

func (w *world) release(c ledger.Claim, due int, want error) {
	w.Helper()
	w.do(want, func() error { return w.Release(w.ctx, c.Key, c.Nonce, wait(due)) })
}

func (w *world) lapse(c ledger.Claim, until int, known bool, want error) {
	w.Helper()
	w.do(want, func() error { return w.Lapse(w.ctx, c.Key, c.Nonce, at(until), known, note("lapsed")) })
}

func (w *world) wait(c ledger.Claim, due int, want error) {
	w.Helper()
	w.do(want, func() error { return w.Wait(w.ctx, c, wait(due)) })
}

func (w *world) mark(c ledger.Claim, now int, want error) {
	w.Helper()
	w.do(want, func() error { return w.Mark(w.ctx, c.Key, c.Nonce, at(now), at(now+1_000_000)) })
}

func wait(due int) ledger.Wait { return ledger.Wait{Due: at(due), Last: note("waits")} }

func note(code string) ledger.Note { return ledger.Note{At: at(7), Code: code, Detail: "why"} }

func accepted(job string) ledger.Outcome {
	return ledger.Outcome{Result: "accepted", At: at(5), JobID: job, Effective: true,
		Events: []json.RawMessage{json.RawMessage(`{"id":"1","data":"<&> é"}`), json.RawMessage(`{"id":"2"}`)}}
}

func rejected() ledger.Outcome {
	return ledger.Outcome{Result: "rejected", Code: "cloud-refused", At: at(6), Events: []json.RawMessage{json.RawMessage(`{"id":"no"}`)}}
}

func failed(doubt bool) ledger.Outcome {
	return ledger.Outcome{Result: "failed", Code: "gave-up", At: at(8), Failed: true, Doubt: doubt,
		Events: []json.RawMessage{json.RawMessage(`{"id":"failed"}`)}}
}

// holder wants an answer to be Held by c until then.
func (w *world) holder(a ledger.Claimed, c ledger.Claim, until int, quiet bool) {
	w.Helper()
	require.Equal(w, ledger.Holder{Key: c.Key, Nonce: c.Nonce, Until: at(until), Quiet: quiet}, a.Holder)
}

func (w *world) absent(k ledger.Key) {
	w.Helper()
	_, err := w.Get(w.ctx, k)
	require.ErrorIs(w, err, ledger.ErrNotFound)
}

// free wants the instance to be held by nobody.
func (w *world) free() {
	w.Helper()
	c := w.ask("probe "+w.nonce(), 1_000, 1_000)
	w.get(c, ledger.New)
	w.release(c, 1, nil)
}

// known tells whether an error is one of a ledger's own.
func known(err error) bool {
	for _, e := range []error{ledger.ErrLost, ledger.ErrJobTaken, ledger.ErrNotFound, ledger.ErrNewer, ledger.ErrTrail} {
		if errors.Is(err, e) {
			return true
		}
	}
	return err == nil
}
