package account

import (
	"slices"
	"testing"

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
