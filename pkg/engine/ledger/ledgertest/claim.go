package ledgertest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var claims = []test{
	{"a decision is new once", func(w *world) {
		c := w.ask("a", 1, 2)
		a := w.get(c, ledger.New)
		require.Equal(w, ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Working, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Since: at(2), Nonce: c.Nonce, Due: at(92), Attempts: 1,
		}, a.Record)
	}},
	{"while it is worked on it holds itself", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.holder(w.get(w.ask("a", 1, 92), ledger.Held), c, 92, false)
		require.Equal(w, c.Nonce, w.stored(c.Key).Nonce)
	}},
	{"another decision on the instance is held", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		other := w.ask("b", 3, 4)
		other.Slot = "database-audit/other"
		w.holder(w.get(other, ledger.Held), c, 92, false)
		w.absent(other.Key)
	}},
	{"another instance is not held", func(w *world) {
		w.get(w.ask("a", 1, 2), ledger.New)
		for _, c := range []ledger.Claim{w.ask("b", 1, 2), w.ask("c", 1, 2)} {
			if c.Key.ID == "b" {
				c.Instance = "another"
			} else {
				c.Project = "another"
			}
			w.get(c, ledger.New)
		}
	}},
	{"a lapsed hold is resumed by its decision alone", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.holder(w.get(w.ask("b", 3, 1_000), ledger.Held), c, 92, false)

		d := w.ask("a", 50, 93)
		d.Stored = json.RawMessage(`{"other":"form"}`)
		a := w.get(d, ledger.Resumed)
		require.False(w, a.Superseded)
		want := w.stored(c.Key)
		require.Equal(w, ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Working, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Since: at(2), Nonce: d.Nonce, Due: at(183), Doubt: true, Attempts: 2,
		}, want)
		w.holder(w.get(w.ask("b", 3, 94), ledger.Held), d, 183, false)
	}},
	{"who was resumed has lost it", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		d := w.ask("a", 1, 93)
		w.get(d, ledger.Resumed)
		before := w.stored(c.Key)
		w.settle(c, accepted("job"), ledger.ErrLost)
		w.release(c, 1, ledger.ErrLost)
		w.lapse(c, 1, true, ledger.ErrLost)
		w.mark(c, 94, nil)
		require.Equal(w, before, w.stored(c.Key))
		w.holder(w.get(w.ask("b", 3, 94), ledger.Held), d, 183, false)
		w.settle(d, accepted("job"), nil)
	}},
	{"a settled decision is done", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, accepted("job"), nil)
		for _, now := range []int{6, 1_000} {
			a := w.get(w.ask("a", 1, now), ledger.Done)
			require.Equal(w, w.stored(c.Key), a.Record)
		}
		w.mark(c, 1_001, nil)
		w.get(w.ask("a", 1, 1_002), ledger.Done)
	}},
	{"another content is refused in every state", func(w *world) {
		c := w.ask("a", 1, 2)
		reused := func() {
			w.Helper()
			other := w.ask("a", 1, 1_000)
			other.Content = "another"
			require.Equal(w, w.stored(c.Key), w.get(other, ledger.Reused).Record)
		}
		w.wait(c, 3, nil)
		reused()
		w.get(c, ledger.New)
		reused()
		w.settle(c, failed(false), nil)
		reused()
		w.mark(c, 9, nil)
		reused()
	}},
	{"keys are told apart by all their parts", func(w *world) {
		keys := []ledger.Key{
			{Switch: "s", Source: "ab", ID: "c"}, {Switch: "s", Source: "a", ID: "bc"}, {Switch: "t", Source: "ab", ID: "c"},
			{Switch: "s", Source: "a#b", ID: "c\x00/é" + strings.Repeat("long", 1_000)},
		}
		for i, k := range keys {
			c := w.ask("", 1, 2)
			c.Key, c.Instance = k, string(rune('a'+i))
			w.get(c, ledger.New)
			require.Equal(w, k, w.stored(k).Key)
		}
	}},
	{"times are kept to the nanosecond, without zone or process clock", func(w *world) {
		c := w.ask("a", 1, 2)
		c.Order = time.Now().In(time.FixedZone("east", 3_600))
		a := w.get(c, ledger.New)
		require.True(w, c.Order.Equal(a.Record.Order))
		require.Equal(w, time.UTC, a.Record.Order.Location())
	}},
}

var orders = []test{
	{"an older decision is superseded by an effective one", func(w *world) {
		w.done("new", 10)
		old := w.ask("old", 9, 20)
		require.Equal(w, ledger.Claimed{Verdict: ledger.Superseded}, w.get(old, ledger.Superseded))
		w.absent(old.Key)
	}},
	{"a nanosecond is enough", func(w *world) {
		w.done("new", 10)
		old := w.ask("old", 10, 20)
		old.Order = old.Order.Add(-1)
		w.get(old, ledger.Superseded)
	}},
	{"equal orders do not supersede", func(w *world) {
		w.done("new", 10)
		w.get(w.ask("same", 10, 20), ledger.New)
	}},
	{"orders of other targets, instances and projects do not matter", func(w *world) {
		w.done("new", 10)
		slot, instance, project := w.ask("a", 9, 20), w.ask("b", 9, 20), w.ask("c", 9, 20)
		slot.Slot, instance.Instance, project.Project = "proxy-alt/other", "another", "another"
		for _, c := range []ledger.Claim{slot, instance, project} {
			w.get(c, ledger.New)
		}
	}},
	{"superseded is said before held", func(w *world) {
		w.done("new", 10)
		w.get(w.ask("now", 11, 20), ledger.New)
		w.get(w.ask("old", 9, 21), ledger.Superseded)
		w.get(w.ask("late", 10, 21), ledger.Held)
	}},
	{"what had no effect supersedes nothing", func(w *world) {
		for _, o := range []ledger.Outcome{rejected(), failed(false)} {
			c := w.ask("new "+o.Result, 10, 20)
			w.get(c, ledger.New)
			w.settle(c, o, nil)
		}
		w.reject(w.ask("rejected at once", 10, 20), rejected(), nil)
		w.get(w.ask("old", 9, 21), ledger.New)
	}},
	{"the order is that of the first time", func(w *world) {
		c := w.ask("old", 9, 1)
		w.wait(c, 3, nil)
		w.done("new", 10)
		a := w.get(w.ask("old", 11, 20), ledger.Superseded)
		require.Equal(w, w.stored(c.Key), a.Record)
		require.Equal(w, at(9), a.Record.Order)
	}},
	{"a mark never falls", func(w *world) {
		old := w.ask("old", 9, 1)
		w.get(old, ledger.New)
		w.settle(old, failed(true), nil)
		w.mark(old, 9, nil)
		w.done("new", 11)
		resumed := w.ask("old", 9, 20)
		require.True(w, w.get(resumed, ledger.Resumed).Superseded)
		w.settle(resumed, accepted("old's"), nil)
		w.get(w.ask("between", 10, 30), ledger.Superseded)
		w.get(w.ask("newest", 11, 30), ledger.New)
	}},
}

// done takes a decision through to an effective outcome.
func (w *world) done(id string, order int) ledger.Claim {
	w.Helper()
	c := w.ask(id, order, order)
	w.get(c, ledger.New)
	w.settle(c, accepted("job of "+id), nil)
	return c
}

var again = []test{
	{"a failed decision is done until that is emitted", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.get(w.ask("a", 1, 9), ledger.Done)
		w.mark(c, 9, nil)
		w.get(w.ask("a", 1, 10), ledger.New)
	}},
	{"then it is new again, with what it was", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		d := w.ask("a", 5, 1_000)
		require.Equal(w, ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Working, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Since: at(1_000), Nonce: d.Nonce, Due: at(1_090), Attempts: 2, GaveUp: 1,
		}, w.get(d, ledger.New).Record)
		w.settle(d, failed(false), nil)
		require.Equal(w, 2, w.stored(c.Key).GaveUp)
	}},
	{"in doubt it is resumed", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(true), nil)
		require.True(w, w.stored(c.Key).Doubt)
		w.mark(c, 9, nil)
		a := w.get(w.ask("a", 5, 1_000), ledger.Resumed)
		require.True(w, a.Record.Doubt)
		require.Equal(w, at(1_000), a.Record.Since)
		require.Equal(w, []ledger.Span{{From: at(2), To: at(8)}}, a.Record.Earlier)
		require.False(w, a.Superseded)
	}},
	{"the end of doubt is kept too", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		d := w.ask("a", 1, 93)
		w.get(d, ledger.Resumed)
		w.settle(d, failed(false), nil)
		w.mark(d, 94, nil)
		w.get(w.ask("a", 1, 95), ledger.New)
	}},
	{"in doubt it is resumed though superseded, and says so", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(true), nil)
		w.mark(c, 9, nil)
		w.done("new", 10)
		d := w.ask("a", 1, 20)
		require.True(w, w.get(d, ledger.Resumed).Superseded)
		// and after a lapse still
		require.True(w, w.get(w.ask("a", 1, 111), ledger.Resumed).Superseded)
	}},
	{"without doubt it can be superseded", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		w.done("new", 10)
		require.Equal(w, w.stored(c.Key), w.get(w.ask("a", 1, 20), ledger.Superseded).Record)
	}},
	{"it needs a free instance", func(w *world) {
		for _, doubt := range []bool{false, true} {
			c := w.ask("a", 1, 2)
			if doubt {
				c = w.ask("b", 1, 2)
			}
			w.get(c, ledger.New)
			w.settle(c, failed(doubt), nil)
			w.mark(c, 9, nil)
			holder := w.ask("holder", 10, 10)
			w.get(holder, ledger.New)
			a := w.get(w.ask(c.Key.ID, 1, 20), ledger.Held)
			w.holder(a, holder, 100, false)
			require.Equal(w, w.stored(c.Key), a.Record)
			w.release(holder, 1, nil)
		}
	}},
	{"taken up again it does not expire", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		require.NoError(w, w.Mark(w.ctx, c.Key, c.Nonce, at(9), at(20)))
		w.get(w.ask("a", 1, 10), ledger.New)
		// a mark much later, which makes room in those ledgers that must
		d := w.ask("b", 1, 30)
		d.Instance = "another"
		w.get(d, ledger.New)
		w.settle(d, accepted(""), nil)
		w.mark(d, 1_000_000, nil)
		require.Equal(w, ledger.Working, w.stored(c.Key).State)
	}},
}
