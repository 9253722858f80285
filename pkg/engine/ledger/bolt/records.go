package bolt

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Buckets of the file. Decisions lie under their digests, instances and jobs
// under project/id. due and expire are indexes: a stamp, then a digest.
const (
	meta      = "meta"
	decisions = "decisions"
	instances = "instances"
	jobs      = "jobs"
	due       = "due"
	expire    = "expire"
)

var buckets = [...]string{meta, decisions, instances, jobs, due, expire}

// Names in the bucket meta.
var format, halt = []byte("format"), []byte("halt")

// formatNow is the format of the file as a whole.
const formatNow = "1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// layOut makes an empty ledger.
func layOut(tx *bolt.Tx) error {
	for _, name := range buckets {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return records{tx}.put(meta, format, []byte(formatNow))
}

// records are the records of one transaction.
type records struct{ tx *bolt.Tx }

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

// put keeps count in the bucket's sequence number.
func (r records) put(bucket string, key, value []byte) error {
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
	return in, nil
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

func (r records) Due(now time.Time, limit int) ([]ledger.Due, error) {
	var list []ledger.Due
	c := r.tx.Bucket([]byte(due)).Cursor()
	for k, _ := c.First(); k != nil && len(list) < limit && !after(k, now); k, _ = c.Next() {
		d, err := r.decision(indexed(k))
		if err != nil {
			return nil, err
		}
		if d == nil {
			return nil, fmt.Errorf("index names no decision: %q", k)
		}
		if a, ok := d.Asks(); ok && a.By(now) {
			list = append(list, a)
		}
	}
	return list, nil
}

// page is how many decisions are read at a time.
const page = 128

func (r records) Page(after string) ([]*ledger.Record, string, error) {
	var list []*ledger.Record
	c := r.tx.Bucket([]byte(decisions)).Cursor()
	k, _ := c.Seek([]byte(after))
	if k != nil && string(k) == after {
		k, _ = c.Next()
	}
	for ; k != nil; k, _ = c.Next() {
		d, err := r.decision(k)
		if err != nil {
			return nil, "", err
		}
		if list = append(list, d); len(list) == page {
			return list, string(k), nil
		}
	}
	return list, "", nil
}

func (r records) Halted() (bool, error) {
	b, err := r.get(meta, halt)
	return b != nil, err
}

func (r records) PutHalted(halted bool) error {
	if halted {
		return r.put(meta, halt, nil)
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
	if k := dueAt(after, digest); k != nil {
		if err := r.put(due, k, nil); err != nil {
			return err
		}
	}
	if k := expireAt(after, digest); k != nil {
		if err := r.put(expire, k, nil); err != nil {
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

func (r records) encode(bucket string, key []byte, v any) error {
	b, err := ledger.Encode(v)
	if err != nil {
		return err
	}
	return r.put(bucket, key, b)
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
