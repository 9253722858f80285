// Package postgres keeps a ledger in a PostgreSQL database, which any number of
// processes use at once.
//
// # Transactions
//
// Every rule of the ledger runs in one transaction, which reads what the rule goes
// by and writes what it asks for: outcome, events and audit record together. Before
// it reads anything, it takes a lock on that, by name and so also on what is not
// there yet, and keeps it to its end: the decision, then its instance, then its job
// or its ticket's uses. Two-phase locking makes transactions serializable in the
// order in which they commit, at PostgreSQL's own level READ COMMITTED, which shows
// each statement what was committed before it. The locks are advisory
// (pg_advisory_xact_lock): they are given back with the transaction, whatever became
// of the process. The level SERIALIZABLE would do without them, but was a third slower
// alone, and where callers crowd they sent each other back without end: see
// docs/benchmarks.md.
//
// # Round trips
//
// BEGIN goes with the first read, each lock with the read that it is for, and all
// writes with COMMIT.
package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// defaultSchema holds the tables unless the URL has another search_path.
const defaultSchema = "interlock"

// idle is how long a transaction may be at rest before the server ends it: what is
// left of a machine that has vanished must not keep its locks.
const idle = 10 * time.Second

// Open opens the ledger in the database that a URL names
// (postgres://user@host/database), and makes or upgrades its tables. What the URL
// leaves out comes from PostgreSQL's own variables (PGPASSFILE, PGSSLMODE, …). It
// fails with [ledger.ErrNewer] where a later version has been at work, and with a
// [SettingError] for a database that a ledger cannot be trusted to. No error holds
// the password.
func Open(ctx context.Context, rawURL string) (*Ledger, error) {
	c, err := parse(rawURL)
	if err != nil {
		return nil, err
	}
	return open(ctx, c)
}

// Ledger is a ledger in a database.
type Ledger struct {
	*ledger.Transactional
	store *store
}

// Share is as in [ledger.Sharer]. What a transaction is just writing is its own.
func (l *Ledger) Share(ctx context.Context, key ledger.Key, by string, now, until time.Time) (mine bool, err error) {
	const query = `UPDATE decisions SET shared_by = $1, shared_until = $2 WHERE digest =
		(SELECT digest FROM decisions WHERE digest = $3 AND due IS NOT NULL
			AND (shared_until IS NULL OR shared_until <= $4 OR shared_by = $1) FOR UPDATE SKIP LOCKED)`
	err = l.store.again(ctx, func(ctx context.Context) error {
		c, err := l.store.acquire(ctx)
		if err != nil {
			return err
		}
		defer c.Release()
		tag, err := c.Exec(ctx, query, by, ledger.Stamp(until), key.Digest(), ledger.Stamp(now))
		mine = tag.RowsAffected() == 1
		return trouble(c.Conn(), err)
	})
	return mine && err == nil, err
}

func open(ctx context.Context, c *pgxpool.Config) (*Ledger, error) {
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("ledger database: %w", err)
	}
	s := &store{pool: pool, schema: c.ConnConfig.RuntimeParams["search_path"]}
	if err := s.again(ctx, s.prepare); err != nil {
		pool.Close()
		return nil, err
	}
	return &Ledger{ledger.On(s), s}, nil
}

// parse reads a URL. Its errors do not quote it.
func parse(rawURL string) (*pgxpool.Config, error) {
	const expected = "expected postgres://USER@HOST/DATABASE"
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("ledger database: found no such URL, " + expected)
	}
	c, err := pgxpool.ParseConfig(rawURL)
	if err != nil {
		return nil, fmt.Errorf("ledger database: %s; %s", without(secrets(u), err.Error()), expected)
	}
	params := c.ConnConfig.RuntimeParams
	for name, value := range map[string]string{
		"search_path":                         defaultSchema,
		"application_name":                    "interlock",
		"idle_in_transaction_session_timeout": fmt.Sprint(idle.Milliseconds()),
	} {
		params[name] = cmp.Or(params[name], value)
	}
	if schema := params["search_path"]; strings.ContainsAny(schema, `,"$ `) {
		return nil, fmt.Errorf("ledger database: search_path: found %q, expected the name of one schema", schema)
	}
	return c, nil
}

// secrets are what a URL holds that nobody is to see.
func secrets(u *url.URL) (all []string) {
	if password, ok := u.User.Password(); ok {
		all = append(all, password, url.QueryEscape(password), url.PathEscape(password))
	}
	for _, name := range []string{"password", "sslpassword"} {
		for _, value := range u.Query()[name] {
			all = append(all, value, url.QueryEscape(value))
		}
	}
	return all
}

func without(secrets []string, text string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "xxxxx")
		}
	}
	return text
}

// SettingError says that the server is set so that a ledger in it could lose what it
// has answered, or could not hold every character.
type SettingError struct{ Name, Found, Expected string }

func (e *SettingError) Error() string {
	return fmt.Sprintf("ledger database: %s: found %s, expected %s", e.Name, e.Found, e.Expected)
}

// prepare checks the server's settings, and brings the tables up to this version.
func (s *store) prepare(ctx context.Context) error {
	c, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	for _, set := range []struct {
		name, expected string
		bad            func(string) bool
	}{
		{"server_encoding", "UTF8", func(found string) bool { return found != "UTF8" }},
		{"fsync", "on", func(found string) bool { return found == "off" }},
		{"synchronous_commit", "on", func(found string) bool { return found == "off" }},
	} {
		var found string
		if err := c.QueryRow(ctx, "SELECT current_setting($1)", set.name).Scan(&found); err != nil {
			return fmt.Errorf("ledger database: %w", err)
		}
		if set.bad(found) {
			return &SettingError{set.name, found, set.expected}
		}
	}
	return migrate(ctx, c.Conn(), s.schema, migrations())
}

// quoted is a name as SQL has it.
func quoted(name string) string { return pgx.Identifier{name}.Sanitize() }
