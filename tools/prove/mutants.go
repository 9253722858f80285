package main

import (
	"cmp"
	"context"
	"os"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// mutants has tools/mutants make make's MUTANTS, in as long as it may, less what it
// takes to build it. By itself as many as are known to be noticed.
func mutants(ctx context.Context, r *report) error {
	end, _ := ctx.Deadline()
	return gocmd.Lines(ctx, func(line string) {
		if strings.HasPrefix(line, "proved: ") {
			r.counts(line)
			return
		}
		r.shows(func() string { return strings.TrimSpace(line) })
	}, gocmd.Go, "run", "./tools/mutants", "-time", max(time.Until(end)-starting, 0).String(), "-n", cmp.Or(os.Getenv("MUTANTS"), "8"))
}
