package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A decision's way through a ledger: whoever claims it first works on it, others
// are held off, and once it is settled all of them get its outcome.
func ExampleLedger() {
	var l ledger.Ledger = ledger.NewMemory() // or bolt.Open, or ledger.On a Store of one's own
	ctx, now := context.Background(), time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	claim := func(nonce string) ledger.Claim {
		return ledger.Claim{
			Key: ledger.Key{Switch: "lamp", Source: "https://tickets.example.com", ID: "CHG-1"}, Content: "on",
			Project: "house", Instance: "hall", Slot: "lamp house/hall", Order: now, Nonce: nonce, Now: now, Lease: now.Add(time.Minute),
		}
	}
	for _, nonce := range []string{"first", "second"} {
		claimed, err := l.Claim(ctx, claim(nonce))
		fmt.Println(nonce, claimed.Verdict, err)
	}
	key := claim("").Key
	fmt.Println(l.Settle(ctx, key, "second", ledger.Outcome{Result: "applied", At: now, Effective: true}))
	fmt.Println(l.Settle(ctx, key, "first", ledger.Outcome{Result: "applied", At: now, Effective: true}))
	due, err := l.Due(ctx, now, 10)
	fmt.Println(due[0].Why, err)
	fmt.Println(l.Mark(ctx, key, "first", now, now.Add(2160*time.Hour)))
	claimed, err := l.Claim(ctx, claim("third"))
	fmt.Println("third", claimed.Verdict, claimed.Record.Outcome.Result, err)
	// Output:
	// first new <nil>
	// second held <nil>
	// ledger: another attempt has taken the decision over
	// <nil>
	// unemitted <nil>
	// <nil>
	// third done applied <nil>
}
