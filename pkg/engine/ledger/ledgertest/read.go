package ledgertest

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var reads = []test{
	{"nothing is there at first", func(w *world) {
		w.absent(key("a"))
		w.due(1_000_000, 10)
		owners, err := w.Owners(w.ctx, project, nil)
		require.NoError(w, err)
		require.Empty(w, owners)
		for range w.All(w.ctx) {
			w.Fatal("All lists something")
		}
	}},
	{"due lists what asks for work, soonest first", func(w *world) {
		lapsed := w.on("lapsed", 0) // lease ends at 90
		w.get(lapsed, ledger.New)
		quiet := w.on("quiet", 0)
		w.get(quiet, ledger.New)
		w.lapse(quiet, 50, false, nil)
		waits := w.on("waits", 0)
		w.wait(waits, 70, nil)
		released := w.on("released", 0)
		w.get(released, ledger.New)
		w.release(released, 60, nil)
		unemitted := w.on("unemitted", 0)
		w.get(unemitted, ledger.New)
		w.settle(unemitted, accepted(""), nil) // at 5
		w.reject(w.on("rejected", 0), rejected(), nil)
		emitted := w.on("emitted", 0)
		w.get(emitted, ledger.New)
		w.settle(emitted, accepted(""), nil)
		w.mark(emitted, 9, nil)

		all := []ledger.Due{
			{Key: key("unemitted"), At: at(5), Why: ledger.Unemitted},
			{Key: key("rejected"), At: at(6), Why: ledger.Unemitted},
			{Key: key("quiet"), At: at(50), Why: ledger.Lapsed},
			{Key: key("released"), At: at(60), Why: ledger.Waited},
			{Key: key("waits"), At: at(70), Why: ledger.Waited},
			{Key: key("lapsed"), At: at(90), Why: ledger.Lapsed},
		}
		w.due(4, 10)
		w.due(5, 10, all[:1]...)
		w.due(50, 10, all[:2]...) // a lease that ends now has not run out
		w.due(51, 10, all[:3]...)
		w.due(60, 10, all[:4]...)
		w.due(91, 10, all...)
		w.due(91, 2, all[:2]...)
		w.due(91, 0)

		again := w.on("quiet", 95)
		w.get(again, ledger.Resumed)
		w.due(100, 10, all[0], all[1], all[3], all[4], all[5])
		w.due(1_000, 10, all[0], all[1], all[3], all[4], all[5], ledger.Due{Key: key("quiet"), At: at(185), Why: ledger.Lapsed})
	}},
	{"due passes over what is not asked for", func(w *world) {
		for i := range 300 { // more than a page
			require.NoError(w, w.Wait(w.ctx, w.on(fmt.Sprint(i), 2), wait(3)))
		}
		w.reject(w.on("rejected", 0), rejected(), nil) // at 6
		passed := 0
		got, err := w.Due(w.ctx, at(10), 5, func(d ledger.Due) bool {
			if d.Why == ledger.Waited {
				passed++
			}
			return d.Why == ledger.Waited
		})
		require.NoError(w, err)
		require.Equal(w, []ledger.Due{{Key: key("rejected"), At: at(6), Why: ledger.Unemitted}}, got)
		require.GreaterOrEqual(w, passed, 300)
		got, err = w.Due(w.ctx, at(10), 5, func(d ledger.Due) bool { return d.Key.ID != "7" && d.Key.ID != "8" })
		require.NoError(w, err)
		require.Len(w, got, 2)
	}},
	{"an instance says who works on it and what is in effect", func(w *world) {
		of := func(instance string) ledger.Instance {
			in, err := w.Instance(w.ctx, project, instance)
			require.NoError(w, err)
			return in
		}
		require.Nil(w, of("instance").Hold)
		require.Empty(w, of("instance").Marks)
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		require.Equal(w, &ledger.Holder{Key: c.Key, Nonce: c.Nonce, Until: at(92)}, of("instance").Hold)
		require.Empty(w, of("instance").Marks)
		require.Nil(w, of("another").Hold)
		w.lapse(c, 50, false, nil)
		require.Equal(w, &ledger.Holder{Key: c.Key, Nonce: c.Nonce, Until: at(50), Quiet: true}, of("instance").Hold)
		c = w.ask("a", 1, 60)
		w.get(c, ledger.Resumed)
		w.settle(c, accepted("job"), nil)
		require.Nil(w, of("instance").Hold)
		require.Equal(w, map[string]time.Time{slot: at(1)}, of("instance").Marks)
		require.Empty(w, of("another").Marks)
	}},
	{"all lists every decision", func(w *world) {
		want := make(map[ledger.Key]ledger.Record)
		for i := range 300 { // more than a page
			c := w.on(fmt.Sprint(i), 2)
			require.NoError(w, w.Wait(w.ctx, c, wait(3)))
			want[c.Key] = w.stored(c.Key)
		}
		got := make(map[ledger.Key]ledger.Record)
		for d, err := range w.All(w.ctx) {
			require.NoError(w, err)
			got[d.Key] = d
			if d.Key.ID == "1" { // the ledger can be used meanwhile
				w.wait(w.on("1", 2), 3, nil)
			}
		}
		require.Equal(w, want, got)
		for range w.All(w.ctx) {
			break
		}
	}},
	{"all may leave out what does not hold a text", func(w *world) {
		for i := range 300 { // more than a page
			c := w.on(fmt.Sprint("event-", i), 2)
			c.Stored = json.RawMessage(fmt.Sprintf(`{"ticket":"CHG%d","of":"a\"b"}`, i%3))
			require.NoError(w, w.Wait(w.ctx, c, wait(3)))
		}
		found := func(texts ...string) int {
			n := 0
			for d, err := range w.All(w.ctx, texts...) {
				require.NoError(w, err)
				holds := func(text string) bool { return strings.Contains(string(d.Stored), text) || text == d.Key.ID }
				if !slices.ContainsFunc(texts, func(text string) bool { return !holds(text) }) {
					n++
				}
			}
			return n
		}
		require.Equal(w, 100, found("CHG1"))
		require.Equal(w, 1, found("CHG1", "event-1"))
		require.Equal(w, 0, found("CHG1", "event-2"))
		require.Equal(w, 300, found(`a\"b`), "what JSON may write otherwise leaves nothing out")
		require.Equal(w, 300, found(""))
	}},
	{"about an instance, what is on it is listed and nothing else of what has ended", func(w *world) {
		settle := func(id, instance string, order int) {
			c := w.ask(id, order, 2)
			c.Instance = instance
			w.get(c, ledger.New)
			o := accepted("job of " + id)
			o.Audit = json.RawMessage(`{}`)
			w.settle(c, o, nil)
			w.mark(c, 9, nil)
		}
		for i := range 150 { // more than a page
			settle(fmt.Sprint("here ", i), "instance", i)
		}
		settle("there", "another", 1)
		w.wait(w.on("waits there", 2), 3, nil)
		for i, then := range []func(ledger.Claim){
			func(c ledger.Claim) { w.wait(c, 3, nil) },
			func(c ledger.Claim) { w.get(c, ledger.New) },
		} {
			then(w.ask(fmt.Sprint("open ", i), 200, 2))
		}
		var read []ledger.Key
		found := make(map[ledger.Key]bool)
		for d, err := range ledger.About(w.ctx, &reading{w.Ledger, &read}, project, "instance") {
			require.NoError(w, err)
			require.Equal(w, "instance", d.Instance)
			require.False(w, found[d.Key], "listed twice")
			found[d.Key] = true
		}
		require.Len(w, found, 152)
		require.Len(w, read, 153, "and the one that waits elsewhere")
		require.NotContains(w, read, key("there"))
		for range ledger.About(w.ctx, w.Ledger, project, "nobody's") {
			w.Fatal("something is listed of nothing")
		}
	}},
	{"a newer version's decision is left alone", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.Newer(w.T, w.Ledger, c.Key)
		newer := func(op func() error) { w.Helper(); w.do(ledger.ErrNewer, op) }
		newer(func() error { _, err := w.Claim(w.ctx, w.ask("a", 1, 1_000)); return err })
		newer(func() error { _, err := w.Get(w.ctx, c.Key); return err })
		w.settle(c, accepted("job"), ledger.ErrNewer)
		w.reject(c, rejected(), ledger.ErrNewer)
		w.release(c, 3, ledger.ErrNewer)
		w.lapse(c, 3, false, ledger.ErrNewer)
		w.wait(c, 3, ledger.ErrNewer)
		w.mark(c, 3, ledger.ErrNewer)
		w.due(1_000, 10)
		n := 0
		for _, err := range w.All(w.ctx) {
			require.ErrorIs(w, err, ledger.ErrNewer)
			n++
		}
		require.Equal(w, 1, n)
	}},
	{"a newer version's instance is left alone", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.NewerInstance(w.T, w.Ledger, c.Project, c.Instance)
		for _, id := range []string{"a", "b"} {
			_, err := w.Claim(w.ctx, w.ask(id, 1, 1_000))
			require.ErrorIs(w, err, ledger.ErrNewer)
		}
		w.settle(c, accepted("job"), ledger.ErrNewer)
		w.release(c, 3, ledger.ErrNewer)
		w.lapse(c, 3, false, ledger.ErrNewer)
		_, err := w.Instance(w.ctx, c.Project, c.Instance)
		require.ErrorIs(w, err, ledger.ErrNewer)
	}},
	{"a halt is kept until it is lifted", func(w *world) {
		h, ok := w.Ledger.(ledger.Halter)
		if !ok {
			return // whoever works on it is halted otherwise
		}
		for _, halt := range []bool{false, true, false} {
			if halt {
				w.do(nil, func() error { return h.SetHalt(w.ctx, true) })
			} else {
				w.do(nil, func() error { return h.SetHalt(w.ctx, false) })
			}
			got, err := h.Halted(w.ctx)
			require.NoError(w, err)
			require.Equal(w, halt, got)
		}
		for range w.All(w.ctx) {
			w.Fatal("the halt is no decision")
		}
	}},
}

// on is a claim on an instance of the decision's own.
func (w *world) on(id string, now int) ledger.Claim {
	c := w.ask(id, 1, now)
	c.Instance = "instance of " + id
	return c
}

func (w *world) due(now, limit int, want ...ledger.Due) {
	w.Helper()
	got, err := w.Due(w.ctx, at(now), limit)
	require.NoError(w, err)
	require.Equal(w, len(want), len(got), "%v", got)
	for i := range want {
		require.Equal(w, want[i], got[i])
	}
}

// reading is a ledger that says which decisions are read, and is not read whole.
type reading struct {
	ledger.Ledger
	keys *[]ledger.Key
}

func (r *reading) Get(ctx context.Context, key ledger.Key) (ledger.Record, error) {
	*r.keys = append(*r.keys, key)
	return r.Ledger.Get(ctx, key)
}

func (r *reading) All(context.Context, ...string) iter.Seq2[ledger.Record, error] {
	panic("all is read")
}
