//go:build verify

package postgres_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func claim(id, instance string) ledger.Claim {
	return ledger.Claim{
		Key:     ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: id},
		Content: "content", Project: "project", Instance: instance, Slot: "slot",
		Order: now, Stored: json.RawMessage(`{"stored":"` + id + `"}`), Nonce: "nonce of " + id, Now: now, Lease: now.Add(90 * time.Second),
	}
}

// BenchmarkDecision takes decisions from claim to mark: by one client and by 64 on
// an instance for each decision, and by 64 on 8 instances, which wait for each other.
func BenchmarkDecision(b *testing.B) {
	server := postgrestest.Start(b)
	for _, by := range []struct{ clients, instances int }{{1, 1 << 30}, {64, 1 << 30}, {64, 8}} {
		name := fmt.Sprintf("%d clients", by.clients)
		if by.instances < by.clients {
			name += fmt.Sprintf(" on %d instances", by.instances)
		}
		b.Run(name, func(b *testing.B) {
			l, err := postgres.Open(b.Context(), server.URL(schema())+"&pool_max_conns=16")
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range by.clients {
				all.Go(func() {
					for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
						if err := decide(b, l, claim(fmt.Sprint(i), fmt.Sprint(i%int64(by.instances)))); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "decisions/s")
		})
	}
}

// decide takes a decision from claim to mark, and claims again while another has its
// instance.
func decide(b *testing.B, l ledger.Ledger, c ledger.Claim) error {
	for {
		a, err := l.Claim(b.Context(), c)
		if err != nil {
			return err
		}
		if a.Verdict != ledger.Held {
			break
		}
	}
	if err := l.Settle(b.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: now, JobID: c.Key.ID, Effective: true}); err != nil {
		return err
	}
	return l.Mark(b.Context(), c.Key, c.Nonce, now, now.Add(time.Hour))
}
