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

// budget is a figure that has a limit and, where that is not what is wanted in
// the end, a goal.
type budget struct {
	what        string
	found       float64
	limit, goal float64
	unit        string
	// less: below the limit, too, it is missed.
	less bool
}

func (b budget) held() bool { return b.found <= b.limit && (!b.less || b.found == b.limit) }

// goals says of the goal whether it is reached.
func (b budget) goals() string {
	switch {
	case b.goal == 0:
		return ""
	case b.found <= b.goal:
		return fmt.Sprintf("%.4g, held", b.goal)
	}
	return fmt.Sprintf("%.4g, missed", b.goal)
}

// secureBudgets are of shares of a deployed function's time.
func secureBudgets(programs []*program) []budget {
	f, asked := programs[built], programs[withPolicy]
	return []budget{
		{what: "over TLS, of four hosts: CPU to the first completed event", found: ratio(f.coldCPUs(), programs[bare].coldCPUs()), limit: 4.5, goal: 3.2, unit: "× bare"},
		{what: "over TLS, with a policy: CPU to the first completed event", found: ratio(asked.coldCPUs(), f.coldCPUs()), limit: 1.05, unit: "× without"},
		{what: "over TLS, with a policy: CPU for a warm event", found: ratio(asked.warmCPUs(), f.warmCPUs()), limit: 1.05, unit: "× without"},
	}
}

// openBudgets are of what would hide behind TLS.
func openBudgets(programs []*program) []budget {
	f := programs[built]
	return []budget{
		{what: "over HTTP: CPU to the first completed event", found: ratio(f.coldCPUs(), programs[bare].coldCPUs()), limit: 2.5, goal: 1.8, unit: "× bare"},
		{what: "calls of AWS for a warm event: 3 of the ledger, 1 of the bus", found: f.awsTrips(), limit: 4, less: true, unit: "calls"},
		{what: "of these, of the bus", found: f.perEvent()["PutEvents"], limit: 1, less: true, unit: "calls"},
		{what: "over HTTP: CPU for a warm event", found: ratio(f.warmCPUs(), programs[plainMore].warmCPUs()), limit: 1.1, unit: "× plain and 1 ledger write"},
		{what: "over HTTP, one thread each: CPU for a warm event", found: ratio(f.warmCPUs(), programs[oneThread].warmCPUs()), limit: 1.6, goal: 1.1, unit: "× plain and 1 ledger write"},
		{what: "artefact", found: megabytes(f.size), limit: 13, unit: "MB"},
	}
}

func budgetTable(w io.Writer, all []budget) {
	fmt.Fprintf(w, "| budget | found | limit | | goal |\n|---|---|---|---|---|\n")
	for _, b := range all {
		fmt.Fprintf(w, "| %s | %.4g %s | %.4g | %s | %s |\n", b.what, b.found, b.unit, b.limit, verdict(b), b.goals())
	}
}

func verdict(b budget) string {
	if b.held() {
		return "held"
	}
	return "MISSED"
}

// say tells of each budget what was found, and whether all are held.
func say(w io.Writer, all []budget) (held bool) {
	held = true
	for _, b := range all {
		goal := ""
		if b.goal != 0 {
			goal = "; goal " + b.goals()
		}
		fmt.Fprintf(w, "%-6s  %s: %.4g %s, of %.4g%s\n", verdict(b), b.what, b.found, b.unit, b.limit, goal)
		held = held && b.held()
	}
	return held
}
