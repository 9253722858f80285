//go:build verify

package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

var schemas atomic.Int64

// schema is the name of one that is not there yet.
func schema() string { return fmt.Sprint("ledger", schemas.Add(1)) }

func harness(server *postgrestest.Server) ledgertest.Harness {
	pools := make(map[ledger.Ledger]*pgxpool.Pool)
	exec := func(t *testing.T, l ledger.Ledger, query string, args ...any) {
		_, err := pools[l].Exec(t.Context(), query, args...)
		require.NoError(t, err)
	}
	return ledgertest.Harness{
		Open: func(t *testing.T) ledger.Ledger {
			l, err := postgres.Open(t.Context(), server.URL(schema())+"&pool_max_conns=8")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			pools[l] = l.Pool()
			return l
		},
		Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) {
			exec(t, l, `UPDATE decisions SET format = 99, record = jsonb_set(record::jsonb, '{format}', '99') WHERE digest = $1`, key.Digest())
		},
		NewerInstance: func(t *testing.T, l ledger.Ledger, project, instance string) {
			exec(t, l, `UPDATE instances SET record = jsonb_set(record::jsonb, '{format}', '99') WHERE project = $1 AND id = $2`, project, instance)
		},
		Tamper: func(t *testing.T, l ledger.Ledger, project, instance string, seq int64, a *ledger.AuditRecord) {
			if a == nil {
				exec(t, l, `DELETE FROM audit WHERE project = $1 AND instance = $2 AND seq = $3`, project, instance, seq)
				return
			}
			b, err := ledger.Encode(a)
			require.NoError(t, err)
			exec(t, l, `INSERT INTO audit (project, instance, seq, record) VALUES ($1, $2, $3, $4)
				ON CONFLICT (project, instance, seq) DO UPDATE SET record = excluded.record`, project, instance, seq, string(b))
		},
	}
}

func TestPostgres(t *testing.T) { ledgertest.Run(t, harness(postgrestest.Start(t))) }

func TestPostgresConcurrent(t *testing.T) {
	ledgertest.RunConcurrent(t, harness(postgrestest.Start(t)))
}

// Processes that start at once on an empty database all find its tables, and make
// them once; one that starts later needs no right to make any.
func TestStartsAtOnce(t *testing.T) {
	server := postgrestest.Start(t)
	url := server.URL(schema())
	errs := make([]error, 8)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			l, err := postgres.Open(t.Context(), url)
			if errs[i] = err; err == nil {
				errs[i] = l.Close()
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
}

// A schema of a later version is left alone.
func TestRefusesANewerSchema(t *testing.T) {
	server := postgrestest.Start(t)
	l, err := postgres.Open(t.Context(), server.URL("later"))
	require.NoError(t, err)
	defer l.Close()
	_, err = l.Pool().Exec(t.Context(), "INSERT INTO versions (version) VALUES (99)")
	require.NoError(t, err)
	_, err = postgres.Open(t.Context(), server.URL("later"))
	require.ErrorIs(t, err, ledger.ErrNewer)
	require.ErrorContains(t, err, "schema later: found version 99, expected at most ")
}

// A server that may lose what it has answered is not trusted.
func TestRefusesAServerThatForgets(t *testing.T) {
	for _, name := range []string{"fsync", "synchronous_commit"} {
		_, err := postgres.Open(t.Context(), postgrestest.Start(t, name+"=off").URL(schema()))
		require.EqualError(t, err, "ledger database: "+name+": found off, expected on")
	}
}

// The tables of each earlier version become this one's, with what is in them.
func TestUpgrades(t *testing.T) {
	server := postgrestest.Start(t)
	for steps := 1; ; steps++ {
		name := schema()
		require.NoError(t, postgres.OpenAt(t.Context(), server.URL(name), name, steps))
		c := claim("kept", "instance")
		b, err := ledger.Encode(ledger.Record{Format: 1, Key: c.Key, State: ledger.Waiting, Project: c.Project, Instance: c.Instance, Due: now})
		require.NoError(t, err)
		db, err := pgx.Connect(t.Context(), server.URL(name))
		require.NoError(t, err)
		defer db.Close(t.Context())
		_, err = db.Exec(t.Context(), "INSERT INTO decisions (digest, format, state, due, record) VALUES ($1, 1, 'waiting', $2, $3::json)", c.Key.Digest(), ledger.Stamp(now), string(b))
		require.NoError(t, err)
		l, err := postgres.Open(t.Context(), server.URL(name))
		require.NoError(t, err)
		defer l.Close()
		mine, err := l.Share(t.Context(), c.Key, "me", now, now.Add(1))
		require.NoError(t, err)
		require.True(t, mine)
		require.Equal(t, []ledger.Due{{Key: c.Key, At: now, Why: ledger.Waited}}, due(t, l, now))
		var at int
		require.NoError(t, db.QueryRow(t.Context(), "SELECT max(version) FROM versions").Scan(&at))
		if at == steps {
			return // it was this one's
		}
	}
}

func due(t *testing.T, l ledger.Ledger, at time.Time) []ledger.Due {
	t.Helper()
	list, err := l.Due(t.Context(), at, 10)
	require.NoError(t, err)
	return list
}

// One that asks for work is given to one of those who ask, until then or until it is
// written.
func TestShares(t *testing.T) {
	l, err := postgres.Open(t.Context(), postgrestest.Start(t).URL(schema()))
	require.NoError(t, err)
	defer l.Close()
	c := claim("a", "instance")
	share := func(by string, seconds int) bool {
		at := now.Add(time.Duration(seconds) * time.Second)
		mine, err := l.Share(t.Context(), c.Key, by, at, at.Add(10*time.Second))
		require.NoError(t, err)
		return mine
	}
	require.False(t, share("one", 0), "nothing is there")
	require.NoError(t, l.Wait(t.Context(), c, ledger.Wait{Due: now}))
	var given atomic.Int64
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if share(fmt.Sprint(i), 0) {
				given.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, given.Load())
	require.True(t, share("one", 10), "the time is over")
	require.True(t, share("one", 15), "its own")
	require.False(t, share("two", 20))
	require.Len(t, due(t, l, now), 1, "it stays due")
	require.NoError(t, l.Wait(t.Context(), c, ledger.Wait{Due: now}))
	require.True(t, share("two", 20), "it was written")
	_, err = l.Claim(t.Context(), c)
	require.NoError(t, err)
	require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "applied", At: now}))
	require.NoError(t, l.Mark(t.Context(), c.Key, c.Nonce, now, now.Add(time.Hour)))
	require.False(t, share("one", 60), "it asks for nothing")
}
