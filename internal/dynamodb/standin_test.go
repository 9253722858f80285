package dynamodb_test

import (
	"flag"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
)

func TestLedger(t *testing.T) {
	checks(t, drawn)
	ledgertest.Run(t, standIn().harness(nil))
}

func TestLedgerConcurrent(t *testing.T) { ledgertest.RunConcurrent(t, standIn().harness(nil)) }

// Whatever goes wrong for a while is nothing that a caller sees.
func TestLedgerInTrouble(t *testing.T) {
	checks(t, troubleDrawn)
	for name, all := range troubles {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			r, met, calls := rand.New(rand.NewPCG(1, 1)), 0, map[string]int{}
			b := faulty(func(operation string) dynamotest.Fault {
				mu.Lock()
				defer mu.Unlock()
				calls[operation]++
				fault := all[r.IntN(len(all))]
				switch {
				case operation == "CreateTable" || operation == "DeleteTable":
					return dynamotest.None
				case fault == dynamotest.Stale && operation == "Query":
					return dynamotest.None // of what is due a ledger may learn late
				case fault == dynamotest.Conflicting && calls[operation]%3 > 0: // of three, one goes well
				case fault == dynamotest.Conflicting || r.IntN(5) > 0:
					return dynamotest.None
				}
				met++
				return fault
			})
			h := b.harness(telling{b.way})
			ledgertest.Run(t, h)
			ledgertest.RunConcurrent(t, h)
			require.Greater(t, met, 200)
		})
	}
}

// telling tells the histories of each answer to a write that was lost.
type telling struct{ way http.RoundTripper }

func (r telling) RoundTrip(q *http.Request) (*http.Response, error) {
	res, err := r.way.RoundTrip(q)
	if operation := q.Header.Get("X-Amz-Target"); err != nil && (strings.HasSuffix(operation, ".PutItem") || strings.HasSuffix(operation, ".TransactWriteItems")) {
		ledgertest.Lost(q.Context())
	}
	return res, err
}

// allTroubles are those that a ledger gets over.
var allTroubles = []dynamotest.Fault{
	dynamotest.Throttled, dynamotest.Broken, dynamotest.Unreached, dynamotest.Lost, dynamotest.Conflicting, dynamotest.Unprocessed, dynamotest.Stale,
}

// checks is how often what is drawn at random is drawn during a test.
func checks(t *testing.T, n string) {
	const name = "rapid.checks"
	usual := flag.Lookup(name).Value.String()
	require.NoError(t, flag.Set(name, n))
	t.Cleanup(func() { require.NoError(t, flag.Set(name, usual)) })
}
