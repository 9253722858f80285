package account

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A record is found by each state that it is in, a followed job by its own.
func TestStates(t *testing.T) {
	job := func(result string) Entry {
		e := Entry{Record: ledger.Record{Key: ledger.Key{Switch: engine.JobFollow, ID: "j"}, State: ledger.Waiting}}
		if result != "" {
			e.State, e.Outcome = ledger.Settled, &ledger.Outcome{Result: result}
		}
		return e
	}
	decision := Entry{Record: ledger.Record{Key: ledger.Key{Switch: "proxy-ssl"}, State: ledger.Waiting}}
	for name, c := range map[string]struct {
		entry Entry
		in    []string
	}{
		"a decision":       {decision, []string{"waiting"}},
		"a followed job":   {job(""), []string{"waiting", "following"}},
		"one that ended":   {job("job-succeeded"), []string{"settled", "job-succeeded"}},
		"one that failed":  {job("job-failed"), []string{"settled", "job-failed"}},
		"one not seen end": {job("job-unknown"), []string{"settled", "job-unknown"}},
	} {
		var in []string
		for _, state := range slices.Concat(States, JobStates) {
			f := Filter{Switch: c.entry.Key.Switch, State: state}
			if f.Wants(&c.entry) {
				in = append(in, state)
			}
		}
		require.ElementsMatch(t, c.in, in, name)
	}
}

// Of those that are wanted the newest are found, however many there are, and no
// more are held.
func TestTheNewestAreFound(t *testing.T) {
	start := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	all := func(yield func(ledger.Record, error) bool) {
		for i := range 1000 {
			at := start.Add(time.Duration(i*7919%1000) * time.Second)
			if !yield(ledger.Record{Key: ledger.Key{Switch: []string{"proxy-ssl", "proxy-alt"}[i%2]}, First: at}, nil) {
				return
			}
		}
	}
	f := Filter{Switch: "proxy-ssl", Limit: 3}
	found, err := f.Find(all)
	require.NoError(t, err)
	require.LessOrEqual(t, cap(found), 8)
	var at []int
	for _, e := range found {
		require.Equal(t, "proxy-ssl", e.Key.Switch)
		at = append(at, int(e.First.Sub(start).Seconds()))
	}
	require.Equal(t, []int{994, 996, 998}, at)
}

// What narrows a list stands in the records that it leaves in it.
func TestTextsOfAFilter(t *testing.T) {
	f := Filter{Switch: "proxy-ssl", Target: "projects/p/instances/i/proxies/x", Ticket: "CHG 1"}
	require.Equal(t, []string{"proxy-ssl", "x"}, ledger.Plain(f.Texts()), "what JSON may write otherwise stays out")
	require.Empty(t, ledger.Plain((&Filter{Since: time.Now()}).Texts()))
}
