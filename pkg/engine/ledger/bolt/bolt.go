// Package bolt keeps a ledger in one local file, in the form of
// [go.etcd.io/bbolt]. One process at a time uses it.
//
// A transaction is on the disk before it is answered, and one that was cut
// short was never there: a process may be killed at any moment. bbolt itself
// checks little of what it reads back, so every record carries a checksum over
// its name and content, every bucket the number of its records, and the whole
// file is read once when it is opened. What does not fit is reported, and the
// file is left as it is.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// InUseError says that another process has the file.
type InUseError struct {
	Path string
	Err  error
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("ledger file %s is in use by another process: stop that one, ask it instead, or name another file", e.Path)
}

func (e *InUseError) Unwrap() error { return e.Err }

// DamagedError says that the file is not as a ledger left it.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("ledger file %s is damaged (%v) and was left as it is: put a backup in its place; "+
		"or, to begin anew, move it away, and know that events delivered again are then applied again", e.Path, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// lockWait is how long another process may take to give the file back, as one
// does that is being restarted.
const lockWait = time.Second

// Open opens the ledger in the file at path, and makes the file if there is
// none. The file's lock proves that whoever used it last is dead, so its holds
// end quiet after now, or sooner if they would have. It fails with an
// [InUseError] or a [DamagedError], with [ledger.ErrNewer] for a file that a
// newer version made, or as the file system does.
func Open(path string, now time.Time, quiet time.Duration) (*ledger.Transactional, error) {
	_, l, err := open(path, now, quiet)
	return l, err
}

func open(path string, now time.Time, quiet time.Duration) (*store, *ledger.Transactional, error) {
	if err := create(path); err != nil {
		return nil, nil, fmt.Errorf("ledger file: %w", err)
	}
	s := &store{path: path, turn: make(chan struct{}, 1)}
	if err := s.open(); err != nil {
		return nil, nil, err
	}
	l := ledger.On(s)
	if err := l.Orphan(context.Background(), now.Add(quiet)); err != nil {
		s.Close()
		return nil, nil, err
	}
	return s, l, nil
}

// create puts an empty ledger at path unless something is there. It appears
// there whole, so that an empty or short file is never one that was just being
// made.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := f.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(f.Name(), 0o600, nil)
	if err != nil {
		return err
	}
	if err := errors.Join(db.Update(layOut), db.Close()); err != nil {
		return err
	}
	// A link, unlike a renaming, never takes the place of what another
	// process has put there meanwhile.
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// open takes the lock and checks the file.
func (s *store) open() error {
	var file *os.File
	err := s.guard(func() (err error) {
		s.db, err = bolt.Open(s.path, 0o600, &bolt.Options{
			Timeout: lockWait,
			OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
				if f, err = os.OpenFile(name, flag&^os.O_CREATE, mode); err != nil {
					return nil, err
				}
				file = f
				info, err := f.Stat()
				if err == nil && info.Size() == 0 { // bbolt would begin anew
					err = &DamagedError{Path: s.path, Err: errors.New("empty")}
				}
				return f, err
			},
		})
		if err != nil {
			return err
		}
		return s.checked()
	}, everyPanic)
	if err == nil {
		return nil
	}
	switch { // give the lock back
	case s.db != nil:
		s.db.Close()
	case file != nil: // bbolt lost its way
		file.Close()
	}
	return s.explain(err)
}

// checked checks the file, and then makes it one of this version.
func (s *store) checked() (err error) {
	var old bool
	err = s.db.View(func(tx *bolt.Tx) error {
		if err := s.check(tx); err != nil {
			return err
		}
		old, err = small(tx)
		return err
	})
	if err == nil && old {
		err = s.db.Update(grow)
	}
	return err
}

// explain tells the errors of bbolt apart.
func (s *store) explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return &InUseError{Path: s.path, Err: err}
	case errors.Is(err, ledger.ErrNewer):
		return fmt.Errorf("ledger file %s: %w; use that version", s.path, err)
	case errors.As(err, new(*DamagedError)):
		return err
	case errors.As(err, new(syscall.Errno)):
		return fmt.Errorf("ledger file: %w", err)
	}
	return &DamagedError{Path: s.path, Err: err}
}
