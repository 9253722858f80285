package bolt_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bbolt "go.etcd.io/bbolt"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

const quiet = time.Minute

func harness() ledgertest.Harness {
	files := make(map[ledger.Ledger]*bolt.File)
	return ledgertest.Harness{
		Open: func(t *testing.T) ledger.Ledger {
			f, l, err := bolt.OpenFile(filepath.Join(t.TempDir(), "ledger.db"), now, quiet)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			files[l] = f
			return l
		},
		Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) {
			require.NoError(t, files[l].AgeDecision(key))
		},
		NewerInstance: func(t *testing.T, l ledger.Ledger, project, instance string) {
			require.NoError(t, files[l].Age("instances", project+"/"+instance))
		},
		Tamper: func(t *testing.T, l ledger.Ledger, project, instance string, seq int64, a *ledger.AuditRecord) {
			require.NoError(t, files[l].Tamper(project, instance, seq, a))
		},
	}
}

func TestBolt(t *testing.T) { ledgertest.Run(t, harness()) }

func TestBoltConcurrent(t *testing.T) { ledgertest.RunConcurrent(t, harness()) }

func claim(id string, at time.Time) ledger.Claim {
	return ledger.Claim{
		Key:     ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: id},
		Content: "content", Project: "project", Instance: "instance of " + id, Slot: "slot",
		Order: at, Stored: json.RawMessage(`{"stored":"` + id + `"}`), Nonce: "nonce", Now: at, Lease: at.Add(90 * time.Second),
	}
}

// open opens the ledger until the test or the next call of close ends it.
func open(t *testing.T, path string, at time.Time) *ledger.Transactional {
	t.Helper()
	l, err := bolt.Open(path, at, quiet)
	require.NoError(t, err)
	return l
}

func TestOpenShortensHoldsOfTheDead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path, now)
	long, short := claim("long", now), claim("short", now)
	long.Lease, short.Lease = now.Add(time.Hour), now.Add(time.Second)
	for _, c := range []ledger.Claim{long, short} {
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
	}
	require.NoError(t, l.Close())

	at := now.Add(10 * time.Second)
	l = open(t, path, at)
	defer l.Close()
	due, err := l.Due(t.Context(), at.Add(quiet+1), 10)
	require.NoError(t, err)
	require.Equal(t, []ledger.Due{
		{Key: short.Key, At: now.Add(time.Second), Why: ledger.Lapsed},
		{Key: long.Key, At: at.Add(quiet), Why: ledger.Lapsed},
	}, due)
	other := claim("other", at)
	other.Instance = long.Instance
	a, err := l.Claim(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, ledger.Holder{Key: long.Key, Nonce: "nonce", Until: at.Add(quiet), Quiet: true}, a.Holder)
}

func TestFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	require.NoError(t, open(t, path, now).Close())
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else is left there")
}

func TestSecondProcessIsToldOfTheFirst(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path, now)
	defer l.Close()
	_, err := bolt.Open(path, now, quiet)
	var used *bolt.InUseError
	require.ErrorAs(t, err, &used)
	require.Equal(t, path, used.Path)
	require.ErrorContains(t, err, path+" is in use by another process")
}

func TestNoFile(t *testing.T) {
	_, err := bolt.Open(filepath.Join(t.TempDir(), "no", "ledger.db"), now, quiet)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, damaged(err))
	_, err = bolt.Open(t.TempDir(), now, quiet)
	require.Error(t, err)
	require.False(t, damaged(err))
}

func TestNewerFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	f, l, err := bolt.OpenFile(path, now, quiet)
	require.NoError(t, err)
	require.NoError(t, f.AgeAll())
	require.NoError(t, l.Close())
	_, err = bolt.Open(path, now, quiet)
	require.ErrorIs(t, err, ledger.ErrNewer)
	require.ErrorContains(t, err, path)
}

// A file that the first version made has no tickets and no audit trails. It goes
// on where that left it.
func TestFileOfTheFirstVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	f, l, err := bolt.OpenFile(path, now, quiet)
	require.NoError(t, err)
	c := claim("a", now)
	_, err = l.Claim(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, f.Shrink())
	require.NoError(t, l.Close())

	o := ledger.Outcome{Result: "accepted", At: now, Effective: true, Audit: json.RawMessage(`{}`)}
	for range 2 {
		l = open(t, path, now)
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, o))
		d := claim("b", now)
		d.Ticket = "CHG1"
		_, err = l.Claim(t.Context(), d)
		require.NoError(t, err)
		require.NoError(t, l.Settle(t.Context(), d.Key, d.Nonce, o))
		d.Key.ID = "c"
		a, err := l.Claim(t.Context(), d)
		require.NoError(t, err)
		require.Equal(t, ledger.Spent, a.Verdict)
		lines := 0
		require.NoError(t, ledger.VerifyAudit(func(yield func(ledger.AuditLine, error) bool) {
			for line, err := range ledger.Export(t.Context(), l, time.Time{}) {
				lines++
				if !yield(line, err) {
					return
				}
			}
		}))
		require.Equal(t, 5, lines)
		require.NoError(t, l.Close())
	}
}

func TestBucketThatIsGone(t *testing.T) {
	for _, bucket := range []string{"uses", "heads", "audit", "jobs"} {
		path := filepath.Join(t.TempDir(), "ledger.db")
		f, l, err := bolt.OpenFile(path, now, quiet)
		require.NoError(t, err)
		require.NoError(t, f.Drop(bucket))
		require.NoError(t, l.Close())
		_, err = bolt.Open(path, now, quiet)
		require.True(t, damaged(err), "%v", err)
		require.ErrorContains(t, err, bucket)
	}
}

func TestForeignFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "foreign.db")
	db, err := bbolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = bolt.Open(path, now, quiet)
	require.True(t, damaged(err), "%v", err)
	require.ErrorContains(t, err, "not a ledger")
}

// Older versions have left the index of what is due without what it names.
func TestIndexOfOlderVersions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	f, l, err := bolt.OpenFile(path, now, quiet)
	require.NoError(t, err)
	_, err = l.Claim(t.Context(), claim("a", now))
	require.NoError(t, err)
	require.NoError(t, l.Wait(t.Context(), claim("b", now), ledger.Wait{Due: now.Add(time.Minute)}))
	want, err := l.Due(t.Context(), now.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, want, 2)
	require.NoError(t, f.EmptyDue())
	got, err := l.Due(t.Context(), now.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.NoError(t, l.Close())
	require.NoError(t, open(t, path, now).Close())
}

// Even an empty transaction would write, and wait for the disk.
func TestWhatIsOnlyAnsweredIsNotWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	l := open(t, path, now)
	defer l.Close()
	c := claim("a", now)
	_, err := l.Claim(t.Context(), c)
	require.NoError(t, err)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	_, err = l.Claim(t.Context(), c)
	require.NoError(t, err)
	c.Nonce = "another"
	a, err := l.Claim(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, ledger.Held, a.Verdict)
	require.ErrorIs(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{}), ledger.ErrLost)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestExpiredDecisionsAreForgotten(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "ledger.db"), now)
	defer l.Close()
	finish := func(id string, at time.Time) {
		t.Helper()
		c := claim(id, at)
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: at, JobID: "job " + id, Effective: true}))
		require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, at, at.Add(time.Hour)))
	}
	for i := range 10 {
		finish(fmt.Sprint(i), now.Add(time.Duration(i)*time.Second))
	}
	for i := range 4 {
		finish(fmt.Sprint("late", i), now.Add(time.Hour+5*time.Second))
	}
	for i := range 10 {
		c := claim(fmt.Sprint(i), now)
		_, err := l.Get(t.Context(), c.Key)
		owners, ownersErr := l.Owners(t.Context(), c.Project, []string{"job " + c.Key.ID})
		require.NoError(t, ownersErr)
		if i <= 5 {
			require.ErrorIs(t, err, ledger.ErrNotFound)
			require.Empty(t, owners)
		} else {
			require.NoError(t, err)
			require.Len(t, owners, 1)
		}
	}
	old := claim("old", now.Add(-time.Second))
	old.Instance = "instance of 0"
	a, err := l.Claim(t.Context(), old)
	require.NoError(t, err)
	require.Equal(t, ledger.Superseded, a.Verdict, "marks never expire")
}
