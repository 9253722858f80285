package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// store is a [ledger.Store] in a file.
type store struct {
	path string
	db   *bolt.DB

	turn    chan struct{} // whoever's token it holds commits
	mu      sync.Mutex
	waiting []*update
}

// update is one caller's part of a transaction.
type update struct {
	fn   func(ledger.Records) (bool, error)
	err  error
	done chan struct{}
}

// errBrokenOff is the answer of a transaction that ended in another caller's
// panic.
var errBrokenOff = errors.New("ledger file: the transaction was broken off")

// Update commits what fn put, with what others put who came while the disk was
// waited for: it is the waiting that costs, not the writing. A transaction that
// put nothing is rolled back, for even an empty commit waits for the disk.
func (s *store) Update(ctx context.Context, fn func(ledger.Records) (bool, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := &update{fn: fn, err: errBrokenOff, done: make(chan struct{})}
	s.mu.Lock()
	s.waiting = append(s.waiting, u)
	s.mu.Unlock()
	for {
		select {
		case <-u.done:
			return u.err
		case s.turn <- struct{}{}:
			s.commitWaiting()
		}
	}
}

// commitWaiting commits for all who wait, and answers them.
func (s *store) commitWaiting() {
	defer func() { <-s.turn }()
	s.mu.Lock()
	all := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	defer func() {
		for _, u := range all {
			close(u.done)
		}
	}()
	for rest := all; len(rest) > 0; {
		rest = s.commit(rest)
	}
}

// commit runs updates one after the other in one transaction. One that is
// refused after it put something takes the transaction with it; the others are
// returned, to be run again without it. All may rest on what one of them put, so
// an error of the file is everybody's.
func (s *store) commit(all []*update) (again []*update) {
	err := s.guard(func() error {
		tx, err := s.db.Begin(true)
		if err != nil {
			return fmt.Errorf("ledger file: %w", err)
		}
		defer tx.Rollback() // does nothing once committed
		wrote := false
		for i, u := range all {
			put := false
			keep, err := u.fn(records{tx, &put})
			if u.err = err; put && (!keep || err != nil) {
				again = slices.Delete(slices.Clone(all), i, i+1)
				return nil
			}
			wrote = wrote || put
		}
		if !wrote {
			return nil
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("ledger file: %w", err)
		}
		return nil
	}, faultsOnly)
	if err != nil {
		for _, u := range all {
			u.err = err
		}
		return nil
	}
	return again
}

func (s *store) View(ctx context.Context, fn func(ledger.Records) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.guard(func() error {
		return s.db.View(func(tx *bolt.Tx) error { return fn(on(tx)) })
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
