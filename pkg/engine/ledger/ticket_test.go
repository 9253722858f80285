package ledger_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A ticket that is spent on one of what it is for never comes to be used, so that
// nothing waits for the others.
func TestSpentBeforeHeld(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	key := func(id string) ledger.Key { return ledger.Key{Switch: "lamp", Source: "urn:tickets", ID: id} }
	use := func(slot string, owner ledger.Key, state ledger.UseState) ledger.Use {
		return ledger.Use{Format: ledger.Format, Ticket: "CHG1", Slot: slot, Owner: owner, State: state}
	}
	c := ledger.Claim{Key: key("c"), Ticket: "CHG1", Slot: "hall", Also: []string{"attic"}, Order: now, Now: now, Lease: now.Add(time.Minute), Nonce: "n"}
	for _, spent := range []string{"hall", "attic"} {
		uses := map[string]ledger.Use{"hall": use("hall", key("a"), ledger.UseOpen), "attic": use("attic", key("a"), ledger.UseOpen)}
		uses[spent] = use(spent, key("b"), ledger.UseSpent)
		got, change, err := ledger.Facts{Uses: uses}.Claim(c)
		require.NoError(t, err)
		require.Nil(t, change)
		require.Equal(t, ledger.Spent, got.Verdict, spent)
		require.Equal(t, key("b"), got.Owner, spent)
	}
}
