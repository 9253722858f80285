package budget_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/bench/budget"
)

// A figure is held against its limit in the sense that it has, and told with its goal.
func TestBudgets(t *testing.T) {
	for name, c := range map[string]struct {
		budget.Budget
		held bool
		told string
	}{
		"within":       {budget.Budget{What: "w", Found: 2, Limit: 2, Unit: "s"}, true, "held    w: 2 s, of 2\n"},
		"beyond":       {budget.Budget{What: "w", Found: 2.1, Limit: 2, Unit: "s"}, false, "MISSED  w: 2.1 s, of 2\n"},
		"no goal yet":  {budget.Budget{What: "w", Found: 2, Limit: 3, Goal: 1, Unit: "s"}, true, "held    w: 2 s, of 3; goal 1, missed\n"},
		"at its goal":  {budget.Budget{What: "w", Found: 1, Limit: 3, Goal: 1, Unit: "s"}, true, "held    w: 1 s, of 3; goal 1, held\n"},
		"exactly":      {budget.Budget{What: "w", Found: 4, Limit: 4, Exact: true, Unit: "calls"}, true, "held    w: 4 calls, of 4\n"},
		"not exactly":  {budget.Budget{What: "w", Found: 3, Limit: 4, Exact: true, Unit: "calls"}, false, "MISSED  w: 3 calls, of 4\n"},
		"at least":     {budget.Budget{What: "w", Found: 9, Limit: 8, Goal: 20, Least: true, Unit: "×"}, true, "held    w: 9 ×, of ≥ 8; goal 20, missed\n"},
		"not at least": {budget.Budget{What: "w", Found: 7, Limit: 8, Least: true, Unit: "×"}, false, "MISSED  w: 7 ×, of ≥ 8\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var told bytes.Buffer
			require.Equal(t, c.held, budget.Say(&told, []budget.Budget{c.Budget}))
			require.Equal(t, c.told, told.String())
		})
	}
}
