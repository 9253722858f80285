package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// OpenPool opens a ledger, and tells its pool of connections.
func OpenPool(ctx context.Context, url string) (*pgxpool.Pool, *ledger.Transactional, error) {
	s, err := open(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	return s.pool, ledger.On(s), nil
}
