package dynamotest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
)

// What a request costs is what AWS's page on capacity modes says of it.
func TestUnits(t *testing.T) {
	db := new(dynamotest.DB)
	c := db.Client(nil)
	require.NoError(t, c.Do(t.Context(), "CreateTable", dynamotest.Table("t"), nil))
	type object = map[string]any
	s := func(text string) object { return object{"S": text} }
	item := func(pk string, kB int, more object) object {
		i := object{"pk": s(pk), "x": s(strings.Repeat("x", kB<<10-100))}
		for name, v := range more {
			i[name] = v
		}
		return i
	}
	due := func(at string) object { return object{"wq": object{"N": "1"}, "due": object{"N": at}} }
	transaction := func(puts ...object) object {
		var all []object
		for _, i := range puts {
			all = append(all, object{"Put": object{"TableName": "t", "Item": i}})
		}
		return object{"TransactItems": all}
	}
	taken := object{"TableName": "t", "Item": item("a", 1, nil), "ConditionExpression": "attribute_not_exists(pk)"}
	for _, step := range []struct {
		what          string
		operation     string
		in            object
		writes, reads float64
	}{
		{"a KB", "PutItem", object{"TableName": "t", "Item": item("a", 1, nil)}, 1, 0},
		{"more", "PutItem", object{"TableName": "t", "Item": item("b", 3, nil)}, 3, 0},
		{"the larger of what was and is", "PutItem", object{"TableName": "t", "Item": item("b", 1, nil)}, 3, 0},
		{"in vain", "PutItem", taken, 1, 0},
		{"a transaction", "TransactWriteItems", transaction(item("c", 2, nil), item("d", 1, nil)), 6, 0},
		{"an entry of the index", "TransactWriteItems", transaction(item("c", 2, due("5"))), 5, 0},
		{"one that stays", "TransactWriteItems", transaction(item("c", 2, due("5"))), 4, 0},
		{"one that moves", "PutItem", object{"TableName": "t", "Item": item("c", 2, due("6"))}, 4, 0},
		{"one that goes", "PutItem", object{"TableName": "t", "Item": item("c", 2, nil)}, 3, 0},
		{"a reading", "GetItem", object{"TableName": "t", "Key": object{"pk": s("c")}, "ConsistentRead": true}, 0, 1},
		{"one that may be old", "GetItem", object{"TableName": "t", "Key": object{"pk": s("c")}}, 0, 0.5},
		{"all", "Scan", object{"TableName": "t", "ConsistentRead": true, "FilterExpression": "pk = :p", "ExpressionAttributeValues": object{":p": s("nobody")}}, 0, 2},
	} {
		before := db.Spent()
		err := c.Do(t.Context(), step.operation, step.in, nil)
		require.Equal(t, step.what == "in vain", err != nil, step.what)
		after := db.Spent()
		require.Equal(t, dynamotest.Units{Writes: step.writes, Reads: step.reads, Requests: 1},
			dynamotest.Units{Writes: after.Writes - before.Writes, Reads: after.Reads - before.Reads, Requests: after.Requests - before.Requests}, step.what)
	}
}
