package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// starting is what building and starting a target takes, beside its time.
const starting = 15 * time.Second

// leastFuzz is the least time that says something about a target.
const leastFuzz = time.Second

var execs = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs every fuzz target for the time given, or for as long as its share
// allows, and fails at the first that finds something.
func (r *report) fuzz(ctx context.Context, log string, each time.Duration) error {
	targets, err := functions(ctx, "Fuzz", "")
	if err != nil {
		return err
	}
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer file.Close()
	var done int
	var total, now atomic.Int64
	end, _ := ctx.Deadline()
	for i, f := range targets {
		allowed := min(each, time.Until(end)/time.Duration(len(targets)-i)-starting)
		if allowed < leastFuzz {
			err = fmt.Errorf("%d of %d targets had no time", len(targets)-i, len(targets))
			break
		}
		r.shows(func() string {
			return fmt.Sprintf("%d of %d targets, %d executions; at %s", i, len(targets), total.Load()+now.Load(), f)
		})
		var said []string
		err = gocmd.Lines(ctx, func(line string) {
			fmt.Fprintln(file, line)
			if said = append(said, line); len(said) > 200 {
				said = said[100:]
			}
			if n := execs.FindStringSubmatch(line); n != nil {
				count, _ := strconv.ParseInt(n[1], 10, 64)
				now.Store(count)
			}
		}, gocmd.Go, "test", "-run", "^$", "-fuzz", "^"+f.name+"$", "-fuzztime", allowed.String(), "-fuzzminimizetime", "20x", f.pkg)
		total.Add(now.Swap(0))
		if err != nil {
			if ctx.Err() == nil {
				r.say("%s", strings.Join(said, "\n"))
				err = fmt.Errorf("%s: %w", f, err)
			}
			break
		}
		done++
		r.say("   %12d executions in %s  %s", total.Load(), short(allowed), f)
	}
	r.counts(fmt.Sprintf("proved: fuzzing: %d of %d targets, %d executions, nothing found", done, len(targets), total.Load()))
	if err == nil && len(targets) == 0 {
		err = errors.New("no fuzz targets")
	}
	return err
}
