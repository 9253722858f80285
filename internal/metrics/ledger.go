package metrics

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Ledger has what a ledger says of the work to do told, too. It is the same for all
// processes that share it.
func (m *Metrics) Ledger(l ledger.Ledger, now func() time.Time) {
	m.registry.MustRegister(&backlog{l, now})
}

// backlog reads the ledger whenever somebody reads the metrics.
type backlog struct {
	ledger ledger.Ledger
	now    func() time.Time
}

const (
	// mostPending bounds what is read of the ledger at a time.
	mostPending = 10_000
	// readWithin is how long that may take.
	readWithin = 5 * time.Second
)

var (
	up      = describe("ledger_up", "Whether the ledger could be read just now.")
	due     = describe("due", "Decisions and jobs that ask for work now: whose lease ran out (lapsed), that waited until now (waited), or whose event is not published (unemitted).", "why")
	oldest  = describe("due_oldest_seconds", "For how long the one that is due for longest has been; 0 if none is.")
	pending = describe("pending", "Decisions and jobs that are not at their end, as far as they were read.")
	doubt   = describe("in_doubt", "Decisions of which nobody knows whether their call took effect, and which are looked up.")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// Describe is that of [prometheus.Collector].
func (b *backlog) Describe(told chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{up, due, oldest, pending, doubt} {
		told <- d
	}
}

// Collect is that of [prometheus.Collector]. What could not be read is not told.
func (b *backlog) Collect(told chan<- prometheus.Metric) {
	tell := func(d *prometheus.Desc, value float64, labels ...string) {
		told <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	r, err := b.read()
	if err != nil {
		slog.Warn("the metrics lack what the ledger says", "error", err)
		tell(up, 0)
		return
	}
	tell(up, 1)
	for _, why := range []ledger.Why{ledger.Lapsed, ledger.Waited, ledger.Unemitted} {
		tell(due, float64(r.due[why]), string(why))
	}
	tell(oldest, r.oldest.Seconds())
	tell(pending, float64(r.pending))
	tell(doubt, float64(r.doubt))
}

// reading is what a ledger says at a moment.
type reading struct {
	due            map[ledger.Why]int
	oldest         time.Duration
	pending, doubt int
}

func (b *backlog) read() (reading, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	now := b.now()
	r := reading{due: map[ledger.Why]int{}}
	// What is ever due is not at its end; its time is that at which it is due.
	all, err := b.ledger.Due(ctx, now.AddDate(1, 0, 0), mostPending)
	if err != nil {
		return r, err
	}
	r.pending = len(all)
	for _, d := range all {
		if !d.At.After(now) {
			r.due[d.Why]++
			r.oldest = max(r.oldest, now.Sub(d.At))
		}
		if d.Why != ledger.Lapsed {
			continue
		}
		rec, err := b.ledger.Get(ctx, d.Key)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return r, err
		}
		if rec.Doubt {
			r.doubt++
		}
	}
	return r, nil
}
