package ledger_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/ledger"
	"github.com/interlock-functions/interlock/internal/ledger/ledgertest"
)

var memory = ledgertest.Harness{
	Open: func(t *testing.T) ledger.Ledger { return ledger.NewMemory() },
	Newer: func(t *testing.T, l ledger.Ledger, key ledger.Key) {
		ledger.Age(l.(*ledger.Transactional), &key, "", "")
	},
	NewerInstance: func(t *testing.T, l ledger.Ledger, project, instance string) {
		ledger.Age(l.(*ledger.Transactional), nil, project, instance)
	},
}

func TestMemory(t *testing.T) { ledgertest.Run(t, memory) }

func TestMemoryConcurrent(t *testing.T) { ledgertest.RunConcurrent(t, memory) }
