//go:build verify

package proof

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

// TestCrashesOnPostgres is TestCrashes on a PostgreSQL server.
func TestCrashesOnPostgres(t *testing.T) { crashOn(t, inDatabase(t)) }

// TestSchedulesOnPostgres is TestSchedules on a PostgreSQL server.
func TestSchedulesOnPostgres(t *testing.T) { drawSchedules(t, inDatabase(t), schedules["postgres"]) }

// worldsAtOnce are how many worlds have a ledger in the database at a time.
const worldsAtOnce = 8

// inDatabase is a ledger in PostgreSQL: each world has one that was emptied. What a
// process sends before it dies is done, or not, without it.
func inDatabase(t *testing.T) shelf {
	server := postgrestest.Start(t)
	free := make(chan *remote, worldsAtOnce)
	for i := range worldsAtOnce {
		free <- newRemote(t, server.URL(fmt.Sprint("world", i)))
	}
	return shelf{name: "postgres", trouble: trouble, open: func(w *world) {
		l := <-free
		w.ledger, w.book = l, func(int) ledger.Ledger { return l }
		w.close = func() {
			if err := l.empty(); err != nil {
				panic(err)
			}
			free <- l
		}
	}}
}

// remote is a ledger that is used outside of the bubble that a world is in: its
// connections belong to no world's clock.
type remote struct {
	ledger.Ledger
	pool   *pgxpool.Pool
	clerks chan *clerk
}

// clerk does one thing after another, on a goroutine of his own.
type clerk struct {
	ask  chan func()
	done chan struct{}
}

func newRemote(t *testing.T, url string) *remote {
	l, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	pool, err := pgxpool.New(t.Context(), url)
	require.NoError(t, err)
	r := &remote{Ledger: l, pool: pool, clerks: make(chan *clerk, len(lab{}.workers)+1)}
	for range cap(r.clerks) {
		c := &clerk{make(chan func()), make(chan struct{})}
		go func() {
			for f := range c.ask {
				f()
				c.done <- struct{}{}
			}
		}()
		t.Cleanup(func() { close(c.ask) })
		r.clerks <- c
	}
	t.Cleanup(func() {
		pool.Close()
		require.NoError(t, l.Close())
	})
	return r
}

// do has something done outside, where no context of a world is known.
func (r *remote) do(f func(context.Context)) {
	c := <-r.clerks
	c.ask <- func() { f(context.Background()) }
	<-c.done
	r.clerks <- c
}

func (r *remote) empty() (err error) {
	r.do(func(ctx context.Context) {
		for _, table := range []string{"decisions", "instances", "heads", "audit", "jobs", "uses", "arrivals", "halt"} {
			if err == nil {
				_, err = r.pool.Exec(ctx, "DELETE FROM "+table)
			}
		}
	})
	return err
}

func (r *remote) Claim(_ context.Context, c ledger.Claim) (got ledger.Claimed, err error) {
	r.do(func(ctx context.Context) { got, err = r.Ledger.Claim(ctx, c) })
	return got, err
}

func (r *remote) Settle(_ context.Context, key ledger.Key, nonce string, o ledger.Outcome) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Settle(ctx, key, nonce, o) })
	return err
}

func (r *remote) Reject(_ context.Context, c ledger.Claim, o ledger.Outcome) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Reject(ctx, c, o) })
	return err
}

func (r *remote) Release(_ context.Context, key ledger.Key, nonce string, w ledger.Wait) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Release(ctx, key, nonce, w) })
	return err
}

func (r *remote) Lapse(_ context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Lapse(ctx, key, nonce, until, known, last) })
	return err
}

func (r *remote) Wait(_ context.Context, c ledger.Claim, w ledger.Wait) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Wait(ctx, c, w) })
	return err
}

func (r *remote) Mark(_ context.Context, key ledger.Key, nonce string, now, expire time.Time) (err error) {
	r.do(func(ctx context.Context) { err = r.Ledger.Mark(ctx, key, nonce, now, expire) })
	return err
}

func (r *remote) Owners(_ context.Context, project string, jobs []string) (owners map[string]ledger.Key, err error) {
	r.do(func(ctx context.Context) { owners, err = r.Ledger.Owners(ctx, project, jobs) })
	return owners, err
}

func (r *remote) Instance(_ context.Context, project, id string) (in ledger.Instance, err error) {
	r.do(func(ctx context.Context) { in, err = r.Ledger.Instance(ctx, project, id) })
	return in, err
}

func (r *remote) Use(_ context.Context, ticket, slot string) (u ledger.Use, err error) {
	r.do(func(ctx context.Context) { u, err = r.Ledger.Use(ctx, ticket, slot) })
	return u, err
}

func (r *remote) Get(_ context.Context, key ledger.Key) (d ledger.Record, err error) {
	r.do(func(ctx context.Context) { d, err = r.Ledger.Get(ctx, key) })
	return d, err
}

func (r *remote) Due(_ context.Context, now time.Time, limit int, but ...func(ledger.Due) bool) (due []ledger.Due, err error) {
	r.do(func(ctx context.Context) { due, err = r.Ledger.Due(ctx, now, limit, but...) })
	return due, err
}

func (r *remote) All(_ context.Context, texts ...string) iter.Seq2[ledger.Record, error] {
	return listed(r, func(ctx context.Context) iter.Seq2[ledger.Record, error] { return r.Ledger.All(ctx, texts...) })
}

func (r *remote) Instances(context.Context) iter.Seq2[ledger.Instance, error] {
	return listed(r, r.Ledger.Instances)
}

func (r *remote) Trail(_ context.Context, project, id string, from int64) iter.Seq2[ledger.AuditRecord, error] {
	return listed(r, func(ctx context.Context) iter.Seq2[ledger.AuditRecord, error] {
		return r.Ledger.Trail(ctx, project, id, from)
	})
}

// listed reads a list outside, and is that list.
func listed[T any](r *remote, list func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	type one struct {
		what T
		err  error
	}
	return func(yield func(T, error) bool) {
		var all []one
		r.do(func(ctx context.Context) {
			for what, err := range list(ctx) {
				all = append(all, one{what, err})
			}
		})
		slices.Values(all)(func(o one) bool { return yield(o.what, o.err) })
	}
}
