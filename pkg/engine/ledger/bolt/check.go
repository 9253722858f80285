package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// check reads the whole file once. The pages come first: bbolt, and its own
// check too, believe what a page says of its size and of where others are, and
// may follow a damaged one without end.
func (s *store) check(tx *bolt.Tx) error {
	if err := walkFile(s.path, tx); err != nil {
		return err
	}
	if err := count(tx, meta); err != nil {
		return err
	}
	if err := known(tx); err != nil {
		return err
	}
	there := buckets
	if s, err := small(tx); err != nil {
		return err
	} else if s {
		there = first
	}
	if tx.Bucket([]byte(arrivals)) != nil {
		there = append(slices.Clip(there), arrivals, arrived)
	}
	for _, name := range there {
		if err := count(tx, name); err != nil {
			return err
		}
	}
	var errs []error // are the keys in order, and is no page both used and free?
	for err := range tx.Check() {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// walk goes through the pages in use as they lie in the file. Their form is
// that of bbolt's file version 2: a head of id (8 bytes), flags (2), count (2)
// and overflow (4), then as many elements of 16 bytes.
type walk struct {
	file *os.File
	size int64 // of a page
	end  uint64
	seen map[uint64]bool
}

const (
	head, element        = 16, 16
	branchPage, leafPage = 1, 2
	freelistPage         = 16
	bucketElement        = 1
	noFreelist           = ^uint64(0)
)

func walkFile(path string, tx *bolt.Tx) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%d bytes are missing at its end", tx.Size()-info.Size())
	}
	size := int64(tx.DB().Info().PageSize)
	w := walk{file: f, size: size, end: uint64(tx.Size() / size), seen: map[uint64]bool{0: true, 1: true}}
	// The newer of the two meta pages that is whole is that of the
	// transaction. Behind magic, version, page size and flags it names the
	// root bucket, its sequence, the freelist, the end, and its number.
	meta := make([]byte, head+64)
	if _, err := f.ReadAt(meta, int64(tx.ID()%2)*size); err != nil {
		return err
	}
	if err := w.page(word(meta[head+16:]), branchPage|leafPage); err != nil {
		return err
	}
	if list := word(meta[head+32:]); list != noFreelist {
		return w.page(list, freelistPage)
	}
	return nil
}

func word(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

func half(b []byte) uint64 { return uint64(binary.NativeEndian.Uint32(b)) }

// page goes through a page and those below it.
func (w *walk) page(id uint64, kinds uint16) error {
	b := make([]byte, head)
	if id >= w.end {
		return fmt.Errorf("page %d lies behind the end", id)
	}
	if _, err := w.file.ReadAt(b, int64(id)*w.size); err != nil {
		return err
	}
	kind, n, pages := binary.NativeEndian.Uint16(b[8:]), uint64(binary.NativeEndian.Uint16(b[10:])), half(b[12:])+1
	if word(b) != id || kind&kinds == 0 || kind&(kind-1) != 0 || pages > w.end-id {
		return fmt.Errorf("page %d has a wrong head", id)
	}
	for i := range pages {
		if w.seen[id+i] {
			return fmt.Errorf("page %d is used twice", id+i)
		}
		w.seen[id+i] = true
	}
	b = make([]byte, int64(pages)*w.size)
	if _, err := w.file.ReadAt(b, int64(id)*w.size); err != nil {
		return err
	}
	if kind == freelistPage {
		if n == 0xffff { // too many for the head
			n = word(b[head:]) + 1
		}
		if n > uint64(len(b)-head)/8 {
			return fmt.Errorf("page %d names too many free pages", id)
		}
		return nil
	}
	if err := w.elements(b, kind, n); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// elements goes through the elements of a branch or leaf page.
func (w *walk) elements(b []byte, kind uint16, n uint64) error {
	if head+n*element > uint64(len(b)) || kind == branchPage && n == 0 {
		return errors.New("wrong number of elements")
	}
	for i := range n {
		e := b[head+i*element:]
		if kind == branchPage { // position, key size, page
			if half(e)+half(e[4:]) > uint64(len(e)) || half(e[4:]) == 0 {
				return errors.New("an element lies outside")
			}
			if err := w.page(word(e[8:]), branchPage|leafPage); err != nil {
				return err
			}
			continue
		}
		// flags, position, key size, value size
		value := half(e[4:]) + half(e[8:])
		if value+half(e[12:]) > uint64(len(e)) || half(e[8:]) == 0 {
			return errors.New("an element lies outside")
		}
		if half(e)&bucketElement == 0 {
			continue
		}
		if err := w.bucket(e[value : value+half(e[12:])]); err != nil {
			return err
		}
	}
	return nil
}

// bucket goes through a bucket: its root page and its sequence, and where it
// has no root, a page inside.
func (w *walk) bucket(b []byte) error {
	switch {
	case len(b) < 16:
		return errors.New("a bucket is too short")
	case word(b) != 0:
		return w.page(word(b), branchPage|leafPage)
	case len(b) < 16+head || binary.NativeEndian.Uint16(b[16+8:]) != leafPage || word(b[16:]) != 0:
		return errors.New("a bucket has a wrong page inside")
	}
	return w.elements(b[16:], leafPage, uint64(binary.NativeEndian.Uint16(b[16+10:])))
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
		_, err := content(k, v)
		return err
	})
	if err == nil && n != b.Sequence() {
		err = fmt.Errorf("bucket %q holds %d records instead of %d", name, n, b.Sequence())
	}
	return err
}

// known tells whether this version made the file.
func known(tx *bolt.Tx) error {
	f, err := on(tx).get(meta, format)
	if err == nil && string(f) != formatNow {
		return fmt.Errorf("format %q: %w", f, ledger.ErrNewer)
	}
	return err
}
