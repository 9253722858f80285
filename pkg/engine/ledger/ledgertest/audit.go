package ledgertest

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var audits = []test{
	{"each settled decision adds a record that names the one before", func(w *world) {
		require.Empty(w, w.trail("instance"))
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		o := audited(accepted("job"), `{"asked": "by <me> & é"}`)
		w.settle(c, o, nil)
		require.Nil(w, w.stored(c.Key).Outcome.Audit, "it is kept once")
		old := w.ask("b", 0, 3)
		w.get(old, ledger.Superseded)
		w.reject(old, audited(rejected(), `{}`), nil)

		got := w.trail("instance")
		require.Len(w, got, 2)
		require.Equal(w, ledger.AuditRecord{
			Format: 1, Project: project, Instance: "instance", Seq: 1, At: at(5), Key: c.Key,
			Body: json.RawMessage(`{"asked":"by <me> & é"}`), Prev: ledger.NoHash, Hash: got[0].Hash,
		}, got[0])
		require.Equal(w, []any{int64(2), old.Key, got[0].Hash}, []any{got[1].Seq, got[1].Key, got[1].Prev})
		in, err := w.Instance(w.ctx, project, "instance")
		require.NoError(w, err)
		require.Equal(w, ledger.Head{Seq: 2, Hash: got[1].Hash}, in.Head)
		require.Empty(w, w.trail("another"))
		require.NoError(w, w.verify())
		require.Equal(w, got[1:], w.from("instance", 2))
	}},
	{"an outcome that says nothing adds nothing", func(w *world) {
		w.done("a", 1)
		w.reject(w.ask("b", 0, 3), rejected(), nil)
		require.Empty(w, w.trail("instance"))
		require.NoError(w, w.verify())
	}},
	{"what is refused adds nothing", func(w *world) {
		c := w.ask("a", 1, 2)
		w.settle(c, audited(accepted("job"), `{}`), ledger.ErrNotFound)
		w.get(c, ledger.New)
		w.settle(w.ask("a", 1, 3), audited(accepted("job"), `{}`), ledger.ErrLost)
		w.reject(w.ask("a", 1, 3), audited(rejected(), `{}`), ledger.ErrLost)
		require.Error(w, w.Settle(w.ctx, c.Key, c.Nonce, audited(accepted("job"), `{`)))
		require.Equal(w, ledger.Working, w.stored(c.Key).State)
		require.Empty(w, w.trail("instance"))
	}},
	{"a holder settles though others were rejected meanwhile", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		for i := range 3 {
			w.reject(w.ask(fmt.Sprint("r", i), 0, 3), audited(rejected(), `{}`), nil)
		}
		w.holder(w.get(w.ask("b", 3, 4), ledger.Held), c, 92, false)
		w.settle(c, audited(accepted(""), `{}`), nil)
		require.Len(w, w.trail("instance"), 4)
		require.NoError(w, w.verify())
		w.free()
	}},
	{"of what is too large the hash is kept", func(w *world) {
		c := w.ask("a", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, audited(accepted(""), `"`+strings.Repeat("l", 200_000)+`"`), nil)
		require.Regexp(w, `^\{"left_out":\{"bytes":200002,"sha256":"[0-9a-f]{64}"\}\}$`, string(w.trail("instance")[0].Body))
		require.NoError(w, w.verify())
	}},
	{"a newer version's instance is not added to", func(w *world) {
		w.get(w.ask("a", 1, 2), ledger.New)
		w.NewerInstance(w.T, w.Ledger, project, "instance")
		w.reject(w.ask("b", 0, 3), audited(rejected(), `{}`), ledger.ErrNewer)
		require.ErrorIs(w, w.verify(), ledger.ErrNewer)
	}},
	{"records outlive their decisions", func(w *world) {
		w.write("instance", 3)
		for i := range 3 {
			c := w.on(fmt.Sprint("i", i), 30) // whose mark makes room in those ledgers that must
			w.get(c, ledger.New)
			w.settle(c, accepted(""), nil)
			w.mark(c, 3_000_000, nil)
		}
		require.Len(w, w.trail("instance"), 3)
	}},
	{"long trails and many instances are read in parts", func(w *world) {
		w.write("long", 260)
		for i := range 130 {
			w.write(fmt.Sprint("i", i), 1)
		}
		records, trails := 0, 0
		for l, err := range ledger.Export(w.ctx, w.Ledger, time.Time{}) {
			require.NoError(w, err)
			if l.Record != nil {
				records++
			}
			if l.Trail != nil {
				trails++
			}
		}
		require.Equal(w, []int{390, 131}, []int{records, trails})
		require.NoError(w, w.verify())
		for range w.Trail(w.ctx, project, "long", 1) {
			break
		}
		for range w.Instances(w.ctx) {
			break
		}
	}},
	{"an export since a time begins with the first record then", func(w *world) {
		w.write("instance", 5) // at 0 to 4
		w.write("old", 2)
		var got []int64
		afters := make(map[string]int64)
		export := ledger.Export(w.ctx, w.Ledger, at(3))
		for l, err := range export {
			require.NoError(w, err)
			if l.Record != nil {
				require.Equal(w, "instance", l.Record.Instance)
				got = append(got, l.Record.Seq)
			}
			if l.Trail != nil {
				afters[l.Trail.Instance] = l.Trail.After.Seq
			}
		}
		require.Equal(w, []int64{4, 5}, got)
		require.Equal(w, map[string]int64{"instance": 3, "old": 2}, afters)
		require.NoError(w, ledger.VerifyAudit(export))
	}},
	{"what goes on while it is exported is left for the next time", func(w *world) {
		w.write("instance", 3)
		n := 0
		require.NoError(w, ledger.VerifyAudit(func(yield func(ledger.AuditLine, error) bool) {
			for l, err := range ledger.Export(w.ctx, w.Ledger, time.Time{}) {
				if l.Trail != nil {
					w.reject(w.ask("meanwhile", 0, 3), audited(rejected(), `{}`), nil)
				}
				if l.Record != nil {
					n++
				}
				if !yield(l, err) {
					return
				}
			}
		}))
		require.Equal(w, 3, n)
		require.NoError(w, w.verify())
	}},
	{"a record where the next belongs is not written over", func(w *world) {
		w.write("instance", 2)
		a := w.trail("instance")[1]
		a.Seq = 3
		w.Tamper(w.T, w.Ledger, project, "instance", 3, &a)
		c := w.ask("c", 1, 2)
		w.get(c, ledger.New)
		w.settle(c, audited(accepted(""), `{}`), ledger.ErrTrail)
		require.Equal(w, ledger.Working, w.stored(c.Key).State)
		w.Tamper(w.T, w.Ledger, project, "instance", 3, nil)
		w.settle(c, audited(accepted(""), `{}`), nil)
		require.NoError(w, w.verify())
	}},
	{"any one record that is altered, removed or inserted is found", func(w *world) {
		const n, instance = 4, "instance"
		w.write(instance, n)
		w.write("another", n)
		right := w.trail(instance)
		rapid.Check(w.T, func(rt *rapid.T) {
			put := func(seq int64, a *ledger.AuditRecord) { w.Tamper(w.T, w.Ledger, project, instance, seq, a) }
			seq := rapid.Int64Range(1, n).Draw(rt, "seq")
			a := right[seq-1]
			least := seq
			switch rapid.SampledFrom([]string{"alter", "remove", "insert", "append", "swap"}).Draw(rt, "how") {
			case "alter":
				alter(rt, &a)
				put(seq, &a)
			case "remove":
				put(seq, nil)
			case "insert": // the others move on
				for i := n; i >= int(seq); i-- {
					b := right[i-1]
					b.Seq += rapid.Int64Range(0, 1).Draw(rt, "renumbered")
					put(int64(i+1), &b)
				}
				put(seq, &a)
			case "append":
				a.Seq, least = n+1, n+1
				put(n+1, &a)
			case "swap":
				other := rapid.Int64Range(1, n).Filter(func(i int64) bool { return i != seq }).Draw(rt, "other")
				b := right[other-1]
				a.Seq, b.Seq, least = other, seq, min(seq, other)
				put(seq, &b)
				put(other, &a)
			}
			var wrong *ledger.AuditError
			require.ErrorAs(rt, w.verify(), &wrong)
			require.Equal(rt, instance, wrong.Instance)
			require.GreaterOrEqual(rt, wrong.Seq, least)
			require.LessOrEqual(rt, wrong.Seq, least+1, wrong.Error())
			put(n+1, nil)
			for i, a := range right {
				put(int64(i+1), &a)
			}
			require.NoError(rt, w.verify())
		})
	}},
}

// alter changes any one member of a record, and maybe its hash with it.
func alter(rt *rapid.T, a *ledger.AuditRecord) {
	other := func(s string) string {
		i := rapid.IntRange(0, len(s)-1).Draw(rt, "at")
		return s[:i] + rapid.SampledFrom([]string{"0", "1"}).Filter(func(r string) bool { return r != s[i:i+1] }).Draw(rt, "with") + s[i+1:]
	}
	switch rapid.IntRange(0, 9).Draw(rt, "member") {
	case 0:
		a.Project = other(a.Project)
	case 1:
		a.Instance = other(a.Instance)
	case 2:
		a.Seq += rapid.SampledFrom([]int64{-1, 1, 100, math.MinInt32}).Draw(rt, "by")
	case 3:
		a.At = a.At.Add(time.Duration(rapid.Int64Range(1, 1_000_000_000).Draw(rt, "later")))
	case 4:
		a.Key.Switch = other(a.Key.Switch)
	case 5:
		a.Key.Source = other(a.Key.Source)
	case 6:
		a.Key.ID = other(a.Key.ID)
	case 7:
		a.Body = json.RawMessage(`{"n":"another"}`)
	case 8:
		a.Prev = other(a.Prev)
	case 9:
		a.Hash = other(a.Hash)
	}
}

func audited(o ledger.Outcome, body string) ledger.Outcome {
	o.Audit = json.RawMessage(body)
	return o
}

// write adds records to an instance's trail, a second apart.
func (w *world) write(instance string, n int) {
	w.Helper()
	for i := range n {
		c := w.ask(fmt.Sprint(instance, "-", i), 0, i)
		c.Instance = instance
		o := audited(rejected(), fmt.Sprintf(`{"n":%d}`, i))
		o.At = at(i)
		require.NoError(w, w.Reject(w.ctx, c, o))
	}
}

func (w *world) trail(instance string) []ledger.AuditRecord {
	w.Helper()
	return w.from(instance, 1)
}

func (w *world) from(instance string, from int64) (list []ledger.AuditRecord) {
	w.Helper()
	for a, err := range w.Trail(w.ctx, project, instance, from) {
		require.NoError(w, err)
		list = append(list, a)
	}
	return list
}

func (w *world) verify() error {
	return ledger.VerifyAudit(ledger.Export(w.ctx, w.Ledger, time.Time{}))
}
