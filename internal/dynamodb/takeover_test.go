package dynamodb_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Who takes a ticket over from an owner that had no effect does so only while
// that is so: another may take it over as well.
func TestTakingATicketOverIsConditional(t *testing.T) {
	c := claim
	c.Ticket = "CHG1"
	void, err := ledger.Encode(ledger.Use{Format: ledger.Format, Ticket: c.Ticket, Slot: c.Slot, Owner: ledger.Key{Switch: "proxy-ssl", ID: "0"}, State: ledger.UseVoid})
	require.NoError(t, err)
	type put struct {
		Put struct {
			ConditionExpression       string
			ExpressionAttributeValues map[string]map[string]string
			Item                      map[string]map[string]string
		}
	}
	var transactions [][]put
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Amz-Target") != "DynamoDB_20120810.TransactWriteItems" {
			fmt.Fprint(w, `{}`)
			return
		}
		var body struct{ TransactItems []put }
		if err := json.NewDecoder(q.Body).Decode(&body); err != nil {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		if transactions = append(transactions, body.TransactItems); len(transactions) > 1 {
			fmt.Fprint(w, `{}`)
			return
		}
		item, _ := json.Marshal(map[string]map[string]string{"f": {"N": "1"}, "rec": {"S": string(void)}})
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","CancellationReasons":[{"Code":"None"},{"Code":"None"},{"Code":"ConditionalCheckFailed","Item":%s}]}`, item)
	}))
	t.Cleanup(server.Close)
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	client, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, server.Client())
	require.NoError(t, err)
	l := &dynamodb.Ledger{Client: client, Table: "ledger"}

	got, err := l.Claim(context.Background(), c)
	require.NoError(t, err)
	require.Equal(t, ledger.New, got.Verdict)
	require.Len(t, transactions, 2)
	require.Equal(t, "attribute_not_exists(pk)", transactions[0][2].Put.ConditionExpression)
	taken := transactions[1][2].Put
	require.Equal(t, "rec = :was", taken.ConditionExpression)
	require.Equal(t, string(void), taken.ExpressionAttributeValues[":was"]["S"])
	var use ledger.Use
	require.NoError(t, json.Unmarshal([]byte(taken.Item["rec"]["S"]), &use))
	require.Equal(t, ledger.Use{Format: ledger.Format, Ticket: c.Ticket, Slot: c.Slot, Owner: c.Key, State: ledger.UseOpen}, use)
}
