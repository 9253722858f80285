package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is the ledger's pool of connections.
func (l *Ledger) Pool() *pgxpool.Pool { return l.store.pool }

// OpenAt opens the tables of an earlier version, of so many steps, in a schema.
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
