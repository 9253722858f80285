package local

import (
	"github.com/interlock-functions/interlock/internal/bus"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/ledger"
	"github.com/interlock-functions/interlock/internal/ledger/bolt"
)

func openBus(c config.Config) (bus.Bus, error) {
	if c.Bus.Kind == "http" {
		return host.HTTPBus(c.Bus.Rest)
	}
	return &bus.Memory{}, nil
}

func openLedger(c config.Config, o Options) (ledger.Ledger, error) {
	if c.Ledger.Kind == "bolt" {
		return bolt.Open(c.Ledger.Rest, o.Now(), c.Quiet)
	}
	o.Warn("INTERLOCK_LEDGER is memory: what was done is forgotten when this process ends, and an event delivered again then flips again")
	return ledger.NewMemory(), nil
}
