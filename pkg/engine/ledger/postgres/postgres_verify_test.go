//go:build verify

package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

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
			pool, l, err := postgres.OpenPool(t.Context(), server.URL(schema())+"&pool_max_conns=8")
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			pools[l] = pool
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
	pool, l, err := postgres.OpenPool(t.Context(), server.URL("later"))
	require.NoError(t, err)
	defer l.Close()
	_, err = pool.Exec(t.Context(), "INSERT INTO versions (version) VALUES (99)")
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
