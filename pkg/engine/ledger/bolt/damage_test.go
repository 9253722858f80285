package bolt_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

func damaged(err error) bool { return errors.As(err, new(*bolt.DamagedError)) }

// filled is a ledger file with records of every kind, big enough for branch
// pages, and what its decisions are.
func filled(t *testing.T) (file []byte, want map[ledger.Key]ledger.Record) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	_, l, err := bolt.OpenFile(path, now, quiet)
	require.NoError(t, err)
	for i := range 40 {
		c := claim(fmt.Sprint(i), now)
		c.Ticket = fmt.Sprint("CHG", i)
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		if i%4 == 0 {
			continue
		}
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: now, JobID: fmt.Sprint("job", i), Effective: true, Audit: json.RawMessage(`{}`)}))
		if i%4 == 1 {
			require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, now, now.Add(1_000*quiet)))
		}
	}
	want = everything(t, l)
	require.Len(t, want, 40)
	require.NoError(t, ledger.VerifyAudit(ledger.Export(t.Context(), l, time.Time{})))
	require.NoError(t, l.Close())
	file, err = os.ReadFile(path)
	require.NoError(t, err)
	return file, want
}

func everything(t *testing.T, l *ledger.Transactional) map[ledger.Key]ledger.Record {
	t.Helper()
	all := make(map[ledger.Key]ledger.Record)
	for d, err := range l.All(t.Context()) {
		require.NoError(t, err)
		all[d.Key] = d
	}
	return all
}

// opened opens a ledger file with the given bytes. It is either reported as
// damaged and left as it was, or whole. A meta page that does not match its own
// checksum is one that was being written when the power failed: then the file
// stands as before the last transaction.
func opened(t *testing.T, file []byte, want map[ledger.Key]ledger.Record, maybeOlder bool) (reported bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	l, err := bolt.Open(path, now, 2*quiet) // no lease to shorten, nothing to wait for the disk
	if err != nil {
		require.True(t, damaged(err), "%v", err)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, "put a backup in its place")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, file, after)
		return true
	}
	defer l.Close()
	if got := everything(t, l); !maybeOlder {
		require.Equal(t, want, got)
		require.NoError(t, ledger.VerifyAudit(ledger.Export(t.Context(), l, time.Time{})))
	} else {
		require.Len(t, got, len(want))
	}
	return false
}

// pageSize is that of the files that bbolt makes here.
var pageSize = os.Getpagesize()

// usedOf is how many bytes of a file are used: its two meta pages say, at byte
// 56, how many pages.
func usedOf(file []byte) int {
	return pageSize * int(max(binary.NativeEndian.Uint64(file[56:]), binary.NativeEndian.Uint64(file[pageSize+56:])))
}

func TestTruncatedFile(t *testing.T) {
	file, want := filled(t)
	require.False(t, opened(t, file, want, false), "what is whole is opened")
	used := usedOf(file)
	for n := 0; n < len(file); n += 1_021 {
		require.Equal(t, n < used, opened(t, file[:n], want, false), "%d bytes of %d", n, used)
	}
	path := filepath.Join(t.TempDir(), "ledger.db")
	require.NoError(t, os.WriteFile(path, file[:used-7], 0o600))
	_, err := bolt.Open(path, now, quiet)
	require.ErrorContains(t, err, "7 bytes are missing at its end")
}

func TestDamagedFile(t *testing.T) {
	file, want := filled(t)
	r := rand.New(rand.NewPCG(1, 2))
	reported := 0
	damage := func(at int, with byte) {
		if file[at] == with {
			return
		}
		bad := append([]byte{}, file...)
		bad[at] = with
		if opened(t, bad, want, at < 2*pageSize) {
			reported++
		}
	}
	for range 150 {
		damage(r.IntN(len(file)), byte(r.IntN(256)))
	}
	// The heads of pages, and of the elements on them, are where bbolt is
	// most trusting.
	for page := 0; page < usedOf(file); page += pageSize {
		for at := page; at < page+32; at++ {
			damage(at, file[at]^1)
		}
		for at := page; at < page+48; at += 3 {
			damage(at, 0xff)
		}
	}
	require.Greater(t, reported, 100)
}

// A page that is its own child would be followed without end.
func TestPagesInACircle(t *testing.T) {
	file, want := filled(t)
	const branch = 1
	circles := 0
	for page := 2 * pageSize; page < len(file); page += pageSize {
		if binary.NativeEndian.Uint16(file[page+8:]) != branch {
			continue
		}
		bad := append([]byte{}, file...)
		binary.NativeEndian.PutUint64(bad[page+16+8:], uint64(page/pageSize))
		if opened(t, bad, want, false) {
			circles++
		}
	}
	require.NotZero(t, circles)
}

func TestZeroedPages(t *testing.T) {
	file, want := filled(t)
	for page := 0; page < len(file); page += pageSize {
		bad := append([]byte{}, file...)
		clear(bad[page : page+pageSize])
		opened(t, bad, want, page < 2*pageSize)
	}
}

func TestNoLedgerAtAll(t *testing.T) {
	for _, content := range []string{"", "#!/bin/sh\n", string(make([]byte, 100_000))} {
		require.True(t, opened(t, []byte(content), nil, false))
	}
}
