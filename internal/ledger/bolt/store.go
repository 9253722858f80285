package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/internal/ledger"
)

// store is a [ledger.Store] in a file.
type store struct {
	path string
	db   *bolt.DB
}

// Update commits what fn put. A transaction that put nothing is rolled back,
// for even an empty commit waits for the disk.
func (s *store) Update(ctx context.Context, fn func(ledger.Records) (bool, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.guard(func() error {
		tx, err := s.db.Begin(true)
		if err != nil {
			return fmt.Errorf("ledger file: %w", err)
		}
		defer tx.Rollback() // does nothing once committed
		wrote, err := fn(records{tx})
		if !wrote || err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("ledger file: %w", err)
		}
		return nil
	}, faultsOnly)
}

func (s *store) View(ctx context.Context, fn func(ledger.Records) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error { return fn(records{tx}) })
	}, faultsOnly)
}

func (s *store) Close() error { return s.db.Close() }

// Which panics tell of damage: while the file is being opened, every one; later
// only those of bbolt's own checks and of reading where the file has no page,
// for others are mistakes of ours.
const (
	everyPanic = true
	faultsOnly = false
)

// guard makes errors of the panics with which bbolt, and reading a mapped file
// that got shorter, answer damage.
func (s *store) guard(fn func() error, every bool) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if _, fault := r.(interface{ Addr() uintptr }); !every && !fault {
			if _, ours := r.(runtime.Error); ours {
				panic(r)
			}
		}
		err = &DamagedError{Path: s.path, Err: fmt.Errorf("%v", r)}
	}()
	return fn()
}

// check reads the whole file once.
func (s *store) check(tx *bolt.Tx) error {
	if err := s.whole(tx); err != nil {
		return err
	}
	for _, name := range buckets { // meta first
		if err := count(tx, name); err != nil {
			return err
		}
		if err := known(tx); err != nil {
			return err
		}
	}
	// Now that every page was read without a fault: are they in order, and is
	// none both used and free?
	var errs []error
	for err := range tx.Check() {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// whole tells whether the file has all the pages that it says it has.
func (s *store) whole(tx *bolt.Tx) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%d bytes are missing at its end", tx.Size()-info.Size())
	}
	return nil
}

// count reads every record of a bucket.
func count(tx *bolt.Tx, name string) error {
	b := tx.Bucket([]byte(name))
	if b == nil {
		return fmt.Errorf("no bucket %q: not a ledger", name)
	}
	n := uint64(0)
	err := b.ForEach(func(k, v []byte) error {
		n++
		_, err := open(k, v)
		return err
	})
	if err == nil && n != b.Sequence() {
		err = fmt.Errorf("bucket %q holds %d records instead of %d", name, n, b.Sequence())
	}
	return err
}

// known tells whether this version made the file.
func known(tx *bolt.Tx) error {
	f, err := records{tx}.get(meta, format)
	if err == nil && string(f) != formatNow {
		return fmt.Errorf("format %q: %w", f, ledger.ErrNewer)
	}
	return err
}
