package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/bench/budget"
)

// machine says what was measured with, and on what.
func machine() string {
	parts := []string{strings.Replace(runtime.Version(), "go", "Go ", 1)}
	for _, peer := range [][]string{{"Node.js", "node", "--version"}, {"", ".venv/peers/bin/python", "--version"}} {
		if out, err := exec.Command(peer[1], peer[2]).Output(); err == nil {
			parts = append(parts, strings.TrimSpace(peer[0]+" "+strings.TrimPrefix(string(out), "v")))
		}
	}
	where := runtime.GOOS + "/" + runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		_, rest, _ := strings.Cut(string(info), "model name")
		model, _, _ := strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
		where += fmt.Sprintf(", %d × %s", runtime.NumCPU(), model)
	}
	return strings.Join(parts, ", ") + "; " + where
}

func table(w io.Writer, programs []*program) {
	fmt.Fprintf(w, "| | artefact MB (zip) | CPU to the first event ms | × bare | start → first answer ms | memory MB | CPU for a warm event µs | AWS calls for it |\n|---|---|---|---|---|---|---|---|\n")
	for _, p := range programs {
		size := "–"
		if p.size > 0 {
			size = fmt.Sprintf("%.1f (%.1f)", megabytes(p.size), megabytes(p.zipped))
		}
		fmt.Fprintf(w, "| %s | %s | %.2f | %.2f | %.2f | %.1f | %.0f | %.0f |\n", p.name, size,
			milliseconds(middle(maps.Values(p.coldCPUs()))), ratio(p.coldCPUs(), programs[bare].coldCPUs()),
			milliseconds(median(p, func(r run) time.Duration { return r.first })),
			megabytes(median(p, func(r run) int64 { return r.peak })),
			float64(middle(maps.Values(p.warmCPUs())).Nanoseconds())/1000, p.awsTrips())
	}
}

func megabytes(n int64) float64            { return float64(n) / 1e6 }
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// beside compares the built function with other builds of it.
func beside(w io.Writer, how string, programs []*program) {
	f := programs[built]
	for _, p := range programs[oneThread+1:] {
		if p.size > 0 {
			fmt.Fprintf(w, "        than %s, %s: CPU to the first completed event %.3f ×, for a warm one %.3f ×, artefact %.3f ×\n", p.name, how,
				ratio(f.coldCPUs(), p.coldCPUs()), ratio(f.warmCPUs(), p.warmCPUs()), float64(f.size)/float64(p.size))
		}
	}
}

// secureBudgets are of shares of a deployed function's time.
func secureBudgets(programs []*program) []budget.Budget {
	f, asked := programs[built], programs[withPolicy]
	return []budget.Budget{
		{What: "over TLS, of four hosts: CPU to the first completed event", Found: ratio(f.coldCPUs(), programs[bare].coldCPUs()), Limit: 4.5, Goal: 3.2, Unit: "× bare"},
		{What: "over TLS, with a policy: CPU to the first completed event", Found: ratio(asked.coldCPUs(), f.coldCPUs()), Limit: 1.05, Unit: "× without"},
		{What: "over TLS, with a policy: CPU for a warm event", Found: ratio(asked.warmCPUs(), f.warmCPUs()), Limit: 1.05, Unit: "× without"},
	}
}

// openBudgets are of what would hide behind TLS.
func openBudgets(programs []*program) []budget.Budget {
	f := programs[built]
	return []budget.Budget{
		{What: "over HTTP: CPU to the first completed event", Found: ratio(f.coldCPUs(), programs[bare].coldCPUs()), Limit: 2.5, Goal: 1.8, Unit: "× bare"},
		{What: "calls of AWS for a warm event: 3 of the ledger, 1 of the bus", Found: f.awsTrips(), Limit: 4, Exact: true, Unit: "calls"},
		{What: "of these, of the bus", Found: f.perEvent()["PutEvents"], Limit: 1, Exact: true, Unit: "calls"},
		{What: "over HTTP: CPU for a warm event", Found: ratio(f.warmCPUs(), programs[plainMore].warmCPUs()), Limit: 1.1, Unit: "× plain and 1 ledger write"},
		{What: "over HTTP, one thread each: CPU for a warm event", Found: ratio(f.warmCPUs(), programs[oneThread].warmCPUs()), Limit: 1.6, Goal: 1.1, Unit: "× plain and 1 ledger write"},
		{What: "artefact", Found: megabytes(f.size), Limit: 13, Unit: "MB"},
	}
}
