// Package dynamotest stands in for DynamoDB where tests must be quick, need no
// network, or want it to fail as it seldom does.
//
// It evaluates what it is asked: conditions, updates, filters, projections and key
// conditions are parsed, so that one that was changed means something else, and one
// that is wrong is refused. It knows the operations that a ledger uses, strings and
// numbers as values (others it keeps), and attributes at the top of an item. One
// suite of cases runs against it and against DynamoDB Local; see cases_test.go.
//
// # What goes wrong
//
// [DB.Fault] is asked about each request. Without it nothing goes wrong, and what is
// read is the newest.
package dynamotest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/awsjson"
)

// Fault is what goes wrong with one request.
type Fault int

const (
	// None: nothing.
	None Fault = iota
	// Unreached: the connection breaks before the request is read.
	Unreached
	// Lost: it is done, and the connection breaks before its answer.
	Lost
	// Throttled: it is refused, for there are too many.
	Throttled
	// Broken: it is refused with an internal error, and was not done.
	Broken
	// Conflicting: a write or a reading transaction meets another transaction on one
	// of its items. Other requests are as ever.
	Conflicting
	// Unprocessed: a batch is read in part. Other requests are as ever.
	Unprocessed
	// Stale: a reading that need not be consistent shows each item as it was before
	// it was written last, or not at all, and so does an index.
	Stale
)

type faultKey struct{}

// With lets a fault befall the request that is made with a context, whatever
// [DB.Fault] says; it does not travel over a network.
func With(ctx context.Context, f Fault) context.Context {
	return context.WithValue(ctx, faultKey{}, f)
}

// DB is a DynamoDB with tables of its own. It is an [http.Handler], and an
// [http.RoundTripper] for whoever wants no network.
type DB struct {
	// Fault, if set, is asked what goes wrong with a request.
	Fault func(operation string) Fault
	// Now is the clock by which tokens are forgotten. Default time.Now.
	Now func() time.Time
	// PageItems is how many items one page of a query or a scan looks at, as 1 MB is
	// for DynamoDB. Default 100.
	PageItems int
	// Turn says which item the next conflict is on, counted around; each has its turn.
	Turn int

	mu     sync.Mutex
	tables map[string]*table
	tokens map[string]token
	spent  Units
}

// Units are what AWS bills for.
type Units struct {
	// Writes are write units: one for each KB of an item, two in a transaction, and one
	// for each entry of an index that is made or taken away.
	Writes float64
	// Reads are read units: one for 4 KB that are looked at, half of one where they need
	// not be consistent, two in a transaction.
	Reads float64
	// Requests are the requests.
	Requests int
}

// Spent is what all requests so far have cost, of those that were done or refused by
// a condition.
func (d *DB) Spent() Units {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.spent
}

// token is a transaction that was done.
type token struct {
	body string
	at   time.Time
}

// Client calls it without a network. Whoever passes through, if not nil, is asked
// to make each request, with the DB as the way that is left.
func (d *DB) Client(through http.RoundTripper) *awsjson.Client {
	if through == nil {
		through = d
	}
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL": "http://127.0.0.1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, &http.Client{Transport: through})
	if err != nil {
		panic(err)
	}
	return c
}

// Table asks for a table as template.yaml has it: see the operation CreateTable.
func Table(name string) any {
	type object = map[string]any
	return object{
		"TableName": name, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []object{
			{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "wq", "AttributeType": "N"}, {"AttributeName": "due", "AttributeType": "N"},
		},
		"KeySchema": []object{{"AttributeName": "pk", "KeyType": "HASH"}},
		"GlobalSecondaryIndexes": []object{{
			"IndexName":  "work",
			"KeySchema":  []object{{"AttributeName": "wq", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}},
			"Projection": object{"ProjectionType": "KEYS_ONLY"},
		}},
	}
}

// errCut is a connection that broke.
var errCut = errors.New("the connection was cut")

// RoundTrip makes a request without a network.
func (d *DB) RoundTrip(q *http.Request) (*http.Response, error) {
	if err := q.Context().Err(); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return nil, err
	}
	status, answer, err := d.answer(q.Context(), q.Header, body)
	if err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}}, Body: io.NopCloser(bytes.NewReader(answer)), Request: q,
	}, nil
}

// ServeHTTP answers a request, or cuts its connection.
func (d *DB) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	status, answer, err := d.answer(q.Context(), q.Header, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// answer does what is asked; an error is a connection that is cut.
func (d *DB) answer(ctx context.Context, header http.Header, body []byte) (status int, answer []byte, err error) {
	operation, known := strings.CutPrefix(header.Get("X-Amz-Target"), awsjson.DynamoDB.Target+".")
	fault, _ := ctx.Value(faultKey{}).(Fault)
	if d.Fault != nil && fault == None {
		fault = d.Fault(operation)
	}
	if fault == Unreached {
		return 0, nil, errCut
	}
	out, err := d.do(operation, known && header.Get("Authorization") != "", body, fault)
	if fault == Lost {
		return 0, nil, errCut
	}
	if err != nil {
		var f *failure
		if !errors.As(err, &f) {
			f = &failure{status: 400, name: "SerializationException", Message: err.Error()}
		}
		return f.status, encode(struct {
			Type string `json:"__type"`
			*failure
		}{"com.amazonaws.dynamodb.v20120810#" + f.name, f}), nil
	}
	return http.StatusOK, encode(out), nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func (d *DB) do(operation string, wellMade bool, body []byte, fault Fault) (any, error) {
	op := operations[operation]
	switch {
	case !wellMade:
		return nil, &failure{status: 400, name: "MissingAuthenticationTokenException", Message: "Request is missing Authentication Token"}
	case op == nil:
		return nil, &failure{status: 400, name: "UnknownOperationException", Message: operation}
	case fault == Throttled:
		return nil, &failure{status: 400, name: "ProvisionedThroughputExceededException", Message: "The level of configured provisioned throughput for the table was exceeded."}
	case fault == Broken:
		return nil, &failure{status: 500, name: "InternalServerError", Message: "The request processing has failed because of an unknown error."}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.spent.Requests++
	return op(d, body, fault)
}

func (d *DB) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// table is a table. Each of its items has what it was before it was last written.
type table struct {
	name          string
	key           string
	types         map[string]string
	items, before map[string]item // by the key's value
	indexes       map[string]index
}

// index is a global secondary index, which has keys only.
type index struct{ hash, sort string }

func (d *DB) table(name string) (*table, error) {
	t := d.tables[name]
	if t == nil {
		return nil, &failure{status: 400, name: "ResourceNotFoundException", Message: "Cannot do operations on a non-existent table"}
	}
	return t, nil
}

// mostItem is how much an item may have, with its names.
const mostItem = 400 << 10

// put keeps an item in the place of the one that was there; nil deletes it.
func (t *table) put(key string, i item) {
	t.before[key] = t.items[key]
	if i == nil {
		delete(t.items, key)
		return
	}
	t.items[key] = i
}

// check sees that an item could be in the table.
func (t *table) check(i item) error {
	for name, v := range i {
		if typ := t.types[name]; typ != "" && typ != v.kind {
			return invalid("One or more parameter values were invalid: Type mismatch for key %s expected: %s actual: %s", name, typ, v.kind)
		}
	}
	switch k, ok := i[t.key]; {
	case !ok:
		return invalid("One or more parameter values were invalid: Missing the key %s in the item", t.key)
	case k.text == "":
		return invalid("One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: %s", t.key)
	case i.size() > mostItem:
		return invalid("Item size has exceeded the maximum allowed size")
	}
	return nil
}

// keyIn is the value of the key, and nothing else.
func (t *table) keyIn(i item) (string, error) {
	if v, ok := i[t.key]; !ok || len(i) != 1 || v.kind != t.types[t.key] {
		return "", invalid("The provided key element does not match the schema")
	}
	return i[t.key].text, t.check(i)
}

// view is an item as a reading sees it.
func (t *table) view(key string, consistent bool, fault Fault) item {
	if fault != Stale || consistent {
		return t.items[key]
	}
	if old, written := t.before[key]; written {
		return old
	}
	return t.items[key]
}

// Expire deletes the items of a table whose attribute, in seconds, has passed, and
// returns how many. DynamoDB does so when it comes to it, for every item by itself.
func (d *DB) Expire(table, attribute string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, now := d.tables[table], new(big.Rat).SetInt64(d.now().Unix())
	for key, i := range t.items {
		if at := i[attribute]; at.kind == "N" && at.num.Cmp(now) < 0 {
			t.put(key, nil)
			n++
		}
	}
	return n
}

func decode[T any](body []byte) (in T, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		var f *failure
		if errors.As(err, &f) {
			return in, f
		}
		return in, fmt.Errorf("the stand-in cannot read the request: %w", err)
	}
	return in, nil
}
