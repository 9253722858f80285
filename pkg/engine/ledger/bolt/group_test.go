package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// together runs updates that all wait for the first one's transaction, and so
// share the next. It returns their errors and how many transactions the file
// saw beside the first.
func together(t *testing.T, s *store, fns ...func(ledger.Records) (bool, error)) ([]error, int) {
	t.Helper()
	last := func() (id int) {
		require.NoError(t, s.db.View(func(tx *bolt.Tx) error { id = tx.ID(); return nil }))
		return id
	}
	before := last()
	in, out := make(chan bool), make(chan bool)
	first := make(chan error)
	go func() {
		first <- s.Update(context.Background(), func(r ledger.Records) (bool, error) {
			in <- true
			<-out
			return true, r.PutHalted(true)
		})
	}()
	<-in
	errs, done := make([]error, len(fns)), make(chan int)
	for i, fn := range fns {
		go func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
				done <- i
			}()
			errs[i] = s.Update(context.Background(), fn)
		}()
		for queued := 0; queued <= i; runtime.Gosched() {
			s.mu.Lock()
			queued = len(s.waiting)
			s.mu.Unlock()
		}
	}
	close(out)
	require.NoError(t, <-first)
	for range fns {
		<-done
	}
	return errs, last() - before - 1
}

func put(ticket string) func(ledger.Records) (bool, error) {
	return func(r ledger.Records) (bool, error) { return true, r.PutUse(ledger.Use{Ticket: ticket, Slot: "slot"}) }
}

func used(t *testing.T, s *store, ticket string) (there bool) {
	t.Helper()
	require.NoError(t, s.View(t.Context(), func(r ledger.Records) error {
		u, err := r.Use(ticket, "slot")
		there = u != nil
		return err
	}))
	return there
}

func file(t *testing.T) *store {
	s, l, err := open(filepath.Join(t.TempDir(), "ledger.db"), time.Now(), time.Minute)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return s
}

func TestWhoWaitsForTheDiskSharesIt(t *testing.T) {
	s := file(t)
	var fns []func(ledger.Records) (bool, error)
	for i := range 20 {
		fns = append(fns, put(fmt.Sprint(i)))
	}
	errs, commits := together(t, s, fns...)
	require.NoError(t, errors.Join(errs...))
	require.Equal(t, 1, commits)
	for i := range 20 {
		require.True(t, used(t, s, fmt.Sprint(i)))
	}
}

func TestRefusedUpdateTakesNobodyWithIt(t *testing.T) {
	s := file(t)
	no := errors.New("no")
	errs, commits := together(t, s, put("a"),
		func(r ledger.Records) (bool, error) {
			_, err := put("refused")(r)
			return true, errors.Join(err, no)
		},
		func(r ledger.Records) (bool, error) { // what it reads was taken back
			if u, err := r.Use("refused", "slot"); u != nil || err != nil {
				return true, errors.Join(err, errors.New("it is there"), r.PutHalted(true))
			}
			return put("b")(r)
		},
		func(r ledger.Records) (bool, error) { return false, no },
		func(r ledger.Records) (bool, error) {
			_, err := put("not kept")(r)
			return false, err
		},
	)
	require.NoError(t, errors.Join(errs[0], errs[2], errs[4]))
	require.ErrorIs(t, errs[1], no)
	require.ErrorIs(t, errs[3], no)
	require.Equal(t, 1, commits)
	for ticket, want := range map[string]bool{"a": true, "b": true, "refused": false, "not kept": false} {
		require.Equal(t, want, used(t, s, ticket), ticket)
	}
}

// What somebody read of another's part is not on the disk either.
func TestErrorOfTheFileIsEverybodys(t *testing.T) {
	s := file(t)
	s.db.MaxSize = 1
	large := func(r ledger.Records) (bool, error) {
		return true, r.PutUse(ledger.Use{Ticket: string(make([]byte, 1<<20)), Slot: "slot"})
	}
	errs, _ := together(t, s, large, func(r ledger.Records) (bool, error) { return false, nil })
	require.ErrorIs(t, errs[0], berrors.ErrMaxSizeReached)
	require.ErrorIs(t, errs[1], berrors.ErrMaxSizeReached)
	s.db.MaxSize = 0
	require.NoError(t, s.Update(t.Context(), func(r ledger.Records) (bool, error) { return put("a")(r) }))
}

// Whose goroutine the panic ends depends on who commits; nobody waits for ever,
// and the file goes on.
func TestPanicLeavesNobodyWaiting(t *testing.T) {
	s := file(t)
	errs, _ := together(t, s, put("a"), func(ledger.Records) (bool, error) {
		return []bool{}[s.db.Stats().OpenTxN], nil
	})
	for _, err := range errs {
		require.Error(t, err)
	}
	require.False(t, used(t, s, "a"))
	require.NoError(t, s.Update(t.Context(), put("b")))
	require.True(t, used(t, s, "b"))
}
