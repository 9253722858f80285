package local

import (
	"context"
	"fmt"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/page"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
)

func openLedger(c config.Config, o Options, aws *host.AWS) (ledger.Ledger, error) {
	switch c.Ledger.Kind {
	case "dynamodb":
		return aws.Ledger(c.Ledger.Rest)
	case "bolt":
		l, err := bolt.Open(c.Ledger.Rest, o.Now(), c.Quiet)
		if err != nil {
			return nil, fmt.Errorf("INTERLOCK_LEDGER: %w", err)
		}
		return page.Watch(l), nil
	case "postgres":
		l, err := postgres.Open(context.Background(), c.Ledger.DatabaseURL())
		if err != nil {
			return nil, fmt.Errorf("INTERLOCK_LEDGER: %w", err)
		}
		return l, nil
	}
	o.Warn("INTERLOCK_LEDGER is memory: what was done is forgotten when this process ends, and an event delivered again then flips again")
	return page.Watch(ledger.NewMemory()), nil
}
