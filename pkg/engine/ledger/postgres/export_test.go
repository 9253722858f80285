package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Pool is the ledger's pool of connections.
func (l *Ledger) Pool() *pgxpool.Pool { return l.store.pool }

// Update is a transaction of the ledger's store.
func (l *Ledger) Update(ctx context.Context, fn func(ledger.Records) (bool, error)) error {
	return l.store.Update(ctx, fn)
}

// OpenWith opens a ledger by a configuration that was changed.
func OpenWith(ctx context.Context, url string, change func(*pgxpool.Config)) (*Ledger, error) {
	c, err := parse(url)
	if err != nil {
		return nil, err
	}
	change(c)
	return open(ctx, c)
}

// OpenAt makes the tables of an earlier version, of so many steps, in a schema.
func OpenAt(ctx context.Context, url, schema string, steps int) error {
	c, err := parse(url)
	if err != nil {
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return err
	}
	defer pool.Close()
	return pool.AcquireFunc(ctx, func(c *pgxpool.Conn) error {
		return migrate(ctx, c.Conn(), schema, migrations()[:steps])
	})
}
