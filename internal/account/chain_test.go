package account

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Where a chain is that is being flipped back, and one whose next step nobody has
// taken up yet.
func TestChainOnItsWay(t *testing.T) {
	step := func(name string, state events.StepState, changed bool) decision.ChainStep {
		return decision.ChainStep{Switch: name, Enabled: true, Target: json.RawMessage(`{"proxy_id":"x"}`), State: state, Changed: changed}
	}
	at := func(at int, undo bool, steps ...decision.ChainStep) *decision.Chain {
		return &decision.Chain{Root: events.Link{Switch: "s", Source: "u", ID: "CHG1"}, At: at, Undo: undo, OnFailure: events.Undo, Steps: steps}
	}
	told := func(c *Chain) string {
		where, facts, err := c.Story()
		require.NoError(t, err)
		text := "chain of " + c.Root().ID + ": " + where + "\n"
		for _, f := range facts {
			text += fmt.Sprintf("%-9s  %s\n", f.When(), f.Text)
		}
		return text
	}
	undo := at(2, true, step("a", "done", true), step("b", "done", false), step("c", "done", true), step("d", "unchanged", false), step("e", "failed", false), step("f", "not-done", false))
	e := Entry{Record: ledger.Record{State: ledger.Working}}
	e.Asks.Chain = undo
	text := told(&Chain{Members: []Entry{e}})
	for _, want := range []string{
		"chain of CHG1: at step 3 of 6, which is flipped back\n",
		"step 1     a on, proxy x: done, to be flipped back\n",
		"step 2     b on, proxy x: done; not flipped back, for it is not known whether it was changed\n",
		"step 3     c on, proxy x: claimed\n", "step 4     d on, proxy x: unchanged\n", "step 5     e on, proxy x: failed\n", "step 6     f on, proxy x: will not be done\n",
	} {
		require.Contains(t, text, want)
	}

	e.Asks.Chain = at(0, false, step("a", "not-done", false), step("b", "not-done", false), step("c", "not-done", false))
	next, err := json.Marshal(at(1, false, step("a", "done", false), step("b", "not-done", false), step("c", "not-done", false)))
	require.NoError(t, err)
	e.State, e.Outcome = ledger.Settled, &ledger.Outcome{Result: "applied", Events: []json.RawMessage{
		json.RawMessage(fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"u","type":%q,"data":{"chain":%s}}`, events.TypeSwitchRequested, next)),
	}}
	chains, err := ChainsOf(t.Context(), nil, []Entry{e}, []Entry{e})
	require.NoError(t, err)
	text = told(chains[0])
	for _, want := range []string{
		"chain of CHG1: at step 2 of 3\n", "step 1     a on, proxy x: done\n",
		"step 2     b on, proxy x: due; its request is stored, and nothing came of it yet\n", "step 3     c on, proxy x: waits for step 2\n",
	} {
		require.Contains(t, text, want)
	}
}
