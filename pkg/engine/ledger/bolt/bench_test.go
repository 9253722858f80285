package bolt_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// BenchmarkDecision takes decisions from claim to mark, by one client and by 256.
func BenchmarkDecision(b *testing.B) {
	for _, clients := range []int{1, 256} {
		b.Run(fmt.Sprintf("%d clients", clients), func(b *testing.B) {
			l, err := bolt.Open(filepath.Join(b.TempDir(), "ledger.db"), now, quiet)
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range clients {
				all.Go(func() {
					for {
						i := next.Add(1)
						if i > int64(b.N) {
							return
						}
						c := claim(fmt.Sprint(i), now)
						if _, err := l.Claim(b.Context(), c); err != nil {
							b.Error(err)
						}
						if err := l.Settle(b.Context(), c.Key, c.Nonce, ledger.Outcome{Result: "accepted", At: now, JobID: c.Key.ID, Effective: true}); err != nil {
							b.Error(err)
						}
						if err := l.Mark(b.Context(), c.Key, c.Nonce, now, now.Add(time.Hour)); err != nil {
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
