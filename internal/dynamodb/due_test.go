package dynamodb_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

type attribute = map[string]string

// place is an item, and so an entry of the index's shard 3, in the order of when
// they are due.
type place map[string]attribute

// asking is the item of a decision that waits since some seconds.
func asking(t *testing.T, id string, seconds int) place {
	t.Helper()
	rec, err := ledger.Encode(ledger.Record{
		Format: ledger.Format, Key: ledger.Key{Switch: "proxy-ssl", Source: "urn:test", ID: id},
		State: ledger.Waiting, Due: now.Add(-time.Duration(seconds) * time.Second),
	})
	require.NoError(t, err)
	return place{"pk": {"S": "d#" + id}, "v": {"N": "1"}, "f": {"N": "1"}, "rec": {"S": string(rec)}}
}

func newer(n int) place {
	return place{"pk": {"S": fmt.Sprintf("d#newer%d", n)}, "v": {"S": "?"}, "f": {"N": "2"}, "rec": {"S": "?"}}
}

func broken(id string) place {
	return place{"pk": {"S": "d#" + id}, "v": {"N": "1"}, "f": {"N": "1"}, "rec": {"S": "{"}}
}

// holding is a ledger on a table with these items, and how many pages of the
// index were read beyond the first of each shard.
func holding(t *testing.T, places ...place) (*dynamodb.Ledger, *int) {
	t.Helper()
	further := new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var in struct {
			ExpressionAttributeValues map[string]attribute
			Limit                     int
			ExclusiveStartKey         place
			RequestItems              map[string]struct{ Keys []place }
		}
		if err := json.NewDecoder(q.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		out := map[string]any{}
		if strings.HasSuffix(q.Header.Get("X-Amz-Target"), ".Query") {
			from := 0
			if last := in.ExclusiveStartKey; last != nil {
				*further++
				from = 1 + slices.IndexFunc(places, func(p place) bool { return p["pk"]["S"] == last["pk"]["S"] })
			}
			if in.ExpressionAttributeValues[":n"]["N"] == "3" {
				to := min(from+in.Limit, len(places))
				out["Items"] = places[from:to]
				if to < len(places) {
					out["LastEvaluatedKey"] = places[to-1]
				}
			}
		} else {
			var found []place
			for _, key := range in.RequestItems["ledger"].Keys {
				n := slices.IndexFunc(places, func(p place) bool { return p["pk"]["S"] == key["pk"]["S"] })
				found = append(found, places[n])
			}
			out["Responses"] = map[string]any{"ledger": found}
		}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, server.Client())
	require.NoError(t, err)
	return &dynamodb.Ledger{Client: c, Table: "ledger"}, further
}

func due(t *testing.T, l *dynamodb.Ledger, limit int) (ids []string, err error) {
	t.Helper()
	list, err := l.Due(t.Context(), now, limit)
	for _, d := range list {
		ids = append(ids, d.Key.ID)
	}
	return ids, err
}

func TestDuePassesOverWhatCannotBeRead(t *testing.T) {
	l, _ := holding(t, asking(t, "a", 3), broken("x"), asking(t, "b", 2), broken("y"), asking(t, "c", 1))
	ids, err := due(t, l, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "c"}, ids)

	l, _ = holding(t, broken("x"), newer(1), broken("y"))
	ids, err = due(t, l, 10)
	require.Empty(t, ids)
	require.ErrorContains(t, err, "item d#x: ")
	require.ErrorContains(t, err, "item d#y: ")

	l, _ = holding(t, newer(1))
	ids, err = due(t, l, 10)
	require.NoError(t, err, "it is another version's work")
	require.Empty(t, ids)
}

// What cannot be used takes nobody's place, up to a bound.
func TestDueLooksBeyondWhatItPassesOver(t *testing.T) {
	for name, test := range map[string]struct {
		before, further int
		want            []string
	}{
		"none":  {0, 0, []string{"a", "b"}},
		"few":   {3, 2, []string{"a", "b"}},
		"many":  {28, 14, []string{"a", "b"}},
		"a lot": {100, 15, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var places []place
			for n := range test.before {
				if n%2 == 0 {
					places = append(places, newer(n))
				} else {
					places = append(places, broken(fmt.Sprint(n)))
				}
			}
			l, further := holding(t, append(places, asking(t, "a", 3), asking(t, "b", 2), asking(t, "c", 1))...)
			ids, err := due(t, l, 2)
			require.Equal(t, test.want == nil, err != nil, "%v", err)
			require.Equal(t, test.want, ids)
			require.Equal(t, test.further, *further)
		})
	}
}

// An item that moves in the index while it is read is on two pages. DynamoDB
// refuses to read one twice at a time, and nobody is to work on it twice.
func TestDueListsEachOnce(t *testing.T) {
	a := asking(t, "a", 3)
	l, _ := holding(t, a, newer(1), newer(2), a)
	ids, err := due(t, l, 3)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, ids)
}
