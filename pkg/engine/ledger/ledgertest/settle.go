package ledgertest

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var settles = []test{
	{"outcome and events are kept as they are", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		o := accepted("job")
		o.By, o.Code = "operator@example.com", "none"
		w.settle(c, o, nil)
		require.Equal(w, ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Settled, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Since: at(2), Nonce: c.Nonce, Attempts: 1, Outcome: &o,
		}, w.stored(c.Key))
	}},
	{"large ones too", func(w *world) {
		c := w.ask("a", 1, 2)
		c.Stored = json.RawMessage(`"` + strings.Repeat("s", 210_000) + `"`)
		w.get(c, ledger.New)
		o := accepted("job")
		o.Events = []json.RawMessage{json.RawMessage(`"` + strings.Repeat("o", 210_000) + `"`)}
		w.settle(c, o, nil)
		require.Equal(w, &o, w.stored(c.Key).Outcome)
		w.mark(c, 9, nil)
		require.Equal(w, &o, w.get(w.ask("a", 1, 10), ledger.Done).Record.Outcome)
	}},
	{"what was too large to keep comes back with the claim", func(w *world) {
		c := w.ask("a", 1, 2)
		c.Stored = json.RawMessage(`"` + strings.Repeat("s", 210_000) + `"`)
		w.get(c, ledger.New)
		o := failed(false)
		o.Events = []json.RawMessage{json.RawMessage(`"` + strings.Repeat("o", 210_000) + `"`)}
		w.settle(c, o, nil)
		w.mark(c, 9, nil)
		c.Nonce, c.Now = w.nonce(), at(10)
		require.Equal(w, c.Stored, w.get(c, ledger.New).Record.Stored)
	}},
	{"the instance is free", func(w *world) {
		for _, o := range []ledger.Outcome{accepted(""), rejected(), failed(false), failed(true)} {
			c := w.ask(w.nonce(), 1, 2)
			w.get(c, ledger.New)
			w.settle(c, o, nil)
			w.free()
		}
	}},
	{"only a claimed decision is settled", func(w *world) {
		c := w.ask("a", 1, 2)
		w.settle(c, accepted("job"), ledger.ErrNotFound)
		w.get(c, ledger.New)
		stranger := w.ask("a", 1, 3)
		w.settle(stranger, accepted("job"), ledger.ErrLost)
		w.release(c, 4, nil)
		w.settle(c, accepted("job"), ledger.ErrLost)
		require.Equal(w, ledger.Waiting, w.stored(c.Key).State)
		w.wait(w.ask("b", 1, 2), 3, nil)
		w.settle(w.ask("b", 1, 2), accepted("job"), ledger.ErrLost)
		owners, err := w.Owners(w.ctx, project, []string{"job"})
		require.NoError(w, err)
		require.Empty(w, owners)
	}},
	{"the first outcome stands", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, accepted("job"), nil)
		w.settle(c, rejected(), nil) // the same nonce: taken for a repeat
		w.settle(w.ask("a", 1, 2), rejected(), ledger.ErrLost)
		require.Equal(w, "accepted", w.stored(c.Key).Outcome.Result)
	}},
	{"a late repeat does not free another's hold", func(w *world) {
		c := w.done("a", 1)
		d := w.ask("b", 2, 10)
		w.get(d, ledger.New)
		w.settle(c, accepted("job of a"), nil)
		w.holder(w.get(w.ask("c", 3, 11), ledger.Held), d, 100, false)
	}},
	{"a job is one decision's own", func(w *world) {
		w.done("a", 1)
		c := w.ask("b", 2, 2)
		w.get(c, ledger.New)
		before := w.stored(c.Key)
		w.settle(c, accepted("job of a"), ledger.ErrJobTaken)
		require.Equal(w, before, w.stored(c.Key), "nothing is written")
		w.holder(w.get(w.ask("c", 3, 3), ledger.Held), c, 92, false)

		w.settle(c, accepted("job of b"), nil)
		owners, err := w.Owners(w.ctx, project, []string{"job of a", "job of b", "job of nobody"})
		require.NoError(w, err)
		require.Equal(w, map[string]ledger.Key{"job of a": key("a"), "job of b": key("b")}, owners)
		owners, err = w.Owners(w.ctx, "another project", []string{"job of a"})
		require.NoError(w, err)
		require.Empty(w, owners)
	}},
	{"that the list of jobs shows ours is remembered for good", func(w *world) {
		none, err := w.Owners(w.ctx, project, []string{ledger.Listed})
		require.NoError(w, err)
		require.Empty(w, none)
		for i, id := range []string{"a", "b"} { // whoever comes later may say so too
			c := w.ask(id, 1+i, 2)
			o := rejected()
			o.Listed = true
			w.reject(c, o, nil)
			require.False(w, w.stored(c.Key).Outcome.Listed)
			w.mark(c, 9, nil)
		}
		w.mark(w.done("later", 3), 1_000_000_000, nil) // when those two have expired
		owners, err := w.Owners(w.ctx, project, []string{"job of a", ledger.Listed})
		require.NoError(w, err)
		require.Equal(w, map[string]ledger.Key{ledger.Listed: key("b")}, owners)
		owners, err = w.Owners(w.ctx, "another project", []string{ledger.Listed})
		require.NoError(w, err)
		require.Empty(w, owners)
	}},
	{"and may be so twice", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		o := failed(true)
		o.JobID = "job"
		w.settle(c, o, nil)
		w.mark(c, 9, nil)
		d := w.ask("a", 1, 10)
		w.get(d, ledger.Resumed)
		w.settle(d, accepted("job"), nil)
	}},
	{"the last job is the one that last became a decision's own", func(w *world) {
		last := func(instance string, want time.Time) {
			w.Helper()
			in, err := w.Instance(w.ctx, project, instance)
			require.NoError(w, err)
			require.Equal(w, want, in.LastJob)
		}
		last("instance", time.Time{})
		without := accepted("")
		without.At = at(9)
		for i, o := range []ledger.Outcome{accepted("job"), rejected(), without} {
			c := w.ask(w.nonce(), i, 2)
			w.get(c, ledger.New)
			w.settle(c, o, nil)
			last("instance", accepted("").At)
		}
		last("another", time.Time{})
	}},
	{"the tag value is the last one settled for the slot", func(w *world) {
		tag := func(slot, want string) {
			w.Helper()
			in, err := w.Instance(w.ctx, project, "instance")
			require.NoError(w, err)
			require.Equal(w, want, in.Tags[slot])
		}
		tag(slot, "")
		for i, value := range []string{"on", "", "Off", ""} {
			c := w.ask(w.nonce(), i, 2)
			w.get(c, ledger.New)
			o := accepted("")
			if value == "" {
				o = rejected()
			}
			o.Tag = value
			w.settle(c, o, nil)
		}
		tag(slot, "Off")
		late := w.ask("late", 5, 6)
		w.get(late, ledger.New)
		w.settle(late, failed(true), nil)
		w.mark(late, 7, nil)
		newer := w.ask("newer", 9, 10)
		w.get(newer, ledger.New)
		o := accepted("")
		o.Tag = "true"
		w.settle(newer, o, nil)
		late = w.ask("late", 5, 100)
		require.True(w, w.get(late, ledger.Resumed).Superseded)
		o.Tag = "on"
		w.settle(late, o, nil)
		tag(slot, "true")
		tag("another slot", "")
		in, err := w.Instance(w.ctx, project, "another")
		require.NoError(w, err)
		require.Empty(w, in.Tags)
	}},
}

var rejects = []test{
	{"an unknown decision is settled at once", func(w *world) {
		c, o := w.ask("a", 1, 2), rejected()
		w.reject(c, o, nil)
		require.Equal(w, ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Settled, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Nonce: c.Nonce, Outcome: &o,
		}, w.stored(c.Key))
		w.get(w.ask("a", 1, 3), ledger.Done)
		w.mark(c, 9, nil)
		require.Equal(w, at(9), w.stored(c.Key).Emitted)
	}},
	{"one that waits, keeping what it was", func(w *world) {
		c := w.ask("a", 1, 2)
		w.wait(c, 3, nil)
		d := w.ask("a", 5, 6)
		w.reject(d, rejected(), nil)
		got := w.stored(c.Key)
		require.Equal(w, at(2), got.First)
		require.Equal(w, at(1), got.Order)
		require.Zero(w, got.Due)
	}},
	{"one that failed, once that is emitted", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.reject(w.ask("a", 1, 9), rejected(), ledger.ErrLost)
		require.Equal(w, "failed", w.stored(c.Key).Outcome.Result)
		w.mark(c, 9, nil)
		w.reject(w.ask("a", 1, 10), rejected(), nil)
		got := w.stored(c.Key)
		require.Equal(w, "rejected", got.Outcome.Result)
		require.Zero(w, got.Emitted, "the new event is still to be published")
		require.Zero(w, got.Expire)
		require.Equal(w, 1, got.GaveUp)
	}},
	{"none in doubt, at work, settled or of another content", func(w *world) {
		doubt := w.ask("doubt", 1, 2)
		w.get(doubt, ledger.New)
		w.settle(doubt, failed(true), nil)
		w.mark(doubt, 9, nil)
		waits := w.ask("waits", 1, 2)
		w.wait(waits, 3, nil)
		w.done("done", 1)
		w.get(w.ask("works", 1, 10), ledger.New)
		for _, id := range []string{"doubt", "done", "works", "waits"} {
			before := w.stored(key(id))
			c := w.ask(id, 1, 11)
			if id == "waits" {
				c.Content = "another"
			}
			w.reject(c, rejected(), ledger.ErrLost)
			require.Equal(w, before, w.stored(key(id)))
		}
	}},
	{"nobody's hold is touched", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.reject(w.ask("b", 1, 2), rejected(), nil)
		w.holder(w.get(w.ask("c", 3, 3), ledger.Held), c, 92, false)
	}},
}

var letsGo = []test{
	{"release frees the instance and waits", func(w *world) {
		c := w.ask("a", 1, 2)
		before := w.get(c, ledger.New).Record
		w.release(c, 30, nil)
		before.State, before.Due, before.Last, before.Pursued = ledger.Waiting, at(30), note("waits"), at(7)
		require.Equal(w, before, w.stored(c.Key))
		w.free()
	}},
	{"what was released is new again", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.release(c, 30, nil)
		d := w.ask("a", 5, 6)
		got := w.get(d, ledger.New).Record
		require.Equal(w, []any{at(2), at(1), at(6), 2}, []any{got.First, got.Order, got.Since, got.Attempts})
		w.release(c, 31, ledger.ErrLost)
		require.Equal(w, d.Nonce, w.stored(c.Key).Nonce)
	}},
	{"only a claimed decision is released or lapses", func(w *world) {
		c := w.ask("a", 1, 2)
		w.release(c, 3, ledger.ErrNotFound)
		w.lapse(c, 3, false, ledger.ErrNotFound)
		c = w.done("b", 1)
		w.release(c, 3, ledger.ErrLost)
		w.lapse(c, 3, false, ledger.ErrLost)
		require.Equal(w, ledger.Settled, w.stored(c.Key).State)
	}},
	{"a lapse keeps hold, first claim and doubt", func(w *world) {
		c := w.ask("a", 1, 2)
		want := w.get(c, ledger.New).Record
		w.lapse(c, 40, true, nil)
		want.Due, want.Quiet, want.Doubt, want.Known, want.Last = at(40), true, true, true, note("lapsed")
		want.Pursued = at(7)
		require.Equal(w, want, w.stored(c.Key))
		w.holder(w.get(w.ask("b", 3, 1_000), ledger.Held), c, 40, true)
		w.holder(w.get(w.ask("a", 1, 40), ledger.Held), c, 40, true)

		d := w.ask("a", 1, 41)
		got := w.get(d, ledger.Resumed).Record
		require.Equal(w, []any{at(2), at(2), true, false, 2}, []any{got.First, got.Since, got.Known, got.Quiet, got.Attempts})
		w.holder(w.get(w.ask("b", 3, 42), ledger.Held), d, 131, false)
		w.lapse(d, 50, false, nil)
		require.True(w, w.stored(c.Key).Known, "once told, it stays")
	}},
	{"who lapsed can still settle until it is resumed", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.lapse(c, 40, false, nil)
		w.settle(c, accepted("job"), nil)
		got := w.stored(c.Key)
		require.Equal(w, []any{false, false}, []any{got.Doubt, got.Quiet})
		w.free()
	}},
	{"a decision in doubt that is released stays in doubt", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		d := w.ask("a", 1, 93)
		w.get(d, ledger.Resumed)
		w.release(d, 94, nil)
		w.reject(w.ask("a", 1, 95), rejected(), ledger.ErrLost)
		w.get(w.ask("a", 1, 95), ledger.Resumed)
	}},
	{"unless it is known that no call had an effect", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.lapse(c, 40, true, nil)
		d := w.ask("a", 1, 41)
		w.get(d, ledger.Resumed)
		absent := wait(42)
		absent.Absent = true
		w.do(nil, func() error { return w.Release(w.ctx, d.Key, d.Nonce, absent) })
		got := w.stored(c.Key)
		require.Equal(w, []any{ledger.Waiting, false, false, at(2)}, []any{got.State, got.Doubt, got.Known, got.Since})
		got = w.get(w.ask("a", 1, 95), ledger.New).Record
		require.Equal(w, at(95), got.Since)
	}},
	{"wait notes what could not be claimed", func(w *world) {
		c := w.ask("a", 1, 2)
		w.wait(c, 30, nil)
		want := ledger.Record{
			Format: ledger.Format, Key: c.Key, State: ledger.Waiting, Content: c.Content, Stored: c.Stored,
			Project: c.Project, Instance: c.Instance, Slot: c.Slot, Order: at(1),
			First: at(2), Pursued: at(7), Due: at(30), Last: note("waits"),
		}
		require.Equal(w, want, w.stored(c.Key))
		w.free()
		w.wait(w.ask("a", 5, 6), 20, nil)
		want.Due = at(20)
		require.Equal(w, want, w.stored(c.Key), "only when it is due is new")
		got := w.get(w.ask("a", 5, 7), ledger.New).Record
		require.Equal(w, []any{at(2), at(1), at(7), 1}, []any{got.First, got.Order, got.Since, got.Attempts})
	}},
	{"what failed, and has said so, waits to be taken up again", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.lapse(c, 40, false, nil)
		w.settle(c, failed(false), nil)
		w.wait(w.ask("a", 1, 8), 30, nil)
		require.Equal(w, ledger.Settled, w.stored(c.Key).State, "it has not said so yet")
		w.mark(c, 9, nil)
		again := note("held")
		again.At = at(50)
		w.do(nil, func() error {
			return w.Wait(w.ctx, w.ask("a", 1, 50), ledger.Wait{Due: at(60), Last: again})
		})
		got := w.stored(c.Key)
		require.Equal(w, []any{ledger.Waiting, at(60), at(50), 1}, []any{got.State, got.Due, got.Pursued, got.GaveUp})
		require.Nil(w, got.Outcome)
		require.Zero(w, got.Emitted)
		w.get(w.ask("a", 1, 61), ledger.New)
	}},
	{"how long it is pursued counts from the first time that it was put off", func(w *world) {
		pursued := func(c ledger.Claim, want time.Time) {
			w.Helper()
			require.Equal(w, want, w.stored(c.Key).Pursued)
		}
		put := func(c ledger.Claim, second int, patient bool) {
			w.Helper()
			n := note("waits")
			n.At, n.Patient = at(second), patient
			w.do(nil, func() error { return w.Release(w.ctx, c.Key, c.Nonce, ledger.Wait{Due: at(second), Last: n}) })
		}
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		put(c, 3, true)
		pursued(c, time.Time{})
		for _, second := range []int{10, 20} {
			c = w.ask("a", 1, second)
			w.get(c, ledger.New)
			put(c, second, false)
			pursued(c, at(10))
		}
		c = w.ask("a", 1, 30)
		w.get(c, ledger.New)
		put(c, 30, true)
		pursued(c, time.Time{})
		c = w.ask("a", 1, 40)
		w.get(c, ledger.New)
		put(c, 40, false)
		pursued(c, at(40))
		c = w.ask("a", 1, 50)
		w.get(c, ledger.New)
		w.settle(c, failed(false), nil)
		w.mark(c, 51, nil)
		c = w.ask("a", 1, 60)
		require.Zero(w, w.get(c, ledger.New).Record.Pursued, "taken up anew")
	}},
	{"wait leaves alone what is at work, settled or of another content", func(w *world) {
		waits := w.ask("waits", 1, 2)
		w.wait(waits, 3, nil)
		w.done("done", 1)
		gone := w.ask("failed", 1, 2)
		w.get(gone, ledger.New)
		w.settle(gone, failed(true), nil)
		w.mark(gone, 9, nil)
		w.get(w.ask("works", 1, 10), ledger.New)
		for _, id := range []string{"done", "works", "failed", "waits"} {
			before := w.stored(key(id))
			c := w.ask(id, 1, 11)
			if id == "waits" {
				c.Content = "another"
			}
			w.wait(c, 12, nil)
			require.Equal(w, before, w.stored(key(id)))
		}
	}},
}

var marks = []test{
	{"the first mark stands", func(w *world) {
		c := w.done("a", 1)
		want := w.stored(c.Key)
		w.mark(c, 9, nil)
		w.mark(c, 10, nil)
		want.Emitted, want.Expire = at(9), at(1_000_009)
		require.Equal(w, want, w.stored(c.Key))
	}},
	{"only who settled it marks it", func(w *world) {
		c := w.ask("a", 1, 2)
		w.mark(c, 3, ledger.ErrNotFound)
		w.get(c, ledger.New)
		w.mark(c, 3, nil)
		require.Zero(w, w.stored(c.Key).Emitted)
		w.settle(c, failed(false), nil)
		w.mark(c, 9, nil)
		d := w.ask("a", 1, 10)
		w.get(d, ledger.New)
		w.mark(c, 10, nil)
		w.settle(d, failed(false), nil)
		w.mark(c, 11, nil) // a slow old one must not hide the newer event
		require.Zero(w, w.stored(c.Key).Emitted)
		w.mark(d, 12, nil)
		require.Equal(w, at(12), w.stored(c.Key).Emitted)
	}},
}
