package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
)

var memory = ledgertest.Harness{
	Open: func(t *testing.T) ledger.Ledger { return ledger.NewMemory() },
	Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) {
		ledger.Age(l.(*ledger.Transactional), &key, "", "")
	},
	NewerInstance: func(t *testing.T, l ledger.Ledger, project, instance string) {
		ledger.Age(l.(*ledger.Transactional), nil, project, instance)
	},
	Tamper: func(t *testing.T, l ledger.Ledger, project, instance string, seq int64, a *ledger.AuditRecord) {
		ledger.Tamper(l.(*ledger.Transactional), project, instance, seq, a)
	},
}

func TestMemory(t *testing.T) { ledgertest.Run(t, memory) }

func TestMemoryConcurrent(t *testing.T) { ledgertest.RunConcurrent(t, memory) }

func TestMemoryForgetsWhatExpired(t *testing.T) {
	l, now := ledger.NewMemory(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	finish := func(id string, at time.Time) ledger.Key {
		t.Helper()
		c := ledger.Claim{Key: ledger.Key{ID: id}, Project: "project", Instance: id, Nonce: "nonce", Order: at, Now: at, Lease: at.Add(time.Minute)}
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: at, JobID: "job " + id, Effective: true}))
		require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, at, at.Add(time.Hour)))
		return c.Key
	}
	first, second := finish("first", now), finish("second", now.Add(time.Second))
	finish("last", now.Add(time.Hour))
	_, err := l.Get(t.Context(), first)
	require.ErrorIs(t, err, ledger.ErrNotFound)
	_, err = l.Get(t.Context(), second)
	require.NoError(t, err)
	owners, err := l.Owners(t.Context(), "project", []string{"job first", "job second"})
	require.NoError(t, err)
	require.Equal(t, map[string]ledger.Key{"job second": second}, owners)
	old, err := l.Claim(t.Context(), ledger.Claim{Key: ledger.Key{ID: "old"}, Project: "project", Instance: "first", Nonce: "n", Order: now.Add(-1), Now: now, Lease: now})
	require.NoError(t, err)
	require.Equal(t, ledger.Superseded, old.Verdict, "marks never expire")
}

// However many come, what is kept has a bound, and the newest are there.
func TestArrivalsAreBounded(t *testing.T) {
	l := ledger.NewMemory()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for i := range ledger.MostArrivals + 10 {
		require.NoError(t, l.Arrive(t.Context(), ledger.Arrival{Switch: "s", ID: fmt.Sprint(i), At: now, Expire: now.Add(time.Hour)}))
	}
	var ids []string
	for a, err := range l.Arrived(t.Context(), now) {
		require.NoError(t, err)
		ids = append(ids, a.ID)
	}
	require.Len(t, ids, ledger.MostArrivals)
	require.Equal(t, "10", ids[0])
}
