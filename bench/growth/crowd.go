package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/interlock-functions/interlock/bench/budget"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// crowd measures how many decisions one client takes into a file of bolt in a second,
// and how many 256 do, whose transactions go to the disk together.
func (m *mold) crowd(w io.Writer, path string) ([]budget.Budget, error) {
	l, err := bolt.Open(path, time.Now(), time.Minute)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	fmt.Fprint(w, "\nDecisions from claim to mark, into one file of bolt:\n\n| clients | a second | p99 ms |\n|---|---|---|\n")
	from := 0
	measured := func(clients, n int) (rate float64, p99 time.Duration, err error) {
		took := make([]time.Duration, n)
		first := from
		from += n
		began := time.Now()
		err = together(n, clients, func(i int) error {
			start := time.Now()
			err := m.put(context.Background(), l, first+i)
			took[i] = time.Since(start)
			return err
		})
		rate, p99 = float64(n)/time.Since(began).Seconds(), slices.Sorted(slices.Values(took))[n*99/100]
		fmt.Fprintf(w, "| %d | %.0f | %.1f |\n", clients, rate, ms(p99))
		return rate, p99, err
	}
	alone, _, err := measured(1, 300)
	if err != nil {
		return nil, err
	}
	many, p99, err := measured(256, 20_000)
	return []budget.Budget{
		{What: "bolt: decisions a second, of 256 clients", Found: many / alone, Limit: 4, Goal: 20, Least: true, Unit: "× one client's"},
		{What: "bolt: p99 of a decision, with 256 clients", Found: p99.Seconds(), Limit: 1, Unit: "s"},
	}, err
}
