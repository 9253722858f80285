package dynamodb_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// An arrival is one put, which nothing can refuse, that DynamoDB deletes by
// itself; and however many come, they have one of 65,536 places each.
func TestArrive(t *testing.T) {
	var puts []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var in map[string]any
		require.NoError(t, json.NewDecoder(q.Body).Decode(&in))
		if strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".Scan") {
			require.Equal(t, map[string]any{":d": map[string]any{"S": "n#"}}, in["ExpressionAttributeValues"])
			require.NoError(t, json.NewEncoder(w).Encode(map[string]any{"Items": []any{puts[0]["Item"], puts[1]["Item"], puts[2]["Item"], map[string]any{"rec": map[string]any{"S": "{"}}}}))
			return
		}
		require.True(t, strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".PutItem"))
		puts = append(puts, in)
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, server.Client())
	require.NoError(t, err)
	l := &dynamodb.Ledger{Client: c, Table: "ledger"}
	a := ledger.Arrival{Switch: "proxy-ssl", Source: "urn:x", ID: "a", Code: "other-type", At: now, Expire: now.Add(time.Hour)}
	for i, id := range []string{"a", "a", "b"} {
		a.ID, a.At, a.Expire = id, now.Add(time.Duration(i)*time.Minute), now.Add(time.Duration(i)*time.Minute+time.Hour)
		require.NoError(t, l.Arrive(t.Context(), a))
	}
	require.Len(t, puts, 3)
	key := func(i int) string { return puts[i]["Item"].(map[string]any)["pk"].(map[string]any)["S"].(string) }
	require.Regexp(t, `^n#[0-9]{1,5}$`, key(0))
	require.Equal(t, key(0), key(1), "an event's own place")
	require.NotEqual(t, key(0), key(2))
	require.NotContains(t, puts[0], "ConditionExpression")
	require.Equal(t, map[string]any{"N": strconv.FormatInt(a.Expire.Unix()+1, 10)}, puts[2]["Item"].(map[string]any)["ttl"])

	// What has expired and is still there is not listed; what cannot be read is said.
	var listed []string
	wrong := 0
	for a, err := range l.Arrived(t.Context(), now.Add(time.Hour+90*time.Second)) {
		if err != nil {
			wrong++
		} else {
			listed = append(listed, a.ID)
		}
	}
	require.Equal(t, []string{"b"}, listed)
	require.Equal(t, 1, wrong)
}
