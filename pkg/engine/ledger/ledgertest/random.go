package ledgertest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// random compares a ledger with the model, one operation at a time. Any
// operation may come twice, as after a lost answer.
func random(t *testing.T, h Harness) {
	l := h.Open(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++ // each run works on instances of its own
		s := script{T: rt, project: fmt.Sprintf("project%d", run), nonces: make(map[ledger.Key][]string)}
		m := newModel()
		for range rapid.IntRange(1, 40).Draw(rt, "operations") {
			o := s.draw()
			want, got := m.do(o), o.on(t.Context(), l)
			rt.Log(o, got.claimed.Verdict, got.err)
			require.Equal(rt, want, got)
			if rapid.IntRange(0, 3).Draw(rt, "repeat") == 0 {
				require.Equal(rt, want, o.on(t.Context(), l), "the answer was lost")
			}
			d, err := l.Get(t.Context(), o.claim.Key)
			if want, ok := m.decisions[o.claim.Key]; ok {
				require.NoError(rt, err)
				require.Equal(rt, want, d)
			} else {
				require.ErrorIs(rt, err, ledger.ErrNotFound)
			}
		}
		s.compare(t, l, m)
	})
	require.NoError(t, ledger.VerifyAudit(ledger.Export(t.Context(), l, time.Time{})))
}

// script draws operations.
type script struct {
	*rapid.T
	project string
	clock   int
	nonces  map[ledger.Key][]string
	n       int
}

var kinds = []string{"claim", "claim", "claim", "settle", "settle", "reject", "release", "lapse", "wait", "mark", "mark"}

// draw draws an operation on one of four decisions, which share two instances
// and two slots.
func (s *script) draw() op {
	s.clock += rapid.IntRange(0, 3).Draw(s.T, "later")
	i := rapid.IntRange(0, 3).Draw(s.T, "decision")
	o := op{kind: rapid.SampledFrom(kinds).Draw(s.T, "kind"), until: at(s.clock + rapid.IntRange(-2, 4).Draw(s.T, "until"))}
	k := ledger.Key{Switch: "proxy-ssl", Source: s.project, ID: fmt.Sprint(i)}
	o.claim = ledger.Claim{
		Key: k, Content: "same", Project: s.project, Instance: fmt.Sprint("instance", i/3), Slot: fmt.Sprint("slot", i%2),
		Order: at(rapid.IntRange(0, 3).Draw(s.T, "order")), Stored: json.RawMessage(`{}`),
		Now: at(s.clock), Lease: at(s.clock + rapid.IntRange(0, 4).Draw(s.T, "lease")),
	}
	if rapid.IntRange(0, 9).Draw(s.T, "reused") == 0 {
		o.claim.Content = "other"
	}
	if n := rapid.IntRange(0, 3).Draw(s.T, "ticket"); n > 0 {
		o.claim.Ticket = fmt.Sprint(s.project, "'s ticket", n/3)
	}
	if rapid.IntRange(0, 3).Draw(s.T, "also") == 0 {
		o.claim.Also = []string{"slot0", "slot2", "slot2"} // one of them may be its own
	}
	o.claim.Nonce = s.nonce(o.kind, k)
	o.known = rapid.Bool().Draw(s.T, "known")
	o.out = rapid.SampledFrom([]ledger.Outcome{
		{Result: "accepted", JobID: "job" + fmt.Sprint(i), Effective: true, Tag: "on"},
		{Result: "accepted", JobID: "contended", Effective: true},
		{Result: "applied", Effective: true, Tag: "off"},
		{Result: "rejected"},
		{Result: "failed", Failed: true},
		{Result: "failed", Failed: true, Doubt: true},
	}).Draw(s.T, "outcome")
	o.out.At = at(s.clock)
	if rapid.IntRange(0, 2).Draw(s.T, "audited") > 0 {
		o.out.Audit = json.RawMessage(fmt.Sprintf(`{"nonce":%q}`, o.claim.Nonce))
	}
	return o
}

// nonce is a new one for what makes a claim, and one of the decision's for
// what follows: mostly the last, else one that has lost it.
func (s *script) nonce(kind string, k ledger.Key) string {
	if kind == "claim" || kind == "reject" || kind == "wait" || len(s.nonces[k]) == 0 {
		s.n++
		n := fmt.Sprintf("nonce%d", s.n)
		if kind != "wait" {
			s.nonces[k] = append(s.nonces[k], n)
		}
		return n
	}
	all := s.nonces[k]
	return all[len(all)-1-rapid.IntRange(0, min(2, len(all)-1)).Draw(s.T, "nonce")]
}

// compare compares what else can be read.
func (s *script) compare(t *testing.T, l ledger.Ledger, m model) {
	for i := range 2 {
		for j := range 2 {
			instance, slot := fmt.Sprint("instance", i), fmt.Sprint("slot", j)
			in, err := l.Instance(t.Context(), s.project, instance)
			require.NoError(s.T, err)
			require.Equal(s.T, m.tags[instance+slot], in.Tags[slot])
			require.Equal(s.T, m.marks[instance+slot], in.Marks[slot])
			if hold, held := m.holds[instance]; held {
				require.Equal(s.T, &hold, in.Hold)
			} else {
				require.Nil(s.T, in.Hold)
			}
			var trail []ledger.AuditRecord
			for a, err := range l.Trail(t.Context(), s.project, instance, 1) {
				require.NoError(s.T, err)
				a.Prev, a.Hash = "", ""
				trail = append(trail, a)
			}
			require.Equal(s.T, m.audit[instance], trail)
		}
	}
	owners, err := l.Owners(t.Context(), s.project, []string{"contended", "job0", "job1", "job2", "job3"})
	require.NoError(s.T, err)
	require.Equal(s.T, m.jobs, owners)

	all, err := l.Due(t.Context(), at(s.clock), 1_000_000)
	require.NoError(s.T, err)
	ours := []ledger.Due{}
	for i, d := range all {
		require.False(s.T, i > 0 && d.At.Before(all[i-1].At), "soonest first")
		if d.Key.Source == s.project {
			ours = append(ours, d)
		}
	}
	require.ElementsMatch(s.T, m.due(at(s.clock)), ours)
}
