// Prove runs everything that proves the promises of docs/guarantees.md, within
// one budget of time:
//
//	go run ./tools/prove -time 2h
//	go run ./tools/prove -part fuzz -fuzztime 10m
//
// Its parts run one after the other. Each may use its share of the time that is
// left, and what it does not use is the next one's. A part that proves something
// whole fails when its share is not enough; one that draws samples draws for as
// long as it may. While they run, a line says every so often how far they are.
//
// A test, or a program, reports what it counted by a line with "proved: " and the
// text. These are printed as they come, and again in the end; also when something
// failed, or when the program is interrupted, which ends its children and exits
// with 130. When all parts went through, they are written into docs/guarantees.md,
// between the markers there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

func main() { os.Exit(command(os.Args[1:], parts, filepath.Join("docs", "guarantees.md"))) }

// command runs what the arguments ask for, of the parts that there are, writes
// what all of them proved into the page, and returns the exit code.
func command(args []string, parts func(logs string, fuzzTime time.Duration) []part, page string) int {
	flags := flag.NewFlagSet("prove", flag.ContinueOnError)
	budget := flags.Duration("time", 2*time.Hour, "how long all parts together may take")
	fuzzTime := flags.Duration("fuzztime", time.Minute, "how long each fuzz target may take, where the budget allows it")
	chosen := flags.String("part", "", "the parts to run, separated by commas: all where it is empty")
	every := flags.Duration("progress", 30*time.Second, "how often a line says how far it is")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	err := func() error {
		logs := filepath.Join("build", "prove")
		if err := os.MkdirAll(logs, 0o755); err != nil {
			return err
		}
		all := parts(logs, *fuzzTime)
		run, err := choose(all, *chosen)
		if err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		r := &report{out: os.Stdout, began: time.Now()}
		if err := r.run(ctx, run, *budget, *every); err != nil || len(run) < len(all) {
			return err
		}
		return publish(page, r.proved)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
	}
	switch {
	case errors.Is(err, errInterrupted):
		return 130
	case err != nil:
		return 1
	}
	return 0
}

// parts are what there is to prove, what has to be whole first.
func parts(logs string, fuzzTime time.Duration) []part {
	return []part{
		{name: "proofs", weight: 9, run: func(ctx context.Context, r *report) error {
			return r.goTest(ctx, filepath.Join(logs, "proofs.log"), gocmd.Go, "test", "-json", "-tags", "prove", "-count=1", "-timeout=0", "./...")
		}},
		{name: "emulated", weight: 2, run: func(ctx context.Context, r *report) error {
			return r.emulated(ctx, filepath.Join(logs, "emulated.log"))
		}},
		{name: "sdks", weight: 1, run: sdks},
		{name: "model", weight: 1, run: func(ctx context.Context, r *report) error { return r.model(ctx, logs) }},
		{name: "mutants", weight: 3, run: mutants},
		{name: "fuzz", weight: 3, run: func(ctx context.Context, r *report) error {
			return r.fuzz(ctx, filepath.Join(logs, "fuzz.log"), fuzzTime)
		}},
	}
}

// choose are the parts of these names.
func choose(all []part, names string) ([]part, error) {
	if names == "" {
		return all, nil
	}
	var found []part
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(p part) bool { return p.name == name })
		if i < 0 {
			var known []string
			for _, p := range all {
				known = append(known, p.name)
			}
			return nil, fmt.Errorf("-part: found %q, expected some of %s", name, strings.Join(known, ", "))
		}
		found = append(found, all[i])
	}
	return found, nil
}
