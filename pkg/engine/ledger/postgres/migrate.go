package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

//go:embed migrations
var files embed.FS

// migrations are the steps from an empty schema to this version's, in order. What has
// been released is never changed; a step must leave room for processes of the version
// before, which go on meanwhile.
func migrations() []string {
	list, err := files.ReadDir("migrations")
	if err != nil {
		panic(err) // it is embedded
	}
	var all []string
	for _, f := range list {
		text, err := files.ReadFile("migrations/" + f.Name())
		if err != nil {
			panic(err)
		}
		all = append(all, string(text))
	}
	return all
}

// migrate makes the steps that have not been made, all or none. Of several processes
// that start at once, one does.
func migrate(ctx context.Context, c *pgx.Conn, schema string, steps []string) error {
	// Who finds everything in place needs no right to make anything.
	if at, err := version(ctx, c, schema, len(steps)); err != nil || at == len(steps) {
		return err
	}
	err := pgx.BeginFunc(ctx, c, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, lock, schema+"/migrations"); err != nil {
			return err
		}
		at, err := version(ctx, c, schema, len(steps))
		if err != nil || at == len(steps) {
			return err
		}
		if at == 0 {
			if err := layOut(ctx, tx, schema); err != nil {
				return err
			}
		}
		for ; at < len(steps); at++ {
			if _, err := tx.Exec(ctx, steps[at]); err != nil {
				return fmt.Errorf("step %d: %w", at+1, err)
			}
			if _, err := tx.Exec(ctx, "INSERT INTO versions (version) VALUES ($1::integer)", at+1); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ledger.ErrNewer) {
		return fmt.Errorf("ledger database: making its tables: %w", err)
	}
	return err
}

// layOut makes the schema, and in it the table that says how far it is.
func layOut(ctx context.Context, tx pgx.Tx, schema string) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&there); err != nil {
		return err
	}
	if !there {
		if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quoted(schema)); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS versions (version integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())")
	return err
}

// version tells how many steps have been made, and fails where they are more than
// are known.
func version(ctx context.Context, c *pgx.Conn, schema string, known int) (at int, err error) {
	var there bool
	err = c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = 'versions')", schema).Scan(&there)
	if err == nil && there {
		err = c.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM versions").Scan(&at)
	}
	if err != nil {
		return 0, fmt.Errorf("ledger database: %w", err)
	}
	if at > known {
		return 0, fmt.Errorf("ledger database: schema %s: found version %d, expected at most %d: %w; use that version", schema, at, known, ledger.ErrNewer)
	}
	return at, nil
}
