package ledgertest

import (
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var tickets = []test{
	{"its use can be read", func(w *world) {
		use := func(ticket string) ledger.Use {
			u, err := w.Use(w.ctx, ticket, slot)
			require.NoError(w, err)
			return u
		}
		c := w.with("a", 1, 2)
		require.Zero(w, use(c.Ticket))
		want := ledger.Use{Format: ledger.Format, Ticket: c.Ticket, Slot: slot, Owner: c.Key, State: ledger.UseOpen}
		w.get(c, ledger.New)
		require.Equal(w, want, use(c.Ticket))
		w.settle(c, failed(false), nil)
		want.State = ledger.UseVoid
		require.Equal(w, want, use(c.Ticket))
		c = w.with("b", 1, 3)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		want.Owner, want.State = c.Key, ledger.UseSpent
		require.Equal(w, want, use(c.Ticket))
		require.Zero(w, use(c.Ticket+"0"))
		other, err := w.Use(w.ctx, c.Ticket, slot+"0")
		require.NoError(w, err)
		require.Zero(w, other)
	}},
	{"another decision is held while the owner is at work", func(w *world) {
		c := w.with("a", 1, 2)
		require.Equal(w, c.Ticket, w.get(c, ledger.New).Record.Ticket)
		w.holder(w.get(w.with("b", 3, 4), ledger.Held), c, 92, false)
		w.get(w.with("b", 3, 100), ledger.Held)
		w.absent(key("b"))
	}},
	{"and while it waits", func(w *world) {
		for _, verdict := range []ledger.Verdict{ledger.New, ledger.Resumed} {
			c := w.with("a", 1, 2)
			w.get(c, ledger.New)
			if verdict == ledger.Resumed {
				c = w.with("a", 1, 100)
				w.get(c, ledger.Resumed)
			}
			w.release(c, 5, nil)
			b := w.with("b", 3, 6)
			require.Equal(w, ledger.Claimed{
				Verdict: ledger.Held, Holder: ledger.Holder{Key: c.Key, Until: b.Lease}, Owner: c.Key,
			}, w.get(b, ledger.Held))
			w.absent(b.Key)
			w.free()
		}
	}},
	{"it is spent by an effect and by a doubt", func(w *world) {
		for _, o := range []ledger.Outcome{accepted(""), failed(true)} {
			c := w.with("a "+o.Result, 1, 2)
			c.Ticket = "CHG of " + o.Result
			w.get(c, ledger.New)
			w.settle(c, o, nil)
			b := w.with("b "+o.Result, 3, 4)
			b.Ticket = c.Ticket
			require.Equal(w, ledger.Claimed{Verdict: ledger.Spent, Owner: c.Key}, w.get(b, ledger.Spent))
			w.wait(b, 5, nil)
			got := w.get(w.as(b, 6), ledger.Spent)
			require.Equal(w, w.stored(b.Key), got.Record)
			w.reject(w.as(b, 7), rejected(), nil)
			require.Empty(w, w.stored(b.Key).Ticket)
			b = w.with("c", 3, 8)
			b.Ticket = c.Ticket
			require.Equal(w, c.Key, w.get(b, ledger.Spent).Owner, "a rejection owns nothing")
		}
	}},
	{"what waits keeps its order, whatever it is said to be when the ticket is spent", func(w *world) {
		w.wait(w.with("b", 1, 2), 9, nil)
		c := w.with("a", 2, 3)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		w.get(w.with("b", 3, 10), ledger.Superseded)
	}},
	{"an end without effect leaves it to whoever comes next", func(w *world) {
		for _, o := range []ledger.Outcome{rejected(), failed(false)} {
			c := w.with("a "+o.Result, 1, 2)
			w.get(c, ledger.New)
			w.settle(c, o, nil)
			require.Empty(w, w.stored(c.Key).Ticket)
			b := w.with("b "+o.Result, 3, 10)
			require.Equal(w, b.Ticket, w.get(b, ledger.New).Record.Ticket)
			w.settle(b, rejected(), nil)
		}
	}},
	{"what failed must own it again", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)

		b := w.with("b", 3, 10)
		w.get(b, ledger.New)
		w.release(b, 30, nil)
		require.Equal(w, b.Key, w.get(w.with("a", 1, 11), ledger.Held).Owner)
		b = w.with("b", 3, 12)
		w.get(b, ledger.New)
		w.settle(b, failed(false), nil)
		w.mark(b, 13, nil)
		c = w.with("a", 1, 14)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		newer := w.with("b", 3, 15)
		require.Equal(w, c.Key, w.get(newer, ledger.Spent).Owner)
		w.reject(newer, rejected(), nil)
	}},
	{"what failed and waits owns nothing", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		w.wait(w.with("a", 1, 10), 20, nil)
		b := w.with("b", 3, 11)
		w.get(b, ledger.New)
		w.settle(b, accepted(""), nil)
		w.reject(w.with("a", 1, 12), rejected(), nil)
		w.get(w.with("c", 4, 13), ledger.Spent)
	}},
	{"what is in doubt keeps it, and may give it up", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(true), nil)
		w.mark(c, 9, nil)
		w.get(w.with("b", 3, 10), ledger.Spent)
		c = w.with("a", 1, 11)
		require.Equal(w, c.Ticket, w.get(c, ledger.Resumed).Record.Ticket)
		w.release(c, 20, nil)
		require.Equal(w, c.Key, w.get(w.with("b", 3, 12), ledger.Held).Owner, "it may end without effect")
		c = w.with("a", 1, 13)
		w.get(c, ledger.Resumed)
		w.settle(c, rejected(), nil)
		w.get(w.with("b", 3, 14), ledger.New)
	}},
	{"repeats stay repeats", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.get(w.with("a", 1, 3), ledger.Held)
		w.lapse(c, 40, false, nil)
		w.get(w.with("a", 1, 50), ledger.Resumed)
		c = w.with("a", 1, 1_000)
		w.get(c, ledger.Resumed)
		w.settle(c, accepted(""), nil)
		w.get(w.with("a", 1, 1_001), ledger.Done)
		other := w.with("a", 1, 1_002)
		other.Content = "another"
		w.get(other, ledger.Reused)
	}},
	{"a rejection of what waits gives it up", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.release(c, 5, nil)
		w.reject(w.with("a", 1, 6), rejected(), nil)
		w.get(w.with("b", 3, 7), ledger.New)
	}},
	{"one that never claimed owns nothing", func(w *world) {
		w.wait(w.with("a", 1, 2), 30, nil)
		w.reject(w.with("r", 1, 2), rejected(), nil)
		c := w.with("b", 3, 4)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
	}},
	{"another slot, another ticket and none are not concerned", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		slot, ticket, none := w.with("b", 3, 4), w.with("c", 3, 4), w.ask("d", 3, 4)
		slot.Slot, ticket.Ticket = "proxy-alt/other", "CHG2"
		for _, c := range []ledger.Claim{slot, ticket, none} {
			w.get(c, ledger.New)
			w.settle(c, rejected(), nil)
		}
		ab, a := w.with("e", 3, 4), w.with("f", 3, 4)
		ab.Ticket, ab.Slot = "x"+strings.Repeat("long", 1_000), "y"
		a.Ticket, a.Slot = "x", strings.Repeat("long", 1_000)+"y"
		for _, c := range []ledger.Claim{ab, a} {
			w.get(c, ledger.New)
			w.settle(c, accepted(""), nil)
		}
	}},
	{"superseded is said first, and spent before held", func(w *world) {
		c := w.with("a", 5, 6)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		w.get(w.with("old", 4, 7), ledger.Superseded)
		w.get(w.ask("now", 8, 9), ledger.New)
		w.get(w.with("b", 8, 9), ledger.Spent)
	}},
	{"further slots are owned with the first, or none is", func(w *world) {
		owner := w.with("a", 1, 2)
		owner.Instance, owner.Slot = "another", "second"
		w.get(owner, ledger.New)
		w.settle(owner, accepted(""), nil)

		root := w.with("b", 1, 3)
		root.Also = []string{"first", "second"}
		require.Equal(w, owner.Key, w.get(root, ledger.Spent).Owner)
		root.Also = []string{"first"}
		w.get(root, ledger.New)
		step := w.with("c", 1, 4)
		step.Instance, step.Slot = "third", "first"
		require.Equal(w, root.Key, w.get(step, ledger.Held).Owner)
		w.settle(root, accepted(""), nil)
		require.Equal(w, root.Key, w.get(w.as(step, 5), ledger.Spent).Owner)

		void := w.with("d", 1, 6)
		void.Ticket, void.Also = "CHG2", []string{"first"}
		w.get(void, ledger.New)
		w.settle(void, rejected(), nil)
		step = w.with("e", 1, 7)
		step.Ticket, step.Instance, step.Slot = "CHG2", "third", "first"
		w.get(step, ledger.New)
	}},
	{"it outlives the owner", func(w *world) {
		c := w.with("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, accepted(""), nil)
		require.NoError(w, w.Mark(w.ctx, c.Key, c.Nonce, at(3), at(4)))
		d := w.on("b", 30) // whose mark makes room in those ledgers that must
		w.get(d, ledger.New)
		w.settle(d, accepted(""), nil)
		w.mark(d, 1_000_000, nil)
		again := w.as(c, 1_000_001)
		got, err := w.Claim(w.ctx, again)
		require.NoError(w, err)
		if got.Verdict != ledger.Done { // it is not forgotten everywhere yet
			require.Equal(w, ledger.Claimed{Verdict: ledger.Spent, Owner: c.Key}, got)
			w.reject(again, rejected(), nil)
		}
		require.Equal(w, c.Key, w.get(w.with("c", 3, 1_000_002), ledger.Spent).Owner)
	}},
}

// with is a claim that spends a ticket.
func (w *world) with(id string, order, now int) ledger.Claim {
	c := w.ask(id, order, now)
	c.Ticket = "CHG1"
	return c
}

// as is a claim made again.
func (w *world) as(c ledger.Claim, now int) ledger.Claim {
	c.Nonce, c.Now, c.Lease = w.nonce(), at(now), at(now+90)
	return c
}
