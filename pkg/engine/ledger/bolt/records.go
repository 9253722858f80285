package bolt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Buckets of the file. Decisions lie under their digests, instances, their
// heads and jobs under project/id, uses of tickets under their key. due and
// expire are indexes: a stamp, then a digest. An audit record lies under its
// instance's project/id, a zero byte and its number in eight bytes. Arrivals lie
// under a stamp of when they came and their digest, by which arrived finds them;
// both buckets are there from the first arrival on.
const (
	meta      = "meta"
	decisions = "decisions"
	instances = "instances"
	jobs      = "jobs"
	due       = "due"
	expire    = "expire"
	uses      = "uses"
	heads     = "heads"
	audit     = "audit"
	arrivals  = "arrivals"
	arrived   = "arrived"
)

// Files of the first version have no buckets that were added. They get them when
// they are opened, and from then on meta says that they have.
var (
	first   = []string{meta, decisions, instances, jobs, due, expire}
	added   = []string{uses, heads, audit}
	buckets = append(first, added...)
)

// Names in the bucket meta.
var format, halt, grown = []byte("format"), []byte("halt"), []byte("audit")

// formatNow is the format of the file as a whole.
const formatNow = "1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// layOut makes an empty ledger.
func layOut(tx *bolt.Tx) error {
	if err := makeBuckets(tx, first); err != nil {
		return err
	}
	return errors.Join(on(tx).write(meta, format, []byte(formatNow)), grow(tx))
}

// small tells whether it is a ledger of the first version, which lacks what was
// added.
func small(tx *bolt.Tx) (bool, error) {
	b, err := on(tx).get(meta, grown)
	return b == nil, err
}

// grow makes it one of this version.
func grow(tx *bolt.Tx) error {
	return errors.Join(makeBuckets(tx, added), on(tx).write(meta, grown, nil))
}

func makeBuckets(tx *bolt.Tx, names []string) error {
	for _, name := range names {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// records are the records of one transaction.
type records struct {
	tx  *bolt.Tx
	put *bool // whether anything was put
}

func on(tx *bolt.Tx) records { return records{tx, new(bool)} }

// sum is over the name too, so that a record cannot pass for another.
func sum(key, value []byte) []byte {
	return binary.BigEndian.AppendUint32(nil, crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value))
}

// content takes the checksum off what is stored under key.
func content(key, stored []byte) ([]byte, error) {
	if len(stored) < crc32.Size || !bytes.Equal(stored[:crc32.Size], sum(key, stored[crc32.Size:])) {
		return nil, fmt.Errorf("record %q does not match its checksum", key)
	}
	return stored[crc32.Size:], nil
}

// get returns nil if there is nothing.
func (r records) get(bucket string, key []byte) ([]byte, error) {
	stored := r.tx.Bucket([]byte(bucket)).Get(key)
	if stored == nil {
		return nil, nil
	}
	return content(key, stored)
}

// write keeps count in the bucket's sequence number.
func (r records) write(bucket string, key, value []byte) error {
	*r.put = true
	b := r.tx.Bucket([]byte(bucket))
	if b.Get(key) == nil {
		if _, err := b.NextSequence(); err != nil {
			return err
		}
	}
	return b.Put(key, append(sum(key, value), value...))
}

func (r records) delete(bucket string, key []byte) error {
	b := r.tx.Bucket([]byte(bucket))
	if b.Get(key) == nil {
		return nil
	}
	*r.put = true
	if err := b.SetSequence(b.Sequence() - 1); err != nil {
		return err
	}
	return b.Delete(key)
}

func (r records) Record(k ledger.Key) (*ledger.Record, error) {
	return r.decision([]byte(k.Digest()))
}

func (r records) decision(digest []byte) (*ledger.Record, error) {
	b, err := r.get(decisions, digest)
	if b == nil || err != nil {
		return nil, err
	}
	d, err := ledger.DecodeRecord(b)
	if err != nil {
		return nil, fmt.Errorf("decision %s: %w", digest, err)
	}
	return d, nil
}

func (r records) Instance(project, instance string) (ledger.Instance, error) {
	b, err := r.get(instances, pair(project, instance))
	if b == nil || err != nil {
		return ledger.Instance{}, err
	}
	in, err := ledger.DecodeInstance(b)
	if err != nil {
		return in, fmt.Errorf("instance %s: %w", instance, err)
	}
	if b, err = r.get(heads, pair(project, instance)); b == nil || err != nil {
		return in, err
	}
	if err := json.Unmarshal(b, &in.Head); err != nil {
		return in, fmt.Errorf("head of instance %s: %w", instance, err)
	}
	return in, nil
}

func (r records) Instances(after string) ([]ledger.Instance, string, error) {
	var list []ledger.Instance
	c := r.tx.Bucket([]byte(instances)).Cursor()
	for k, _ := beyond(c, after); k != nil; k, _ = c.Next() {
		project, id, _ := strings.Cut(string(k), "/")
		in, err := r.Instance(project, id)
		if err != nil {
			return nil, "", err
		}
		if list = append(list, in); len(list) == page {
			return list, string(k), nil
		}
	}
	return list, "", nil
}

func (r records) Use(ticket, slot string) (*ledger.Use, error) {
	b, err := r.get(uses, []byte(ledger.UseKey(ticket, slot)))
	if b == nil || err != nil {
		return nil, err
	}
	u, err := ledger.DecodeUse(b)
	if err != nil {
		return nil, fmt.Errorf("use of ticket %s: %w", ticket, err)
	}
	return &u, nil
}

func (r records) Trail(project, instance string, from int64) ([]ledger.AuditRecord, error) {
	var list []ledger.AuditRecord
	c := r.tx.Bucket([]byte(audit)).Cursor()
	whose := auditKey(project, instance, 0)
	whose = whose[:len(whose)-8]
	for k, v := c.Seek(auditKey(project, instance, from)); bytes.HasPrefix(k, whose) && len(list) < page; k, v = c.Next() {
		b, err := content(k, v)
		if err != nil {
			return list, err
		}
		a, err := ledger.DecodeAudit(b)
		if err == nil && !bytes.Equal(k, auditKey(a.Project, a.Instance, a.Seq)) {
			err = errors.New("it is another one's")
		}
		if err != nil {
			seq := int64(binary.BigEndian.Uint64(k[len(whose):]))
			return list, &ledger.AuditError{Project: project, Instance: instance, Seq: seq, Problem: fmt.Sprintf("cannot be read: %v", err)}
		}
		list = append(list, a)
	}
	return list, nil
}

func (r records) Arrivals() (list []ledger.Arrival, err error) {
	b := r.tx.Bucket([]byte(arrivals))
	if b == nil {
		return nil, nil
	}
	var errs []error
	c := b.Cursor()
	for k, stored := c.First(); k != nil; k, stored = c.Next() {
		var a ledger.Arrival
		text, err := content(k, stored)
		if err == nil {
			a, err = ledger.DecodeArrival(text)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("arrival %q: %w", k, err))
		} else {
			list = append(list, a)
		}
	}
	return list, errors.Join(errs...)
}

func (r records) PutArrival(a ledger.Arrival) error {
	for _, name := range []string{arrivals, arrived} {
		if _, err := r.tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	digest := []byte(a.Digest())
	at := append([]byte(ledger.Stamp(a.At)), digest...)
	before, err := r.get(arrived, digest)
	if err != nil {
		return err
	}
	if err := errors.Join(r.delete(arrivals, bytes.Clone(before)), r.write(arrived, digest, at), r.encode(arrivals, at, a)); err != nil {
		return err
	}
	return r.forget(a.At)
}

// forget forgets the oldest arrivals beyond those that may be, and some that have
// expired. Each is kept for as long, so that the oldest expire first.
func (r records) forget(now time.Time) error {
	const most = 8
	b := r.tx.Bucket([]byte(arrivals))
	for range most {
		k, stored := b.Cursor().First()
		if k == nil {
			return nil
		}
		var a ledger.Arrival
		text, err := content(k, stored)
		if err == nil {
			a, err = ledger.DecodeArrival(text)
		}
		// What cannot be read is as good as over.
		if err == nil && a.Expire.After(now) && b.Sequence() <= ledger.MostArrivals {
			return nil
		}
		if err := errors.Join(r.delete(arrived, indexed(k)), r.delete(arrivals, bytes.Clone(k))); err != nil {
			return err
		}
	}
	return nil
}

func (r records) Owner(project, job string) (*ledger.Key, error) {
	b, err := r.get(jobs, pair(project, job))
	if b == nil || err != nil {
		return nil, err
	}
	var k ledger.Key
	if err := json.Unmarshal(b, &k); err != nil {
		return nil, fmt.Errorf("job %s: %w", job, err)
	}
	return &k, nil
}

func (r records) Due(now time.Time, limit int, but ...func(ledger.Due) bool) ([]ledger.Due, error) {
	var list []ledger.Due
	c := r.tx.Bucket([]byte(due)).Cursor()
	for k, stored := c.First(); k != nil && len(list) < limit && !after(k, now); k, stored = c.Next() {
		a, ok, err := r.asks(k, stored)
		if err != nil {
			return nil, err
		}
		if ok && a.By(now) && !a.In(but) {
			list = append(list, a)
		}
	}
	return list, nil
}

// asked is what stands in the index of what is due: what passes it over need not
// read the decisions. Older versions have left it empty.
type asked struct {
	Format int        `json:"format"`
	Why    ledger.Why `json:"why"`
	Key    ledger.Key `json:"key"`
}

// asks reads a place in the index of what is due.
func (r records) asks(place, stored []byte) (ledger.Due, bool, error) {
	b, err := content(place, stored)
	if err != nil {
		return ledger.Due{}, false, err
	}
	if len(b) > 0 {
		var e asked
		if err := json.Unmarshal(b, &e); err != nil {
			return ledger.Due{}, false, fmt.Errorf("index %q: %w", place, err)
		}
		at, err := ledger.ParseStamp(string(place[:stampLen]))
		return ledger.Due{Key: e.Key, At: at, Why: e.Why}, e.Format <= ledger.Format, err
	}
	d, err := r.decision(indexed(place))
	if err == nil && d == nil {
		err = fmt.Errorf("index names no decision: %q", place)
	}
	if err != nil {
		return ledger.Due{}, false, err
	}
	a, ok := d.Asks()
	return a, ok, nil
}

// page is how many decisions are read at a time, and passed how many are looked
// at for them.
const page, passed = 128, 4096

func (r records) Page(after string, texts []string) ([]*ledger.Record, string, error) {
	var list []*ledger.Record
	c := r.tx.Bucket([]byte(decisions)).Cursor()
	seen := 0
	for k, v := beyond(c, after); k != nil; k, v = c.Next() {
		if hasAll(v, texts) {
			d, err := r.decision(k)
			if err != nil {
				return nil, "", err
			}
			list = append(list, d)
		}
		// A long look at the file would keep what was deleted meanwhile.
		if seen++; len(list) == page || seen == passed {
			return list, string(k), nil
		}
	}
	return list, "", nil
}

func hasAll(record []byte, texts []string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !bytes.Contains(record, []byte(text)) })
}

// beyond is the first key behind one.
func beyond(c *bolt.Cursor, key string) (k, v []byte) {
	k, v = c.Seek([]byte(key))
	if k != nil && string(k) == key {
		return c.Next()
	}
	return k, v
}

func (r records) Halted() (bool, error) {
	b, err := r.get(meta, halt)
	return b != nil, err
}

func (r records) PutHalted(halted bool) error {
	if halted {
		return r.write(meta, halt, nil)
	}
	return r.delete(meta, halt)
}

func (r records) PutRecord(before, after *ledger.Record) error {
	digest := after.Key.Digest()
	if before != nil {
		if err := errors.Join(r.delete(due, dueAt(before, digest)), r.delete(expire, expireAt(before, digest))); err != nil {
			return err
		}
	}
	if a, ok := after.Asks(); ok {
		if err := r.encode(due, dueAt(after, digest), asked{after.Format, a.Why, a.Key}); err != nil {
			return err
		}
	}
	if k := expireAt(after, digest); k != nil {
		if err := r.write(expire, k, nil); err != nil {
			return err
		}
	}
	return r.encode(decisions, []byte(digest), after)
}

func (r records) PutInstance(in ledger.Instance) error {
	return r.encode(instances, pair(in.Project, in.ID), in)
}

func (r records) PutOwner(project, job string, owner ledger.Key) error {
	return r.encode(jobs, pair(project, job), owner)
}

func (r records) PutUse(u ledger.Use) error {
	return r.encode(uses, []byte(ledger.UseKey(u.Ticket, u.Slot)), u)
}

func (r records) PutAudit(a ledger.AuditRecord) error {
	k := auditKey(a.Project, a.Instance, a.Seq)
	if r.tx.Bucket([]byte(audit)).Get(k) != nil {
		return ledger.ErrTrail
	}
	return errors.Join(r.encode(audit, k, a), r.encode(heads, pair(a.Project, a.Instance), ledger.Head{Seq: a.Seq, Hash: a.Hash}))
}

func (r records) encode(bucket string, key []byte, v any) error {
	b, err := ledger.Encode(v)
	if err != nil {
		return err
	}
	return r.write(bucket, key, b)
}

func (r records) Purge(now time.Time, limit int) error {
	var over [][]byte
	c := r.tx.Bucket([]byte(expire)).Cursor()
	for k, _ := c.First(); k != nil && len(over) < limit && !after(k, now); k, _ = c.Next() {
		over = append(over, bytes.Clone(k))
	}
	for _, k := range over {
		d, err := r.decision(indexed(k))
		if err != nil {
			return err
		}
		if err := errors.Join(r.delete(expire, k), r.delete(decisions, indexed(k))); err != nil {
			return err
		}
		if d == nil || d.Outcome == nil || d.Outcome.JobID == "" {
			continue
		}
		if err := r.delete(jobs, pair(d.Project, d.Outcome.JobID)); err != nil {
			return err
		}
	}
	return nil
}

// pair is unambiguous: no id of a project holds a slash.
func pair(project, id string) []byte { return []byte(project + "/" + id) }

func auditKey(project, instance string, seq int64) []byte {
	return binary.BigEndian.AppendUint64(append(pair(project, instance), 0), uint64(seq))
}

// dueAt is the decision's place in the index due; nil if it has none.
func dueAt(d *ledger.Record, digest string) []byte {
	if a, ok := d.Asks(); ok {
		return []byte(ledger.Stamp(a.At) + digest)
	}
	return nil
}

func expireAt(d *ledger.Record, digest string) []byte {
	if d.Expire.IsZero() {
		return nil
	}
	return []byte(ledger.Stamp(d.Expire) + digest)
}

// stampLen is the length of a stamp.
var stampLen = len(ledger.Stamp(time.Time{}))

// after tells whether a place in an index is later than now.
func after(place []byte, now time.Time) bool { return string(place[:stampLen]) > ledger.Stamp(now) }

// indexed is the digest in a place in an index.
func indexed(place []byte) []byte { return place[stampLen:] }
