package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// store is a [ledger.Store] in a database.
type store struct {
	pool   *pgxpool.Pool
	schema string
}

// Update runs fn in a transaction that locks what it reads. It is run again where the
// database was away for a moment, also if that was at COMMIT: every rule of the
// ledger does nothing the second time, and answers as it did the first.
func (s *store) Update(ctx context.Context, fn func(ledger.Records) (bool, error)) error {
	return s.again(ctx, func(ctx context.Context) error {
		return s.transact(ctx, begin, func(r *records) (bool, error) { return fn(r) })
	})
}

// View runs fn on the state of one moment.
func (s *store) View(ctx context.Context, fn func(ledger.Records) error) error {
	return s.again(ctx, func(ctx context.Context) error {
		return s.transact(ctx, look, func(r *records) (bool, error) { return false, fn(r) })
	})
}

func (s *store) Close() error {
	s.pool.Close()
	return nil
}

// How transactions begin.
const (
	begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
	look  = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
)

// endWithin bounds how long the end of a transaction that is given up may take.
const endWithin = 5 * time.Second

func (s *store) transact(ctx context.Context, how string, fn func(*records) (bool, error)) error {
	c, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	// The pool closes a connection that comes back in the midst of a transaction.
	defer c.Release()
	r := &records{ctx: ctx, conn: c.Conn(), schema: s.schema, begin: how, locks: how == begin}
	keep, err := fn(r)
	if err == nil && keep {
		err = r.commit()
	}
	if r.begun && c.Conn().PgConn().TxStatus() != 'I' && !c.Conn().IsClosed() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
		defer cancel()
		_, _ = c.Exec(ctx, "ROLLBACK")
	}
	return err
}

// acquire takes a connection from the pool.
func (s *store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	c, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("ledger database: %w: %w", errAway, err)
	}
	return c, nil
}

// waits are those before an operation is tried again.
var waits = []time.Duration{10 * time.Millisecond, 50 * time.Millisecond, 250 * time.Millisecond, time.Second}

// again tries until it is done, or the error is none that passes.
func (s *store) again(ctx context.Context, try func(context.Context) error) error {
	for _, wait := range waits {
		err := try(ctx)
		if err == nil || !passes(err) {
			return err
		}
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
	return try(ctx)
}

// passes tells whether an error is of a kind that may be gone the next time: another
// transaction was in the way, or the server is away or just coming or going
// (PostgreSQL's appendix A).
func passes(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "40001", "40P01", // serialization_failure, deadlock_detected
			"53300",                   // too_many_connections
			"57P01", "57P02", "57P03": // admin_shutdown, crash_shutdown, cannot_connect_now
			return true
		}
		return strings.HasPrefix(refused.Code, "08") // connection_exception
	}
	return errors.Is(err, errAway)
}

// errAway marks an error of the connection.
var errAway = errors.New("no connection")

// records are the records of one transaction.
type records struct {
	ctx    context.Context
	conn   *pgx.Conn
	schema string

	begin  string
	begun  bool
	locks  bool
	writes pgx.Batch
}

// lockName names the lock on a record of a kind. Whose names have the same hash only
// wait for each other.
func (r *records) lockName(kind string, name ...string) string {
	return strings.Join(append([]string{r.schema, kind}, name...), "/")
}

// lock waits for the lock on a name, which ends with the transaction.
const lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"

// read locks what has a name, in a transaction that locks, and reads it, in one round
// trip. Each statement sees what was committed before it began, and so the query sees
// what whoever had the lock has written.
func (r *records) read(name string, query string, args []any, scan func(pgx.Rows) error) error {
	var b pgx.Batch
	if !r.begun {
		b.Queue(r.begin)
	}
	if r.locks && name != "" {
		b.Queue(lock, name)
	}
	b.Queue(query, args...)
	r.begun = true
	res := r.conn.SendBatch(r.ctx, &b)
	defer res.Close()
	for range b.Len() - 1 {
		if _, err := res.Exec(); err != nil {
			return trouble(r.conn, err)
		}
	}
	rows, err := res.Query()
	if err != nil {
		return trouble(r.conn, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return trouble(r.conn, rows.Err())
}

// commit sends what was put, and ends the transaction.
func (r *records) commit() error {
	if r.writes.Len() == 0 {
		return nil
	}
	var b pgx.Batch
	if !r.begun {
		b.Queue(r.begin)
	}
	b.QueuedQueries = append(b.QueuedQueries, r.writes.QueuedQueries...)
	b.Queue("COMMIT")
	r.begun = true
	if err := r.conn.SendBatch(r.ctx, &b).Close(); err != nil {
		return trouble(r.conn, err)
	}
	return nil
}

// trailKey is the name of the constraint that no audit record takes another's place.
const trailKey = "audit_pkey"

// trouble tells apart the errors of the database.
func trouble(c *pgx.Conn, err error) error {
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		if refused.ConstraintName == trailKey {
			return ledger.ErrTrail
		}
	case c.IsClosed():
		return fmt.Errorf("ledger database: %w: %w", errAway, err)
	}
	return fmt.Errorf("ledger database: %w", err)
}
