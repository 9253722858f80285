package bolt

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
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
