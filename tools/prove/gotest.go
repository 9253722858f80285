package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
)

// tests is how far a `go test -json` is; see `go doc test2json`.
type tests struct {
	mu       sync.Mutex
	passed   int
	packages int
	failed   []string
	// running are the tests at work with those of their subtests that passed.
	running map[string]*running
}

type running struct {
	since  time.Time
	passed int
	output []string
}

type testEvent struct {
	Action, Package, Test, Output string
}

// goTest runs a `go test -json`, with its whole output in a file.
func (r *report) goTest(ctx context.Context, log, name string, args ...string) error {
	file, err := os.Create(log)
	if err != nil {
		return err
	}
	defer file.Close()
	t := &tests{running: map[string]*running{}}
	r.shows(t.String)
	err = gocmd.Lines(ctx, func(line string) {
		var e testEvent
		if json.Unmarshal([]byte(line), &e) != nil {
			e = testEvent{Action: "output", Output: line + "\n"} // of the command, not of a test
		}
		fmt.Fprint(file, e.Output)
		if e.Action == "output" || e.Action == "build-output" {
			r.counts(e.Output)
		}
		if failed := t.take(e, time.Now()); failed != "" {
			r.say("%s", strings.TrimRight(failed, "\n"))
		}
	}, name, args...)
	r.say("   %s", t.String())
	if err != nil {
		return fmt.Errorf("%w; the whole output is in %s", err, log)
	}
	if t.passed == 0 {
		return fmt.Errorf("%s %s ran no test", name, strings.Join(args, " "))
	}
	r.counts(fmt.Sprintf("proved: tests: %d passed in %d packages", t.passed, t.packages))
	return nil
}

// usual is what says nothing of a failure.
var usual = regexp.MustCompile(`^\s*(=== |--- PASS|--- SKIP)`)

// take takes one event, and returns what is to be shown of a test that failed.
func (t *tests) take(e testEvent, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	top, sub, _ := strings.Cut(e.Test, "/")
	key := strings.TrimSpace(e.Package + " " + top)
	at := t.running[key]
	switch e.Action {
	case "run":
		if at == nil && sub == "" {
			t.running[key] = &running{since: now}
		}
	case "output":
		if at != nil && len(at.output) < 2000 && !usual.MatchString(e.Output) {
			at.output = append(at.output, e.Output)
		}
	case "build-output":
		return e.Output
	case "pass":
		switch {
		case e.Test == "":
			t.packages++
		case sub != "" && at != nil:
			at.passed++
			t.passed++
		default:
			delete(t.running, key)
			t.passed++
		}
	case "skip":
		if sub == "" {
			delete(t.running, key)
		}
	case "fail":
		if e.Test != "" && sub == "" {
			delete(t.running, key)
			t.failed = append(t.failed, key)
			if at != nil {
				return "   " + key + " failed:\n" + strings.Join(at.output, "")
			}
		}
		if e.Test == "" { // also by a panic, or because it does not compile
			return "   " + e.Package + " failed"
		}
	}
	return ""
}

func (t *tests) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%d tests passed, %d packages done", t.passed, t.packages)
	if len(t.failed) > 0 {
		fmt.Fprintf(&b, "; failed: %s", strings.Join(t.failed, ", "))
	}
	if len(t.running) == 0 {
		return b.String()
	}
	at := slices.SortedFunc(maps.Keys(t.running), func(x, y string) int {
		return t.running[x].since.Compare(t.running[y].since)
	})
	const most = 3
	for i, key := range at[:min(len(at), most)] {
		fmt.Fprintf(&b, "%s %s since %s", []string{"; at", ","}[min(i, 1)], key[strings.LastIndexByte(key, '/')+1:], short(time.Since(t.running[key].since)))
		if n := t.running[key].passed; n > 0 {
			fmt.Fprintf(&b, " with %d passed", n)
		}
	}
	if more := len(at) - most; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
