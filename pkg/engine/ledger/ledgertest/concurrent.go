package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// RunConcurrent tests what callers at the same time can see.
func RunConcurrent(t *testing.T, h Harness) {
	for _, test := range concurrent {
		t.Run(test.name, func(t *testing.T) { test.run(begin(t, h)) })
	}
}

// callers is how many call at once.
const callers = 8

var concurrent = []test{
	{"of equal claims one is new", func(w *world) {
		w.race(ledger.New, func(int) ledger.Claim { return w.ask("a", 1, 2) })
	}},
	{"of claims on an instance one is new", func(w *world) {
		w.race(ledger.New, func(i int) ledger.Claim { return w.ask(fmt.Sprint(i), 1, 2) })
	}},
	{"a lapsed decision is resumed once", func(w *world) {
		w.get(w.ask("a", 1, 2), ledger.New)
		w.race(ledger.Resumed, func(int) ledger.Claim { return w.ask("a", 1, 100) })
	}},
	{"a failed decision is taken up once", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		w.race(ledger.New, func(int) ledger.Claim { return w.ask("a", 1, 100) })
	}},
	{"a job gets one owner", func(w *world) {
		var list []ledger.Claim
		for i := range callers {
			c := w.on(fmt.Sprint(i), 2)
			w.get(c, ledger.New)
			list = append(list, c)
		}
		errs := make([]error, callers)
		together(callers, func(i int) { errs[i] = w.Settle(w.ctx, list[i].Key, list[i].Nonce, accepted("job")) })
		n := 0
		for i, err := range errs {
			if err == nil {
				n++
				owners, err := w.Owners(w.ctx, project, []string{"job"})
				require.NoError(w, err)
				require.Equal(w, list[i].Key, owners["job"])
			} else {
				require.ErrorIs(w, err, ledger.ErrJobTaken)
			}
		}
		require.Equal(w, 1, n)
	}},
	{"of two events of one ticket one owns it, and the others find it spent", func(w *world) {
		w.race(ledger.New, func(i int) ledger.Claim { return w.with(fmt.Sprint(i), 1, 2) })
		owner := w.get(w.with("late", 1, 3), ledger.Held).Holder
		require.NoError(w, w.Settle(w.ctx, owner.Key, owner.Nonce, accepted("")))
		for i := range callers {
			if c := w.with(fmt.Sprint(i), 1, 4); c.Key != owner.Key {
				require.Equal(w, owner.Key, w.get(c, ledger.Spent).Owner)
			}
		}
	}},
	{"of claims of a ticket from several instances one owns it", func(w *world) {
		w.contend(func(i int) ledger.Claim {
			c := w.with(fmt.Sprint(i), 1, 2)
			c.Instance, c.Slot, c.Also = fmt.Sprint("instance", i), fmt.Sprint("slot", i), []string{"shared"}
			return c
		})
	}},
	{"what came to nothing is taken over by one, or taken up again", func(w *world) {
		c := w.with("0", 1, 2)
		c.Instance, c.Slot, c.Also = "instance0", "slot0", []string{"shared"}
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		w.contend(func(i int) ledger.Claim {
			c := w.with(fmt.Sprint(i), 1, 100)
			c.Instance, c.Slot, c.Also = fmt.Sprint("instance", i), fmt.Sprint("slot", i), []string{"shared"}
			return c
		})
	}},
	{"each of what is settled at once is on the trail", func(w *world) {
		c := w.ask("holder", 1, 2)
		w.get(c, ledger.New)
		errs := make([]error, callers)
		list := make([]ledger.Claim, callers)
		for i := range list {
			list[i] = w.ask(fmt.Sprint(i), 0, 3)
		}
		together(callers, func(i int) {
			w.patiently(func() (err error) {
				if i > 0 {
					err = w.Reject(w.ctx, list[i], audited(rejected(), `{}`))
				} else {
					err = w.Settle(w.ctx, c.Key, c.Nonce, audited(accepted(""), `{}`))
				}
				errs[i] = err
				return err
			})
		})
		require.NoError(w, errors.Join(errs...))
		require.Len(w, w.trail("instance"), callers)
		require.NoError(w, w.verify())
	}},
	{"what happens at once could have happened in some order", func(w *world) {
		const drawn = 60
		for i := range drawn {
			w.history(rand.New(rand.NewPCG(uint64(i), 1)), fmt.Sprint("project", i))
		}
		require.NoError(w, w.verify())
		of, _, _ := strings.Cut(w.Name(), "/")
		w.Logf("proved: histories, %s: %d, each linearisable", of, drawn)
	}},
}

// race makes claims at once: exactly one is answered so, the others are held by
// it or by nobody they can name.
func (w *world) race(v ledger.Verdict, claim func(int) ledger.Claim) {
	w.Helper()
	var list []ledger.Claim
	for i := range callers {
		list = append(list, claim(i))
	}
	answers, errs := make([]ledger.Claimed, callers), make([]error, callers)
	together(callers, func(i int) { answers[i], errs[i] = w.Claim(w.ctx, list[i]) })
	winner := -1
	for i, a := range answers {
		require.NoError(w, errs[i])
		if a.Verdict == v {
			require.Equal(w, -1, winner, "two have it")
			winner = i
		}
	}
	require.NotEqual(w, -1, winner, "nobody has it: %v", answers)
	for i, a := range answers {
		if i == winner {
			continue
		}
		require.Equal(w, ledger.Held, a.Verdict)
		if !busy(a) {
			require.Equal(w, list[winner].Nonce, a.Holder.Nonce)
			require.Equal(w, list[winner].Key, a.Holder.Key)
		}
	}
	require.Equal(w, list[winner].Nonce, w.stored(list[winner].Key).Nonce)
}

// contend makes claims of a ticket at once, each on an instance of its own: one
// has it, and the others are held by it or by nobody they can name.
func (w *world) contend(claim func(int) ledger.Claim) {
	w.Helper()
	var list []ledger.Claim
	for i := range callers {
		list = append(list, claim(i))
	}
	answers, errs := make([]ledger.Claimed, callers), make([]error, callers)
	together(callers, func(i int) { answers[i], errs[i] = w.Claim(w.ctx, list[i]) })
	require.NoError(w, errors.Join(errs...))
	owner := slices.IndexFunc(answers, func(a ledger.Claimed) bool { return a.Verdict == ledger.New })
	require.NotEqual(w, -1, owner, "nobody has it: %v", answers)
	for i, a := range answers {
		if i != owner {
			require.Equal(w, ledger.Held, a.Verdict, "two have it")
			require.True(w, busy(a) || a.Owner == list[owner].Key, "%v", a)
		}
	}
}

// patiently does again what a ledger that was too busy has left undone.
func (w *world) patiently(op func() error) {
	for err := op(); !known(err) && w.ctx.Err() == nil; err = op() {
	}
}

// busy: the ledger could not say by whom it is held.
func busy(a ledger.Claimed) bool { return a.Verdict == ledger.Held && a.Holder.Key == ledger.Key{} }

func together(n int, fn func(int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() { <-start; fn(i) })
	}
	close(start)
	wg.Wait()
}

// history lets four callers work on two decisions of one instance, and looks
// for an order in which the model gives the same answers, and which keeps what
// ended before what began later: it has to be linearisable. A write whose answer was
// lost is one by itself, for the ledger tries again on what others have done since.
func (w *world) history(r *rand.Rand, project string) {
	w.Helper()
	plans := make([][]op, 4)
	for i := range plans {
		c := w.ask(fmt.Sprint(r.IntN(2)), r.IntN(3), r.IntN(2)*200)
		c.Key.Source, c.Project = project, project
		if r.IntN(2) == 0 {
			c.Ticket = project
		}
		plans[i] = []op{{kind: "claim", claim: c}}
		next := op{claim: c, until: at(10), out: audited([]ledger.Outcome{accepted("job"), rejected(), failed(r.IntN(2) == 0)}[r.IntN(3)], `{}`)}
		next.kind = []string{"settle", "settle", "release", "lapse"}[r.IntN(4)]
		mark := op{kind: "mark", claim: c, until: at(20)}
		plans[i] = append(plans[i], next, mark)
	}
	var clock atomic.Int64
	calls := make([][]porcupine.Operation, len(plans))
	together(len(plans), func(i int) {
		for _, o := range plans[i] {
			c := porcupine.Operation{ClientId: i, Input: o, Call: clock.Add(1)}
			var lost atomic.Int64
			c.Output = o.on(context.WithValue(w.ctx, lostKey{}, &lost), w.Ledger)
			c.Return = clock.Add(1)
			calls[i] = append(calls[i], c)
			c.Output = answer{lost: true}
			calls[i] = append(calls[i], slices.Repeat([]porcupine.Operation{c}, int(lost.Load()))...)
		}
	})
	all := slices.Concat(calls...)
	var told strings.Builder
	for _, c := range all {
		a := c.Output.(answer)
		require.True(w, known(a.err), "%v", a.err)
		if a.lost {
			fmt.Fprintf(&told, "%d-%d %v: answer lost\n", c.Call, c.Return, c.Input)
			continue
		}
		fmt.Fprintf(&told, "%d-%d %v: %v %v\n", c.Call, c.Return, c.Input, a.claimed.Verdict, a.err)
	}
	require.True(w, porcupine.CheckOperations(inOrder, all), "no order explains\n%s", &told)
}

// lostKey is that of a count, in a context.
type lostKey struct{}

// Lost tells the history that an operation with this context belongs to that the
// answer to a write was lost. It was done, or not, whatever the operation answers
// in the end: what is tried again finds what others have done since.
func Lost(ctx context.Context) {
	if n, ok := ctx.Value(lostKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
}

// inOrder is the model of one caller after another. An answer that the ledger was
// too busy to give says nothing and changes nothing.
var inOrder = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{newModel()} },
	Step: func(state, in, out any) []any {
		next, got := state.(model).clone(), out.(answer)
		want := next.do(in.(op))
		switch {
		case got.lost:
			return []any{state, next}
		case busy(got.claimed):
			return []any{state}
		case same(want, got):
			return []any{next}
		}
		return nil
	},
	Equal: func(a, b any) bool { return reflect.DeepEqual(a, b) },
}).ToModel()

func same(want, got answer) bool {
	a, b := want.claimed, got.claimed
	return errors.Is(got.err, want.err) && a.Verdict == b.Verdict && a.Holder == b.Holder && a.Owner == b.Owner && a.Superseded == b.Superseded &&
		a.Record.Nonce == b.Record.Nonce && a.Record.State == b.Record.State && a.Record.Attempts == b.Record.Attempts
}
