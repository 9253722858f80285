package dynamotest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

type operation = func(d *DB, body []byte, fault Fault) (any, error)

var operations = map[string]operation{
	"CreateTable": doing((*DB).createTable), "DeleteTable": doing((*DB).deleteTable),
	"GetItem": doing((*DB).getItem), "BatchGetItem": doing((*DB).batchGetItem), "TransactGetItems": doing((*DB).transactGetItems),
	"PutItem": doing((*DB).putItem), "UpdateItem": doing((*DB).updateItem), "DeleteItem": doing((*DB).deleteItem),
	"TransactWriteItems": transactWriteItems,
	"Query":              doing((*DB).query), "Scan": doing((*DB).scan),
}

// doing is an operation that reads its request as one of type T.
func doing[T any](do func(*DB, T, Fault) (any, error)) operation {
	return func(d *DB, body []byte, fault Fault) (any, error) {
		in, err := decode[T](body)
		if err != nil {
			return nil, err
		}
		return do(d, in, fault)
	}
}

type keySchema []struct{ AttributeName, KeyType string }

func (s keySchema) of(typ string) string {
	for _, k := range s {
		if k.KeyType == typ {
			return k.AttributeName
		}
	}
	return ""
}

type createTable struct {
	TableName, BillingMode string
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              keySchema
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  keySchema
		Projection struct{ ProjectionType string }
	}
}

func (d *DB) createTable(in createTable, _ Fault) (any, error) {
	t := &table{
		name: in.TableName, key: in.KeySchema.of("HASH"), types: map[string]string{},
		items: map[string]item{}, before: map[string]item{}, indexes: map[string]index{},
	}
	if d.tables[t.name] != nil {
		return nil, &failure{status: 400, name: "ResourceInUseException", Message: "Cannot create preexisting table"}
	}
	for _, a := range in.AttributeDefinitions {
		t.types[a.AttributeName] = a.AttributeType
	}
	if in.KeySchema.of("RANGE") != "" || t.types[t.key] != "S" {
		return nil, invalid("the stand-in has tables with one key, a string")
	}
	for _, x := range in.GlobalSecondaryIndexes {
		i := index{x.KeySchema.of("HASH"), x.KeySchema.of("RANGE")}
		if x.Projection.ProjectionType != "KEYS_ONLY" || t.types[i.hash] == "" || t.types[i.sort] == "" {
			return nil, invalid("the stand-in has indexes of two keys, and of keys only")
		}
		t.indexes[x.IndexName] = i
	}
	if d.tables == nil {
		d.tables = map[string]*table{}
	}
	d.tables[t.name] = t
	return struct{}{}, nil
}

func (d *DB) deleteTable(in struct{ TableName string }, _ Fault) (any, error) {
	_, err := d.table(in.TableName)
	delete(d.tables, in.TableName)
	return struct{}{}, err
}

// reading is one item to be read.
type reading struct {
	TableName                string
	Key                      item
	ProjectionExpression     string
	ExpressionAttributeNames map[string]string
	ConsistentRead           bool
}

func (d *DB) read(in reading, fault Fault) (item, error) {
	t, err := d.table(in.TableName)
	if err != nil {
		return nil, err
	}
	key, err := t.keyIn(in.Key)
	if err != nil {
		return nil, err
	}
	i := t.view(key, in.ConsistentRead, fault)
	d.spent.Reads += readUnits(i.size(), in.ConsistentRead)
	p := newParser(in.ExpressionAttributeNames, nil)
	if in.ProjectionExpression != "" {
		names, err := parse(p, in.ProjectionExpression, p.paths)
		if err != nil {
			return nil, err
		}
		if i != nil {
			i = i.of(names)
		}
	}
	return i, p.done()
}

type found struct {
	Item item `json:",omitempty"`
}

func (d *DB) getItem(in reading, fault Fault) (any, error) {
	i, err := d.read(in, fault)
	return found{i}, err
}

// keysOf are the items of a batch that lie in one table.
type keysOf struct {
	Keys           []item
	ConsistentRead bool `json:",omitempty"`
}

// mostBatch and mostTransaction are how many items one request may name.
const mostBatch, mostTransaction = 100, 100

func (d *DB) batchGetItem(in struct{ RequestItems map[string]keysOf }, fault Fault) (any, error) {
	responses, left := map[string][]item{}, map[string]keysOf{}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(in.RequestItems)) {
		keys := in.RequestItems[name]
		responses[name] = []item{}
		seen := map[string]bool{}
		for at, key := range keys.Keys {
			if n++; n > mostBatch {
				return nil, invalid("Too many items requested for the BatchGetItem call")
			}
			if seen[key["pk"].text] {
				return nil, invalid("Provided list of item keys contains duplicates")
			}
			seen[key["pk"].text] = true
			i, err := d.read(reading{TableName: name, Key: key, ConsistentRead: keys.ConsistentRead}, fault)
			switch {
			case err != nil:
				return nil, err
			case fault == Unprocessed && at%2 == 1-len(keys.Keys)%2:
				// Of one that is alone, nothing.
				left[name] = keysOf{append(left[name].Keys, key), keys.ConsistentRead}
			case i != nil:
				responses[name] = append(responses[name], i)
			}
		}
	}
	if n == 0 {
		return nil, invalid("1 validation error detected: Value at 'requestItems' failed to satisfy constraint: Member must have length greater than or equal to 1")
	}
	return map[string]any{"Responses": responses, "UnprocessedKeys": left}, nil
}

func (d *DB) transactGetItems(in struct {
	TransactItems []struct{ Get reading }
}, fault Fault) (any, error) {
	if err := counted(len(in.TransactItems)); err != nil {
		return nil, err
	}
	all, at := make([]found, len(in.TransactItems)), map[[2]string]bool{}
	for n, item := range in.TransactItems {
		item.Get.ConsistentRead = true
		i, err := d.read(item.Get, None)
		d.spent.Reads += readUnits(i.size(), true) // twice what one alone costs
		if err == nil {
			err = once(at, item.Get.TableName, item.Get.Key)
		}
		if err != nil {
			return nil, err
		}
		all[n].Item = i
	}
	if fault == Conflicting {
		return nil, cancelled(d.meeting(make([]cancellation, len(all))))
	}
	return map[string]any{"Responses": all}, nil
}

func counted(n int) error {
	if n < 1 || n > mostTransaction {
		return invalid("1 validation error detected: Value at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to %d", mostTransaction)
	}
	return nil
}

// once: no item is named twice.
func once(at map[[2]string]bool, table string, key item) error {
	place := [2]string{table, key["pk"].text}
	if at[place] {
		return invalid("Transaction request cannot include multiple operations on one item")
	}
	at[place] = true
	return nil
}

// writing is one item to be written.
type writing struct {
	TableName                           string
	Item                                item
	Key                                 item
	UpdateExpression                    string
	ConditionExpression                 string
	ExpressionAttributeNames            map[string]string
	ExpressionAttributeValues           item
	ReturnValuesOnConditionCheckFailure string
}

// prepared is a write that may be done.
type prepared struct {
	*table
	key string
	old item
	new item // nil: it is deleted, or, of a check, nothing is written
	// checked: it only checks.
	checked bool
	// held: its condition does.
	held bool
}

// prepare evaluates a write, and does nothing.
func (d *DB) prepare(kind string, w writing) (p prepared, err error) {
	if p.table, err = d.table(w.TableName); err != nil {
		return p, err
	}
	if kind == "Put" {
		w.Key = w.Item.of([]string{p.table.key})
		if err := p.check(w.Item); err != nil {
			return p, err
		}
	}
	if p.key, err = p.keyIn(w.Key); err != nil {
		return p, err
	}
	p.old = p.items[p.key]
	expressions := newParser(w.ExpressionAttributeNames, w.ExpressionAttributeValues)
	holds := func(item) bool { return true }
	if w.ConditionExpression != "" {
		if holds, err = parse(expressions, w.ConditionExpression, expressions.condition); err != nil {
			return p, err
		}
	}
	var changed change
	if w.UpdateExpression != "" {
		if changed, err = parse(expressions, w.UpdateExpression, expressions.update); err != nil {
			return p, err
		}
	}
	if err := expressions.done(); err != nil {
		return p, err
	}
	if p.held = holds(p.old); !p.held {
		return p, nil
	}
	switch kind {
	case "Put":
		p.new = w.Item
	case "Update":
		p.new = w.Key.clone()
		maps.Copy(p.new, p.old)
		if changed != nil {
			if err := changed(p.old, p.new); err != nil {
				return p, err
			}
		}
		if !p.new[p.table.key].equal(w.Key[p.table.key]) {
			return p, invalid("One or more parameter values were invalid: Cannot update attribute %s. This attribute is part of the key", p.table.key)
		}
		return p, p.check(p.new)
	case "ConditionCheck":
		p.checked = true
	}
	return p, nil
}

// units are what the write costs: of what was there and what is, the larger counts,
// also where it was refused.
func (p prepared) units(each float64) float64 {
	units := each * math.Ceil(max(1, float64(max(p.old.size(), p.new.size())))/1024)
	if !p.held || p.checked {
		return units
	}
	for _, x := range p.indexes {
		keys := []string{x.hash, x.sort}
		before, after := p.has(p.old, keys), p.has(p.new, keys)
		switch {
		case before && after && p.old[x.hash].equal(p.new[x.hash]) && p.old[x.sort].equal(p.new[x.sort]):
		case before && after:
			units += 2
		case before || after:
			units++
		}
	}
	return units
}

// readUnits are what it costs to look at so many bytes.
func readUnits(bytes int, consistent bool) float64 {
	units := math.Ceil(max(1, float64(bytes)) / 4096)
	if !consistent {
		units /= 2
	}
	return units
}

func (p prepared) done() {
	if !p.checked {
		p.put(p.key, p.new)
	}
}

const failedCondition = "The conditional request failed"

// write does a write by itself.
func (d *DB) write(kind string, w writing, fault Fault) (any, error) {
	p, err := d.prepare(kind, w)
	switch {
	case err != nil:
		return nil, err
	case fault == Conflicting:
		return nil, &failure{status: 400, name: "TransactionConflictException", Message: "Transaction is ongoing for the item"}
	}
	d.spent.Writes += p.units(1)
	if !p.held {
		return nil, &failure{status: 400, name: "ConditionalCheckFailedException", Message: failedCondition, Item: told(w, p)}
	}
	p.done()
	return struct{}{}, nil
}

// told is the item that a refusal shows.
func told(w writing, p prepared) item {
	if w.ReturnValuesOnConditionCheckFailure == "ALL_OLD" {
		return p.old
	}
	return nil
}

func (d *DB) putItem(w writing, fault Fault) (any, error)    { return d.write("Put", w, fault) }
func (d *DB) updateItem(w writing, fault Fault) (any, error) { return d.write("Update", w, fault) }
func (d *DB) deleteItem(w writing, fault Fault) (any, error) { return d.write("Delete", w, fault) }

// tokenLife is how long a transaction with the same token is the same one.
const tokenLife = 10 * time.Minute

func transactWriteItems(d *DB, body []byte, fault Fault) (any, error) {
	in, err := decode[struct {
		ClientRequestToken string
		TransactItems      []map[string]writing
	}](body)
	if err != nil {
		return nil, err
	}
	if err := counted(len(in.TransactItems)); err != nil {
		return nil, err
	}
	if before, known := d.tokens[in.ClientRequestToken]; known && d.now().Sub(before.at) < tokenLife {
		if before.body != string(body) {
			return nil, &failure{status: 400, name: "IdempotentParameterMismatchException", Message: "Request parameters do not match the ones used originally for the token"}
		}
		return struct{}{}, nil
	}
	var all []prepared
	reasons, refused, at := make([]cancellation, len(in.TransactItems)), false, map[[2]string]bool{}
	for n, one := range in.TransactItems {
		if len(one) != 1 {
			return nil, invalid("TransactItems can only contain one of Check, Put, Update or Delete")
		}
		for kind, w := range one {
			if kind != "Put" && kind != "Update" && kind != "Delete" && kind != "ConditionCheck" {
				return nil, fmt.Errorf("the stand-in knows no %s in a transaction", kind)
			}
			p, err := d.prepare(kind, w)
			if err == nil {
				err = once(at, w.TableName, item{"pk": {kind: "S", text: p.key}})
			}
			if err != nil {
				return nil, err
			}
			if all = append(all, p); !p.held {
				refused = true
				reasons[n] = cancellation{Code: "ConditionalCheckFailed", Message: failedCondition, Item: told(w, p)}
			}
		}
	}
	if fault == Conflicting {
		reasons, refused = d.meeting(reasons), true
	}
	for _, p := range all {
		d.spent.Writes += p.units(2)
	}
	if refused {
		return nil, cancelled(reasons)
	}
	for _, p := range all {
		p.done()
	}
	if in.ClientRequestToken != "" {
		if d.tokens == nil {
			d.tokens = map[string]token{}
		}
		d.tokens[in.ClientRequestToken] = token{string(body), d.now()}
	}
	return struct{}{}, nil
}

// meeting has one of the items be in another transaction, each in its turn. What it
// says of the others stays.
func (d *DB) meeting(reasons []cancellation) []cancellation {
	reasons[d.Turn%len(reasons)] = cancellation{Code: "TransactionConflict", Message: "Transaction is ongoing for the item"}
	d.Turn++
	return reasons
}

func cancelled(reasons []cancellation) error {
	var codes []string
	for n := range reasons {
		reasons[n].Code = cmp.Or(reasons[n].Code, "None")
		codes = append(codes, reasons[n].Code)
	}
	return &failure{
		status: 400, name: "TransactionCanceledException", Reasons: reasons,
		Message: "Transaction cancelled, please refer cancellation reasons for specific reasons [" + strings.Join(codes, ", ") + "]",
	}
}

// listing is a query or a scan.
type listing struct {
	TableName, IndexName      string
	KeyConditionExpression    string
	FilterExpression          string
	ProjectionExpression      string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues item
	ExclusiveStartKey         item
	Limit                     *int
	ConsistentRead            bool
	ScanIndexForward          *bool
}

func (d *DB) query(in listing, fault Fault) (any, error) {
	if in.KeyConditionExpression == "" {
		return nil, invalid("Either the KeyConditions or KeyConditionExpression parameter must be specified in the request.")
	}
	return d.list(in, fault)
}

func (d *DB) scan(in listing, fault Fault) (any, error) {
	if in.KeyConditionExpression != "" || in.IndexName != "" {
		return nil, invalid("the stand-in scans tables only")
	}
	return d.list(in, fault)
}

// list looks at the items that fit the key condition, in order, page by page.
func (d *DB) list(in listing, fault Fault) (any, error) {
	t, err := d.table(in.TableName)
	if err != nil {
		return nil, err
	}
	by, keys, err := t.ordered(in)
	if err != nil {
		return nil, err
	}
	p := newParser(in.ExpressionAttributeNames, in.ExpressionAttributeValues)
	fits, passes := condition(func(item) bool { return true }), condition(func(item) bool { return true })
	var names []string
	if in.KeyConditionExpression != "" {
		if err := checkKeys(p, in.KeyConditionExpression, by); err != nil {
			return nil, err
		}
		fits, err = parse(p, in.KeyConditionExpression, p.condition)
	}
	if err == nil && in.FilterExpression != "" {
		passes, err = parse(p, in.FilterExpression, p.condition)
	}
	if err == nil && in.ProjectionExpression != "" {
		names, err = parse(p, in.ProjectionExpression, p.paths)
	}
	if err == nil {
		err = p.done()
	}
	if err != nil {
		return nil, err
	}
	var all []item
	for key := range t.keys() {
		i := t.view(key, in.ConsistentRead, fault)
		if i != nil && t.has(i, keys) && fits(i) {
			all = append(all, i)
		}
	}
	compare := func(a, b item) int {
		for _, name := range keys {
			if c, _ := a[name].compare(b[name]); c != 0 {
				return c
			}
		}
		return 0
	}
	if in.ScanIndexForward != nil && !*in.ScanIndexForward {
		forward := compare
		compare = func(a, b item) int { return forward(b, a) }
	}
	slices.SortFunc(all, compare)
	if in.ExclusiveStartKey != nil {
		if len(in.ExclusiveStartKey) != len(keys) || !t.has(in.ExclusiveStartKey, keys) {
			return nil, invalid("The provided starting key is invalid")
		}
		all = slices.DeleteFunc(all, func(i item) bool { return compare(i, in.ExclusiveStartKey) <= 0 })
	}
	most := cmp.Or(d.PageItems, 100)
	if in.Limit != nil {
		if *in.Limit > math.MaxInt32 {
			return nil, &failure{status: 500, name: "InternalFailure", Message: "The request processing has failed because of an unknown error, exception or failure."}
		}
		if *in.Limit < 1 {
			return nil, invalid("1 validation error detected: Value '%d' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1", *in.Limit)
		}
		most = min(most, *in.Limit)
	}
	out := struct {
		Items               []item
		Count, ScannedCount int
		LastEvaluatedKey    item `json:",omitempty"`
	}{Items: []item{}}
	// It does not look whether there is more.
	if len(all) >= most {
		all = all[:most]
		out.LastEvaluatedKey = all[most-1].of(keys)
	}
	looked := 0
	for _, i := range all {
		if in.IndexName != "" {
			i = i.of(keys)
		}
		looked += i.size()
		if out.ScannedCount++; !passes(i) {
			continue
		}
		if names != nil {
			i = i.of(names)
		}
		out.Items = append(out.Items, i)
	}
	d.spent.Reads += readUnits(looked, in.ConsistentRead)
	out.Count = len(out.Items)
	return out, nil
}

// ordered says by which keys a listing is made, and by which it is in order.
func (t *table) ordered(in listing) (by index, keys []string, err error) {
	if in.IndexName == "" {
		return index{hash: t.key}, []string{t.key}, nil
	}
	by, ok := t.indexes[in.IndexName]
	switch {
	case !ok:
		return by, nil, invalid("The table does not have the specified index: %s", in.IndexName)
	case in.ConsistentRead:
		return by, nil, invalid("Consistent reads are not supported on global secondary indexes")
	}
	return by, []string{by.hash, by.sort, t.key}, nil
}

// checkKeys: a key condition is that the one key equals, and compares the other.
func checkKeys(p *parser, text string, by index) error {
	_, err := parse(p, text, func() bool {
		for seen := map[string]bool{}; ; p.expect("AND") {
			function := p.accept("begins_with")
			if function {
				p.expect("(")
			}
			name := p.path()
			switch {
			case seen[name] || name != by.hash && name != by.sort:
				p.fail("Query condition missed key schema element: %s", by.hash)
			case function:
				p.expect(",")
				p.value()
				p.expect(")")
			case name == by.hash || p.peek("="):
				p.expect("=")
				p.value()
			case p.accept("BETWEEN"):
				p.value()
				p.expect("AND")
				p.value()
			case p.peek("<", "<=", ">", ">="):
				p.next()
				p.value()
			default:
				p.fail("Invalid KeyConditionExpression: Syntax error")
			}
			if seen[name] = true; len(p.rest) == 0 {
				if !seen[by.hash] {
					p.fail("Query condition missed key schema element: %s", by.hash)
				}
				return true
			}
		}
	})
	return err
}

// keys are those of all items that there are, or were a moment ago.
func (t *table) keys() map[string]bool {
	all := map[string]bool{}
	for key := range t.items {
		all[key] = true
	}
	for key := range t.before {
		all[key] = true
	}
	return all
}

func (t *table) has(i item, keys []string) bool {
	return !slices.ContainsFunc(keys, func(name string) bool { _, ok := i[name]; return !ok })
}
