package bolt

import (
	"bytes"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// File is the file below a ledger.
type File = store

// OpenFile opens a ledger that does not wait for the disk, and shows its file.
func OpenFile(path string, now time.Time, quiet time.Duration) (*File, *ledger.Transactional, error) {
	s, l, err := open(path, now, quiet)
	if err == nil {
		s.db.NoSync = true
	}
	return s, l, err
}

// Waits tells whether a ledger waits for the disk.
func Waits(path string, now time.Time, quiet time.Duration) (bool, error) {
	s, l, err := open(path, now, quiet)
	if err != nil {
		return false, err
	}
	defer l.Close()
	return !s.db.NoSync && !s.db.NoGrowSync, nil
}

// Age makes a record one of a later version.
func (s *store) Age(bucket, key string) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		b, err := on(tx).get(bucket, []byte(key))
		if err != nil {
			return err
		}
		return on(tx).write(bucket, []byte(key), bytes.Replace(b, []byte(`"format":1`), []byte(`"state":[],"format":2`), 1))
	})
}

// AgeDecision makes a decision one of a later version, with what the indexes have of it.
func (s *store) AgeDecision(key ledger.Key) error {
	digest := []byte(key.Digest())
	err := s.db.Update(func(tx *bolt.Tx) error {
		d, err := on(tx).decision(digest)
		if err != nil {
			return err
		}
		if a, ok := d.Asks(); ok {
			return on(tx).encode(due, dueAt(d, string(digest)), asked{ledger.Format + 1, a.Why, a.Key})
		}
		return nil
	})
	return errors.Join(err, s.Age(decisions, string(digest)))
}

// EmptyDue leaves the index of what is due as older versions did.
func (s *store) EmptyDue() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		var places [][]byte
		err := tx.Bucket([]byte(due)).ForEach(func(k, _ []byte) error {
			places = append(places, bytes.Clone(k))
			return nil
		})
		for _, k := range places {
			err = errors.Join(err, on(tx).write(due, k, nil))
		}
		return err
	})
}

// Shrink makes the file one of the first version.
func (s *store) Shrink() error {
	return s.db.Update(func(tx *bolt.Tx) error {
		for _, name := range added {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
		}
		return on(tx).delete(meta, grown)
	})
}

// Drop takes a bucket away.
func (s *store) Drop(bucket string) error {
	return s.db.Update(func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte(bucket)) })
}

// Tamper puts an audit record in the place of another.
func (s *store) Tamper(project, instance string, seq int64, a *ledger.AuditRecord) error {
	return s.db.Update(func(tx *bolt.Tx) error {
		if a == nil {
			return on(tx).delete(audit, auditKey(project, instance, seq))
		}
		return on(tx).encode(audit, auditKey(project, instance, seq), a)
	})
}

// AgeAll makes the whole file one of a later version.
func (s *store) AgeAll() error {
	return s.db.Update(func(tx *bolt.Tx) error { return on(tx).write(meta, format, []byte("2")) })
}
