//go:build prove

package proof

import (
	"math/rand/v2"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
)

// TestDeathsOnDynamoDB is TestDeaths for three processes on one table, of which one
// dies while the others go on, with a DynamoDB that is in trouble itself. A hold of
// the dead lasts for half a minute there, so that all is delivered again in the end.
func TestDeathsOnDynamoDB(t *testing.T) {
	var mu sync.Mutex
	var met int
	var calm atomic.Bool
	r := rand.New(rand.NewPCG(5, 6))
	db := &dynamotest.DB{Fault: func(operation string) dynamotest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if calm.Load() || r.IntN(15) > 0 {
			return dynamotest.None
		}
		met++
		return []dynamotest.Fault{
			dynamotest.Unreached, dynamotest.Lost, dynamotest.Throttled, dynamotest.Broken, dynamotest.Conflicting, dynamotest.Unprocessed, dynamotest.Stale,
		}[r.IntN(7)]
	}}
	calm.Store(true)
	l := &dynamodb.Ledger{Client: db.Client(nil), Table: "ledger"}
	require.NoError(t, l.Client.Do(t.Context(), "CreateTable", dynamotest.Table(l.Table), nil))
	table := httptest.NewServer(db)
	defer table.Close()
	s := besiege(t)
	first := programOf(t, s.api.URL, s.bus.URL)
	first.env = append(first.env, "INTERLOCK_LEDGER=dynamodb:"+l.Table, "AWS_ENDPOINT_URL_DYNAMODB="+table.URL,
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test")
	second, third := *first, *first
	calm.Store(false)
	s.kill(t, false, first, &second, &third)
	calm.Store(true)
	s.check(t, l)
	require.Greater(t, met, kills)
	t.Logf("proved: deaths on DynamoDB: %d kills of three processes with %d events at once, %d faults of the ledger, the bus in trouble: of two events of a ticket one in effect once and its event published, the other refused, %d audit trails whole, 0 violations", kills, 2*crowd, met, len(s.twins))
}
