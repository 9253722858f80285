package dynamotest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
)

// A step is a request and its answer: of what was refused, the error's name, the item
// that it shows, and its reasons.
type step struct{ operation, in, want string }

// cases hold for DynamoDB Local as they do for the stand-in. T is the table.
var cases = []struct {
	name  string
	steps []step
}{
	{"an item is put and read", []step{
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"007.50"},"x":{"BOOL":true}}}`, `{}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ConsistentRead":true}`, `{"Item":{"pk":{"S":"a"},"v":{"N":"7.5"},"x":{"BOOL":true}}}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ProjectionExpression":"v, #p","ExpressionAttributeNames":{"#p":"pk"}}`, `{"Item":{"pk":{"S":"a"},"v":{"N":"7.5"}}}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"b"}}}`, `{}`},
		{"DeleteItem", `{"TableName":T,"Key":{"pk":{"S":"a"}}}`, `{}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ConsistentRead":true}`, `{}`},
	}},
	{"numbers are as they are written back", []step{
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"a":{"N":"1763802000.000000001"},"b":{"N":"0"},"c":{"N":"-12.500"},"d":{"N":"1763802000.000000000"}}}`, `{}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ConsistentRead":true}`, `{"Item":{"pk":{"S":"a"},"a":{"N":"1763802000.000000001"},"b":{"N":"0"},"c":{"N":"-12.5"},"d":{"N":"1763802000"}}}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"seven"}}}`, `"ValidationException"`},
	}},
	{"a key is what the table says", []step{
		{"PutItem", `{"TableName":T,"Item":{"v":{"N":"1"}}}`, `"ValidationException"`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":""}}}`, `"ValidationException"`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"N":"1"}}}`, `"ValidationException"`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"due":{"S":"soon"}}}`, `"ValidationException"`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"},"v":{"N":"1"}}}`, `"ValidationException"`},
		{"GetItem", `{"TableName":"nobody","Key":{"pk":{"S":"a"}}}`, `"ResourceNotFoundException"`},
	}},
	{"a condition holds or not", []step{
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"1"}},"ConditionExpression":"attribute_not_exists(pk)"}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"2"}},"ConditionExpression":"attribute_not_exists(pk)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`,
			`{"error":"ConditionalCheckFailedException","item":{"pk":{"S":"a"},"v":{"N":"1"}}}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"2"}},"ConditionExpression":"attribute_not_exists(pk)"}`, `"ConditionalCheckFailedException"`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"b"}},"ConditionExpression":"v = :v","ExpressionAttributeValues":{":v":{"N":"1"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`, `"ConditionalCheckFailedException"`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"2"}},"ConditionExpression":"v = :v","ExpressionAttributeValues":{":v":{"N":"1.0"}}}`, `{}`},
	}},
	{"what is compared with nothing", []step{
		check("x = :v", `"ConditionalCheckFailedException"`), check("x <> :v", `{}`), check("x < :v", `"ConditionalCheckFailedException"`),
		check("NOT x < :v", `{}`), check("v <> :v", `"ConditionalCheckFailedException"`), check("s < :v", `"ConditionalCheckFailedException"`),
		check("attribute_not_exists(x) OR x = :v", `{}`), check("attribute_not_exists(v) OR v = :v", `{}`),
		check("attribute_exists(x) AND v = :v OR v = :v", `{}`), check("attribute_exists(x) AND (v = :v OR v = :v)", `"ConditionalCheckFailedException"`),
		check("NOT attribute_exists(x) AND v = :v", `{}`), check("NOT (attribute_exists(x) OR v = :v)", `"ConditionalCheckFailedException"`),
		check("v BETWEEN :v AND :v", `{}`), check("v IN (x, :v)", `{}`), check("v >= :v and v <= :v", `{}`), check("v > :v", `"ConditionalCheckFailedException"`),
		check("size(s) > :v", `{}`), check("size(x) > :v", `"ConditionalCheckFailedException"`),
		check("v = :v AND begins_with(s, :v)", `"ValidationException"`),
	}},
	{"an expression that is wrong is refused", []step{
		check("v == :v", `"ValidationException"`), check("v = :v AND", `"ValidationException"`), check("v :v", `"ValidationException"`),
		check("(v = :v", `"ValidationException"`), check("exists(v) AND v = :v", `"ValidationException"`), check("v = :w AND v = :v", `"ValidationException"`),
		check("attribute_exists(v)", `"ValidationException"`), check("v = :v AND #n = :v", `"ValidationException"`), check("ttl = :v", `"ValidationException"`),
		check("v = :v AND key = :v", `"ValidationException"`),
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ProjectionExpression":"v","ExpressionAttributeNames":{"#p":"pk"}}`, `"ValidationException"`},
	}},
	{"an update sets and removes", []step{
		update("SET v = :v, #m = :s REMOVE x", `{":v":{"N":"1"},":s":{"S":"s"}}`, `{"#m":"m#slot of it"}`, `{}`),
		is(`{"pk":{"S":"u"},"v":{"N":"1"},"m#slot of it":{"S":"s"}}`),
		update("SET v = v + :v, w = v", `{":v":{"N":"2"}}`, `{}`, `{}`),
		is(`{"pk":{"S":"u"},"v":{"N":"3"},"w":{"N":"1"},"m#slot of it":{"S":"s"}}`),
		update("REMOVE #m, w SET v = if_not_exists(v, :v) - :v", `{":v":{"N":"2.5"}}`, `{"#m":"m#slot of it"}`, `{}`),
		is(`{"pk":{"S":"u"},"v":{"N":"0.5"}}`),
		update("ADD v :v, n :v", `{":v":{"N":"2"}}`, `{}`, `{}`),
		is(`{"pk":{"S":"u"},"v":{"N":"2.5"},"n":{"N":"2"}}`),
		update("SET v = :v, v = :v", `{":v":{"N":"2"}}`, `{}`, `"ValidationException"`),
		update("SET v = :v SET n = :v", `{":v":{"N":"2"}}`, `{}`, `"ValidationException"`),
		update("SET v = x", `{}`, `{}`, `"ValidationException"`),
		update("SET pk = :v", `{":v":{"S":"2"}}`, `{}`, `"ValidationException"`),
		update("SET v = :v + :s", `{":v":{"N":"2"},":s":{"S":"s"}}`, `{}`, `"ValidationException"`),
		is(`{"pk":{"S":"u"},"v":{"N":"2.5"},"n":{"N":"2"}}`),
	}},
	{"a transaction is done as a whole, or says of each item why not", []step{
		{"TransactWriteItems", `{"TransactItems":[
			{"Put":{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"1"}},"ConditionExpression":"attribute_not_exists(pk)"}},
			{"Update":{"TableName":T,"Key":{"pk":{"S":"b"}},"UpdateExpression":"SET n = :n","ConditionExpression":"attribute_not_exists(n)","ExpressionAttributeValues":{":n":{"S":"x"}}}}]}`, `{}`},
		{"TransactWriteItems", `{"TransactItems":[
			{"Put":{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"2"}},"ConditionExpression":"v = :v","ExpressionAttributeValues":{":v":{"N":"1"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}},
			{"Update":{"TableName":T,"Key":{"pk":{"S":"b"}},"UpdateExpression":"SET n = :n","ConditionExpression":"attribute_not_exists(n)","ExpressionAttributeValues":{":n":{"S":"y"}},"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}},
			{"ConditionCheck":{"TableName":T,"Key":{"pk":{"S":"c"}},"ConditionExpression":"attribute_exists(pk)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"}}]}`,
			`{"error":"TransactionCanceledException","reasons":["None",{"code":"ConditionalCheckFailed","item":{"pk":{"S":"b"},"n":{"S":"x"}}},"ConditionalCheckFailed"]}`},
		{"BatchGetItem", `{"RequestItems":{T:{"ConsistentRead":true,"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"b"}},{"pk":{"S":"c"}}]}}}`,
			`{"Responses":{T:[{"pk":{"S":"a"},"v":{"N":"1"}},{"pk":{"S":"b"},"n":{"S":"x"}}]},"UnprocessedKeys":{}}`},
		{"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":T,"Key":{"pk":{"S":"b"}}}},{"Get":{"TableName":T,"Key":{"pk":{"S":"c"}}}}]}`,
			`{"Responses":[{"Item":{"pk":{"S":"b"},"n":{"S":"x"}}},{}]}`},
		{"TransactWriteItems", `{"TransactItems":[{"Delete":{"TableName":T,"Key":{"pk":{"S":"a"}}}},{"ConditionCheck":{"TableName":T,"Key":{"pk":{"S":"b"}},"ConditionExpression":"attribute_exists(n)"}}]}`, `{}`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ConsistentRead":true}`, `{}`},
	}},
	{"a transaction names each item once", []step{
		{"TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":T,"Item":{"pk":{"S":"a"}}}},{"Delete":{"TableName":T,"Key":{"pk":{"S":"a"}}}}]}`, `"ValidationException"`},
		{"TransactGetItems", `{"TransactItems":[{"Get":{"TableName":T,"Key":{"pk":{"S":"b"}}}},{"Get":{"TableName":T,"Key":{"pk":{"S":"b"}}}}]}`, `"ValidationException"`},
		{"BatchGetItem", `{"RequestItems":{T:{"Keys":[{"pk":{"S":"a"}},{"pk":{"S":"a"}}]}}}`, `"ValidationException"`},
		{"TransactWriteItems", `{"TransactItems":[]}`, `"ValidationException"`},
	}},
	{"a transaction with a token is done once", []step{
		{"TransactWriteItems", `{"ClientRequestToken":"t1","TransactItems":[{"Update":{"TableName":T,"Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD v :v","ExpressionAttributeValues":{":v":{"N":"1"}}}}]}`, `{}`},
		{"TransactWriteItems", `{"ClientRequestToken":"t1","TransactItems":[{"Update":{"TableName":T,"Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD v :v","ExpressionAttributeValues":{":v":{"N":"1"}}}}]}`, `{}`},
		{"TransactWriteItems", `{"ClientRequestToken":"t1","TransactItems":[{"Update":{"TableName":T,"Key":{"pk":{"S":"a"}},"UpdateExpression":"ADD v :v","ExpressionAttributeValues":{":v":{"N":"2"}}}}]}`, `"IdempotentParameterMismatchException"`},
		{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"a"}},"ConsistentRead":true}`, `{"Item":{"pk":{"S":"a"},"v":{"N":"1"}}}`},
	}},
	{"the index has those that have both keys, in order", []step{
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"},"v":{"N":"1"}}}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}}}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"c"},"wq":{"N":"1"}}}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"d"},"wq":{"N":"2"},"due":{"N":"5"}}}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"e"},"wq":{"N":"1"},"due":{"N":"200"}}}`, `{}`},
		{"Query", `{"TableName":T,"IndexName":"work","KeyConditionExpression":"wq = :n AND due <= :now","ExpressionAttributeValues":{":n":{"N":"1"},":now":{"N":"30.5"}}}`,
			`{"Items":[{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}},{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"}}],"Count":2,"ScannedCount":2}`},
		{"Query", `{"TableName":T,"IndexName":"work","Limit":1,"KeyConditionExpression":"wq = :n AND due <= :now","ExpressionAttributeValues":{":n":{"N":"1"},":now":{"N":"100"}}}`,
			`{"Items":[{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}}],"Count":1,"ScannedCount":1,"LastEvaluatedKey":{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}}}`},
		{"Query", `{"TableName":T,"IndexName":"work","Limit":2,"ExclusiveStartKey":{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}},"KeyConditionExpression":"wq = :n AND due <= :now","ExpressionAttributeValues":{":n":{"N":"1"},":now":{"N":"100"}}}`,
			`{"Items":[{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"}}],"Count":1,"ScannedCount":1}`},
		{"Query", `{"TableName":T,"IndexName":"work","Limit":2,"KeyConditionExpression":"wq = :n AND due <= :now","ExpressionAttributeValues":{":n":{"N":"1"},":now":{"N":"31"}}}`,
			`{"Items":[{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}},{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"}}],"Count":2,"ScannedCount":2,"LastEvaluatedKey":{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"}}}`},
		{"Query", `{"TableName":T,"IndexName":"work","ScanIndexForward":false,"KeyConditionExpression":"wq = :n AND due BETWEEN :a AND :b","ExpressionAttributeValues":{":n":{"N":"1"},":a":{"N":"4"},":b":{"N":"31"}}}`,
			`{"Items":[{"pk":{"S":"a"},"wq":{"N":"1"},"due":{"N":"30.5"}},{"pk":{"S":"b"},"wq":{"N":"1"},"due":{"N":"4"}}],"Count":2,"ScannedCount":2}`},
		{"Query", `{"TableName":T,"IndexName":"work","ConsistentRead":true,"KeyConditionExpression":"wq = :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`, `"ValidationException"`},
		{"Query", `{"TableName":T,"IndexName":"work","KeyConditionExpression":"due <= :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`, `"ValidationException"`},
		{"Query", `{"TableName":T,"IndexName":"work","KeyConditionExpression":"wq <= :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`, `"ValidationException"`},
		{"Query", `{"TableName":T,"IndexName":"play","KeyConditionExpression":"wq = :n","ExpressionAttributeValues":{":n":{"N":"1"}}}`, `"ValidationException"`},
		{"UpdateItem", `{"TableName":T,"Key":{"pk":{"S":"b"}},"UpdateExpression":"REMOVE due"}`, `{}`},
		{"Query", `{"TableName":T,"IndexName":"work","KeyConditionExpression":"wq = :n AND due < :now","ExpressionAttributeValues":{":n":{"N":"1"},":now":{"N":"30.5"}}}`, `{"Items":[],"Count":0,"ScannedCount":0}`},
	}},
	{"a scan filters what it has looked at", []step{
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"d#1"}}}`, `{}`},
		{"PutItem", `{"TableName":T,"Item":{"pk":{"S":"i#1"},"v":{"N":"1"}}}`, `{}`},
		{"Scan", `{"TableName":T,"ConsistentRead":true,"FilterExpression":"begins_with(pk, :d)","ExpressionAttributeValues":{":d":{"S":"i#"}}}`,
			`{"Items":[{"pk":{"S":"i#1"},"v":{"N":"1"}}],"Count":1,"ScannedCount":2}`},
		{"Scan", `{"TableName":T,"ProjectionExpression":"v","FilterExpression":"contains(pk, :d)","ExpressionAttributeValues":{":d":{"S":"#1"}}}`,
			`{"Items":[{"v":{"N":"1"}},{}],"Count":2,"ScannedCount":2}`},
	}},
}

// check asks for a condition on an item that has v = 1 and s = "some".
func check(condition, want string) step {
	return step{"TransactWriteItems", fmt.Sprintf(`{"TransactItems":[
		{"Put":{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"1"},"s":{"S":"some"}},"ConditionExpression":%q,"ExpressionAttributeValues":{":v":{"N":"1"}}}}]}`, condition), want}
}

func update(expression, values, names, want string) step {
	in := fmt.Sprintf(`"TableName":T,"Key":{"pk":{"S":"u"}},"UpdateExpression":%q`, expression)
	if values != `{}` {
		in += `,"ExpressionAttributeValues":` + values
	}
	if names != `{}` {
		in += `,"ExpressionAttributeNames":` + names
	}
	return step{"UpdateItem", "{" + in + "}", want}
}

func is(item string) step {
	return step{"GetItem", `{"TableName":T,"Key":{"pk":{"S":"u"}},"ConsistentRead":true}`, `{"Item":` + item + `}`}
}

func TestCases(t *testing.T) { runCases(t, new(dynamotest.DB).Client(nil)) }

var tables atomic.Int64

func runCases(t *testing.T, c *awsjson.Client) {
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			name := fmt.Sprintf("cases-%d-%d", os.Getpid(), tables.Add(1))
			require.NoError(t, c.Do(t.Context(), "CreateTable", dynamotest.Table(name), nil))
			if test.steps[0].operation == "TransactWriteItems" && bytes.Contains([]byte(test.steps[0].in), []byte(`"s":{"S":"some"}`)) {
				put(t, c, name)
			}
			for _, s := range test.steps {
				var want any
				require.NoError(t, json.Unmarshal([]byte(named(s.want, name)), &want))
				got := ask(t, c, s.operation, named(s.in, name))
				if s.operation == "BatchGetItem" || s.operation == "Scan" {
					inNoOrder(t, want)
					inNoOrder(t, got)
				}
				require.Equal(t, want, got, "%s %s", s.operation, s.in)
			}
		})
	}
}

func put(t *testing.T, c *awsjson.Client, table string) {
	require.NoError(t, c.Do(t.Context(), "PutItem", json.RawMessage(named(`{"TableName":T,"Item":{"pk":{"S":"a"},"v":{"N":"1"},"s":{"S":"some"}}}`, table)), nil))
}

// named has a table's name in the place of T.
func named(text, table string) string {
	text = string(bytes.ReplaceAll([]byte(text), []byte(`"TableName":T`), fmt.Appendf(nil, `"TableName":%q`, table)))
	return string(bytes.ReplaceAll([]byte(text), []byte(`{T:`), fmt.Appendf(nil, `{%q:`, table)))
}

// ask makes a request, and returns its answer, or what is said of its refusal.
func ask(t *testing.T, c *awsjson.Client, operation, in string) (out any) {
	err := c.Do(t.Context(), operation, json.RawMessage(in), &out)
	if e := (*awsjson.Error)(nil); errors.As(err, &e) {
		require.NoError(t, json.Unmarshal([]byte(refusal(t, e)), &out))
		return out
	}
	require.NoError(t, err)
	return out
}

// inNoOrder sorts the lists in an answer whose order says nothing.
func inNoOrder(t *testing.T, v any) {
	switch v := v.(type) {
	case []any:
		slices.SortFunc(v, func(a, b any) int { return bytes.Compare(encoded(t, a), encoded(t, b)) })
	case map[string]any:
		for _, part := range v {
			inNoOrder(t, part)
		}
	}
}

func encoded(t *testing.T, v any) []byte {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

// refusal is an error's name, or more where it says more; so is each reason.
func refusal(t *testing.T, e *awsjson.Error) string {
	var body struct {
		Item                map[string]any
		CancellationReasons []struct {
			Code string
			Item map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(e.Body, &body))
	brief := func(key, code string, item map[string]any, more map[string]any) any {
		all := map[string]any{key: code}
		if len(item) > 0 {
			all["item"] = item
		}
		maps.Copy(all, more)
		if len(all) == 1 {
			return code
		}
		return all
	}
	more := map[string]any{}
	var reasons []any
	for _, r := range body.CancellationReasons {
		reasons = append(reasons, brief("code", r.Code, r.Item, nil))
	}
	// Of a transaction of one item, the reason is as good as the error.
	if len(reasons) == 1 && len(body.CancellationReasons[0].Item) == 0 {
		return string(encoded(t, body.CancellationReasons[0].Code+"Exception"))
	}
	if reasons != nil {
		more["reasons"] = reasons
	}
	return string(encoded(t, brief("error", e.Code, body.Item, more)))
}
