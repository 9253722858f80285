package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// get reads an item as it is; nil if there is none.
func (l *Ledger) get(ctx context.Context, pk string) (item, error) {
	var out struct{ Item item }
	err := l.Client.Do(ctx, "GetItem", map[string]any{
		"TableName": l.Table, "Key": item{"pk": text(pk)}, "ConsistentRead": true,
	}, &out)
	return out.Item, err
}

// together reads items as they are at one moment, in their order. It is tried again
// while one is being written.
func (l *Ledger) together(ctx context.Context, places []place) ([]item, error) {
	type get struct{ Get map[string]any }
	var gets []get
	for _, p := range places {
		gets = append(gets, get{map[string]any{"TableName": l.Table, "Key": item{"pk": text(p.pk)}}})
	}
	for try := range tries {
		var out struct{ Responses []struct{ Item item } }
		err := l.Client.Do(ctx, "TransactGetItems", map[string]any{"TransactItems": gets}, &out)
		if r := refused(err); r != nil {
			if err := l.pause(ctx, try); err != nil {
				return nil, err
			}
			continue
		}
		if err == nil && len(out.Responses) != len(places) {
			err = fmt.Errorf("ledger: DynamoDB: found %d items in an answer, expected %d", len(out.Responses), len(places))
		}
		if err != nil {
			return nil, err
		}
		var all []item
		for _, x := range out.Responses {
			all = append(all, x.Item)
		}
		return all, nil
	}
	return nil, errBusy
}

// mostBatch is how many items BatchGetItem takes at once.
const mostBatch = 100

// batch reads items as they are, in no order.
func (l *Ledger) batch(ctx context.Context, pks []string) ([]item, error) {
	type keys struct {
		Keys           []item
		ConsistentRead bool
	}
	var all []item
	for part := range slices.Chunk(pks, mostBatch) {
		ask := map[string]keys{l.Table: {ConsistentRead: true}}
		for _, pk := range part {
			ask[l.Table] = keys{append(ask[l.Table].Keys, item{"pk": text(pk)}), true}
		}
		for try := 0; len(ask) > 0; try++ {
			var out struct {
				Responses       map[string][]item
				UnprocessedKeys map[string]keys
			}
			if err := l.Client.Do(ctx, "BatchGetItem", map[string]any{"RequestItems": ask}, &out); err != nil {
				return nil, err
			}
			all = append(all, out.Responses[l.Table]...)
			if ask = out.UnprocessedKeys; len(ask) > 0 {
				if err := l.pause(ctx, min(try, tries)); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}

// Owners is as in [ledger.Ledger].
func (l *Ledger) Owners(ctx context.Context, project string, jobs []string) (map[string]ledger.Key, error) {
	owners, names := make(map[string]ledger.Key), make(map[string]string)
	var pks []string
	for _, job := range jobs {
		pk := jobKey(project, job)
		if _, twice := names[pk]; !twice {
			names[pk], pks = job, append(pks, pk)
		}
	}
	items, err := l.batch(ctx, pks)
	if err != nil {
		return nil, err
	}
	for _, i := range items {
		k, err := i.owner()
		if err != nil {
			return nil, err
		}
		owners[names[i["pk"].S]] = *k
	}
	return owners, nil
}

// Use is as in [ledger.Ledger].
func (l *Ledger) Use(ctx context.Context, ticket, slot string) (ledger.Use, error) {
	i, err := l.get(ctx, useKey(ticket, slot))
	if err != nil {
		return ledger.Use{}, err
	}
	u, _, err := i.use()
	if err == nil && u.Format > ledger.Format {
		return ledger.Use{}, ledger.ErrNewer
	}
	return u, err
}

// Instance is as in [ledger.Ledger].
func (l *Ledger) Instance(ctx context.Context, project, instance string) (ledger.Instance, error) {
	in, err := l.instance(ctx, project, instance)
	if err == nil && in.Format > ledger.Format {
		err = ledger.ErrNewer
	}
	return in, err
}

// Get is as in [ledger.Ledger].
func (l *Ledger) Get(ctx context.Context, key ledger.Key) (ledger.Record, error) {
	s, err := l.read(ctx, key)
	if err != nil {
		return ledger.Record{}, err
	}
	return readable(s.decision)
}

func readable(d *ledger.Record) (ledger.Record, error) {
	switch {
	case d == nil:
		return ledger.Record{}, ledger.ErrNotFound
	case d.Format > ledger.Format:
		return ledger.Record{}, ledger.ErrNewer
	}
	return *d.Clone(), nil
}

// mostPages bounds how far a shard is searched beyond what cannot be used.
const mostPages = 16

// Due is as in [ledger.Ledger]. The index lags a little; what it names is read
// as it is. An item that cannot be read is passed over, lest it stop the work on
// all others; it is an error only where nothing else was read. What is passed
// over takes nobody's place: its shard is searched further.
func (l *Ledger) Due(ctx context.Context, now time.Time, limit int, but ...func(ledger.Due) bool) ([]ledger.Due, error) {
	var (
		list   []ledger.Due
		errs   []error
		read   bool
		pages  [shards]page
		listed = make(map[string]*page)
	)
	for range mostPages {
		var pks []string
		for n := range pages {
			places, err := l.turn(ctx, int64(n), &pages[n], now, limit)
			if err != nil {
				return nil, err
			}
			for _, p := range places {
				// One that moved in the index between two pages is on both.
				if pk := p["pk"].S; listed[pk] == nil {
					listed[pk], pks = &pages[n], append(pks, pk)
				}
			}
		}
		if len(pks) == 0 {
			break
		}
		items, err := l.batch(ctx, pks)
		if err != nil {
			return nil, err
		}
		for _, i := range items {
			s, err := i.seen()
			if err != nil {
				errs = append(errs, err)
				continue
			}
			read = read || s.decision.Format <= ledger.Format
			if a, ok := s.decision.Asks(); ok && a.By(now) && !a.In(but) {
				list = append(list, a)
				listed[i["pk"].S].found++
			}
		}
	}
	if !read {
		return nil, errors.Join(errs...)
	}
	slices.SortStableFunc(list, func(a, b ledger.Due) int { return a.At.Compare(b.At) })
	return list[:min(limit, len(list))], nil
}

// page is how far one shard of the index was read, and what was found there.
type page struct {
	found int
	begun bool
	next  item // nil once there is nothing more
}

// turn lists the next places in one shard of the index that are due, unless
// enough of it is known.
func (l *Ledger) turn(ctx context.Context, n int64, p *page, now time.Time, limit int) ([]item, error) {
	if p.found >= limit || p.begun && p.next == nil {
		return nil, nil
	}
	ask := map[string]any{
		"TableName": l.Table, "IndexName": "work", "Limit": min(limit, math.MaxInt32),
		"KeyConditionExpression":    "wq = :n AND due <= :now",
		"ExpressionAttributeValues": item{":n": number(n), ":now": seconds(now)},
	}
	if p.begun {
		ask["ExclusiveStartKey"] = p.next
	}
	var out struct {
		Items            []item
		LastEvaluatedKey item
	}
	err := l.Client.Do(ctx, "Query", ask, &out)
	p.begun, p.next = true, out.LastEvaluatedKey
	return out.Items, err
}

// scan reads all items of a kind, for people only. DynamoDB leaves out those in
// whose records not all the texts stand; they are paid for all the same.
func (l *Ledger) scan(ctx context.Context, prefix string, texts ...string) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		filter, values := "begins_with(pk, :d)", item{":d": text(prefix)}
		for n, wanted := range texts {
			name := fmt.Sprint(":t", n)
			filter += " AND contains(rec, " + name + ")"
			values[name] = text(wanted)
		}
		ask := map[string]any{
			"TableName": l.Table, "ConsistentRead": true, "FilterExpression": filter, "ExpressionAttributeValues": values,
		}
		for {
			var out struct {
				Items            []item
				LastEvaluatedKey item
			}
			if err := l.Client.Do(ctx, "Scan", ask, &out); err != nil {
				yield(nil, err)
				return
			}
			for _, i := range out.Items {
				if !yield(i, nil) {
					return
				}
			}
			if out.LastEvaluatedKey == nil {
				return
			}
			ask["ExclusiveStartKey"] = out.LastEvaluatedKey
		}
	}
}

// All is as in [ledger.Ledger].
func (l *Ledger) All(ctx context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return func(yield func(ledger.Record, error) bool) {
		for i, err := range l.scan(ctx, "d#", ledger.Plain(texts)...) {
			var s seen
			var d ledger.Record
			if err == nil {
				s, err = i.seen()
			}
			if err == nil {
				d, err = readable(s.decision)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// Instances is as in [ledger.Ledger].
func (l *Ledger) Instances(ctx context.Context) iter.Seq2[ledger.Instance, error] {
	return func(yield func(ledger.Instance, error) bool) {
		for i, err := range l.scan(ctx, "i#") {
			var in ledger.Instance
			if err == nil {
				in, err = i.instance()
			}
			if err == nil && in.Format > ledger.Format {
				err = ledger.ErrNewer
			}
			if !yield(in, err) {
				return
			}
		}
	}
}

// Trail is as in [ledger.Ledger]: the items are read by their numbers. Behind
// the last that the instance names, one is looked for.
func (l *Ledger) Trail(ctx context.Context, project, instance string, from int64) iter.Seq2[ledger.AuditRecord, error] {
	return func(yield func(ledger.AuditRecord, error) bool) {
		in, err := l.Instance(ctx, project, instance)
		for last := in.Head.Seq + 1; err == nil && from <= last; {
			var pks []string
			for ; from <= last && len(pks) < mostBatch; from++ {
				pks = append(pks, auditKey(project, instance, from))
			}
			var items []item
			if items, err = l.batch(ctx, pks); err != nil {
				break
			}
			there := make(map[string]item, len(items))
			for _, i := range items {
				there[i["pk"].S] = i
			}
			for n, pk := range pks {
				if there[pk] == nil {
					continue
				}
				a, err := there[pk].audit()
				if err != nil && !errors.Is(err, ledger.ErrNewer) {
					seq := from - int64(len(pks)-n)
					err = &ledger.AuditError{Project: project, Instance: instance, Seq: seq, Problem: "cannot be read: " + err.Error()}
				}
				if !yield(a, err) || err != nil {
					return
				}
			}
		}
		if err != nil {
			yield(ledger.AuditRecord{}, err)
		}
	}
}

// Arrived is as in [ledger.Arrivals]. DynamoDB deletes what has expired late.
func (l *Ledger) Arrived(ctx context.Context, now time.Time) iter.Seq2[ledger.Arrival, error] {
	return func(yield func(ledger.Arrival, error) bool) {
		for i, err := range l.scan(ctx, "n#") {
			var a ledger.Arrival
			if err == nil {
				a, err = ledger.DecodeArrival([]byte(i["rec"].S))
			}
			if (err != nil || a.Expire.After(now)) && !yield(a, err) {
				return
			}
		}
	}
}

var (
	_ ledger.Ledger   = (*Ledger)(nil)
	_ ledger.Arrivals = (*Ledger)(nil)
)
