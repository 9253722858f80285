//go:build verify

package postgres_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
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

// harness opens ledgers on a server, by a configuration that may be changed.
func harness(server *postgrestest.Server, change func(*pgxpool.Config)) ledgertest.Harness {
	urls := make(map[ledger.Ledger]string)
	exec := func(t *testing.T, l ledger.Ledger, query string, args ...any) {
		db, err := pgx.Connect(t.Context(), urls[l])
		require.NoError(t, err)
		defer db.Close(t.Context())
		_, err = db.Exec(t.Context(), query, args...)
		require.NoError(t, err)
	}
	return ledgertest.Harness{
		Open: func(t *testing.T) ledger.Ledger {
			url := server.URL(schema())
			l, err := postgres.OpenWith(t.Context(), url+"&pool_max_conns=8", change)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, l.Close()) })
			urls[l] = url
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

func calm(*pgxpool.Config) {}

func TestPostgres(t *testing.T) { ledgertest.Run(t, harness(postgrestest.Start(t), calm)) }

func TestPostgresConcurrent(t *testing.T) {
	ledgertest.RunConcurrent(t, harness(postgrestest.Start(t), calm))
}

// Processes that start at once on an empty database all find its tables, and make
// them once; whoever starts later needs no right to make any.
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

	db, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer db.Close(t.Context())
	name := db.Config().RuntimeParams["search_path"]
	_, err = db.Exec(t.Context(), "CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA "+name+" TO clerk; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA "+name+" TO clerk")
	require.NoError(t, err)
	l, err := postgres.OpenWith(t.Context(), url, func(c *pgxpool.Config) { c.ConnConfig.User = "clerk" })
	require.NoError(t, err)
	defer l.Close()
	a, err := l.Claim(t.Context(), claim("a", "instance"))
	require.NoError(t, err)
	require.Equal(t, ledger.New, a.Verdict)
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

// A decision that has expired is not swept out while a transaction may be taking it up
// again: with it would go its job's owner.
func TestPurgeLeavesAloneWhatIsAtWork(t *testing.T) {
	l, err := postgres.Open(t.Context(), postgrestest.Start(t).URL(schema()))
	require.NoError(t, err)
	defer l.Close()
	settle := func(id string) ledger.Claim {
		c := claim(id, "instance of "+id)
		_, err := l.Claim(t.Context(), c)
		require.NoError(t, err)
		require.NoError(t, l.Settle(t.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: now, JobID: "job of " + id}))
		return c
	}
	old, young := settle("old"), settle("young")
	require.NoError(t, l.Mark(t.Context(), old.Key, old.Nonce, now, now.Add(time.Second)))
	require.NoError(t, l.Update(t.Context(), func(r ledger.Records) (bool, error) {
		_, err := r.Record(old.Key)
		require.NoError(t, err)
		return false, l.Mark(t.Context(), young.Key, young.Nonce, now.Add(time.Hour), now.Add(2*time.Hour))
	}))
	owners, err := l.Owners(t.Context(), old.Project, []string{"job of old"})
	require.NoError(t, err)
	require.Equal(t, old.Key, owners["job of old"])
	_, err = l.Get(t.Context(), old.Key)
	require.NoError(t, err)

	third := settle("third")
	require.NoError(t, l.Mark(t.Context(), third.Key, third.Nonce, now.Add(time.Hour), now.Add(2*time.Hour)))
	_, err = l.Get(t.Context(), old.Key)
	require.ErrorIs(t, err, ledger.ErrNotFound, "nobody has it now")
}

// Connections that break, before what was sent arrives or before its answer does, are
// no trouble of whoever asks.
func TestPostgresTroubled(t *testing.T) {
	server := postgrestest.Start(t)
	var met atomic.Int64
	h := harness(server, func(c *pgxpool.Config) {
		trouble := &trouble{met: &met, dice: rand.New(rand.NewPCG(7, 8))}
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &breaking{conn, trouble}, err
		}
		c.ConnConfig.Tracer = trouble
	})
	open := h.Open
	h.Open = func(t *testing.T) ledger.Ledger {
		l := open(t)
		l.(*postgres.Ledger).Pool().Config().ConnConfig.Tracer.(*trouble).begun.Store(true)
		return l
	}
	before := flag.Lookup("rapid.checks").Value.String()
	require.NoError(t, flag.Set("rapid.checks", "20"))
	defer func() { require.NoError(t, flag.Set("rapid.checks", before)) }()
	ledgertest.Run(t, h)
	ledgertest.RunConcurrent(t, h)
	require.Greater(t, met.Load(), int64(100))
}

// trouble is what breaks connections once it has begun.
type trouble struct {
	met   *atomic.Int64
	begun atomic.Bool
	mu    sync.Mutex
	dice  *rand.Rand
}

func (b *trouble) strikes() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.begun.Load() && b.dice.IntN(150) == 0
}

func (b *trouble) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

func (b *trouble) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd tells the history of a write that may have been done.
func (b *trouble) TraceBatchEnd(ctx context.Context, c *pgx.Conn, _ pgx.TraceBatchEndData) {
	if c.IsClosed() {
		ledgertest.Lost(ctx)
	}
}

func (b *trouble) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (b *trouble) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// breaking is a connection that breaks.
type breaking struct {
	net.Conn
	trouble *trouble
}

func (c *breaking) Write(b []byte) (int, error) {
	if c.trouble.strikes() {
		c.trouble.met.Add(1)
		c.Close()
		return 0, io.ErrClosedPipe
	}
	return c.Conn.Write(b)
}

// Read loses an answer that is there.
func (c *breaking) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.trouble.strikes() {
		c.trouble.met.Add(1)
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}
