package dynamodb_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// refusing answers each transaction with the next of the refusals, over and
// over the last, and takes it where that is empty. Readings find nothing.
func refusing(t *testing.T, refusals ...string) (l *dynamodb.Ledger, transactions, pauses *int) {
	t.Helper()
	transactions, pauses = new(int), new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Amz-Target") != "DynamoDB_20120810.TransactWriteItems" {
			fmt.Fprint(w, `{}`)
			return
		}
		refusal := refusals[min(*transactions, len(refusals)-1)]
		if *transactions++; refusal == "" {
			fmt.Fprint(w, `{}`)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":%s}`, refusal)
	}))
	t.Cleanup(server.Close)
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, server.Client())
	require.NoError(t, err)
	return &dynamodb.Ledger{Client: c, Table: "ledger", Sleep: func(context.Context, time.Duration) error {
		*pauses++
		return nil
	}}, transactions, pauses
}

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

var claim = ledger.Claim{
	Key: ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: "1"}, Content: "content",
	Project: "project", Instance: "instance", Slot: "slot", Order: now, Nonce: "nonce", Now: now, Lease: now.Add(time.Minute),
}

const inTheWay = `[{"Code":"TransactionConflict"},{"Code":"None"}]`

func TestConflictIsTriedAgain(t *testing.T) {
	for name, refusal := range map[string]string{
		"decision":  inTheWay,
		"instance":  `[{"Code":"None"},{"Code":"TransactionConflict"}]`,
		"throttled": `[{"Code":"ThrottlingError"},{"Code":"ProvisionedThroughputExceeded"}]`,
		"no codes":  `[{},{"Code":"TransactionConflict"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			l, transactions, pauses := refusing(t, refusal, refusal, "")
			a, err := l.Claim(t.Context(), claim)
			require.NoError(t, err)
			require.Equal(t, ledger.New, a.Verdict)
			require.Equal(t, []int{3, 2}, []int{*transactions, *pauses})
		})
	}
}

func TestConflictWithoutEndIsHeldByNobodyKnown(t *testing.T) {
	l, transactions, _ := refusing(t, inTheWay)
	a, err := l.Claim(t.Context(), claim)
	require.NoError(t, err)
	require.Equal(t, ledger.Claimed{Verdict: ledger.Held, Holder: ledger.Holder{Until: now.Add(time.Second)}}, a)
	require.Equal(t, 8, *transactions)

	l, _, _ = refusing(t, "", inTheWay)
	_, err = l.Claim(t.Context(), claim)
	require.NoError(t, err)
	err = l.Settle(t.Context(), claim.Key, claim.Nonce, ledger.Outcome{Result: "accepted", At: now})
	require.ErrorContains(t, err, "in other transactions")
	require.NotErrorIs(t, err, ledger.ErrLost)
}

func TestConflictEndsWithTheContext(t *testing.T) {
	l, _, _ := refusing(t, inTheWay)
	l.Sleep = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	_, err := l.Claim(t.Context(), claim)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestOtherRefusalsAreErrors(t *testing.T) {
	l, transactions, _ := refusing(t, `[{"Code":"ValidationError","Message":"item too large"},{"Code":"None"}]`)
	_, err := l.Claim(t.Context(), claim)
	require.ErrorContains(t, err, " 400 TransactionCanceledException: ")
	require.Equal(t, 1, *transactions)
}
