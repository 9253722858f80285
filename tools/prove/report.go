package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

var (
	errInterrupted = errors.New("interrupted")
	errOutOfTime   = errors.New("its share of the time is over; PROVETIME gives more")
)

// part is one kind of proof.
type part struct {
	name string
	// weight is its share of what is left, beside the parts after it.
	weight int
	// run proves it. It ends, with its children, soon after the context does,
	// whose deadline is when its share is over.
	run func(context.Context, *report) error
}

// report collects what was proved, and says how far it is.
type report struct {
	out   io.Writer
	began time.Time

	mu     sync.Mutex
	proved []string
	// status says how far the current part is; nil before it began.
	status func() string
}

// run runs the parts, each for at most its share of what is left of the budget,
// and says in any case what was proved.
func (r *report) run(ctx context.Context, parts []part, budget, every time.Duration) error {
	var failed []error
	var left []string
	end := r.began.Add(budget)
	for i, p := range parts {
		if ctx.Err() != nil {
			left = append(left, p.name)
			continue
		}
		of := 0
		for _, later := range parts[i:] {
			of += later.weight
		}
		share := max(time.Until(end)*time.Duration(p.weight)/time.Duration(of), 0)
		r.say("== %s, for up to %s", p.name, short(share))
		if err := r.part(ctx, p, share, every); err != nil {
			r.say("   %s: %v", p.name, err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
			left = append(left, p.name)
		}
	}
	r.summary(left)
	if ctx.Err() != nil {
		return fmt.Errorf("%w; not proved: %s", errInterrupted, strings.Join(left, ", "))
	}
	return errors.Join(failed...)
}

// part runs one part, with a line of progress every so often.
func (r *report) part(ctx context.Context, p part, share, every time.Duration) error {
	within, cancel := context.WithTimeout(ctx, share)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- p.run(within, r) }()
	progress := time.NewTicker(every)
	defer progress.Stop()
	defer r.shows(nil)
	for {
		select {
		case err := <-done:
			switch {
			case err == nil:
				return nil
			case ctx.Err() != nil:
				return errInterrupted
			case within.Err() != nil:
				return fmt.Errorf("%w: %w", errOutOfTime, err)
			}
			return err
		case <-progress.C:
			r.progress()
		}
	}
}

func (r *report) progress() {
	r.mu.Lock()
	status := r.status
	r.mu.Unlock()
	if status != nil {
		r.say("   %s  %s", short(time.Since(r.began)), status())
	}
}

// shows has the progress of the current part told by status.
func (r *report) shows(status func() string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status = status
}

// told is what a line says; one that says "not approved: " does not.
var told = regexp.MustCompile(`(?:^|\s)proved: (.*\S)`)

// counts takes what a line says that was counted, if it does.
func (r *report) counts(line string) {
	found := told.FindStringSubmatch(line)
	if found == nil {
		return
	}
	text := found[1]
	r.mu.Lock()
	r.proved = append(r.proved, text)
	r.mu.Unlock()
	r.say("   proved: %s", text)
}

// summary says what was proved, and what was not.
func (r *report) summary(left []string) {
	r.mu.Lock()
	proved := slices.Clone(r.proved)
	r.mu.Unlock()
	r.say("\n== Proved in %s", short(time.Since(r.began)))
	for _, p := range proved {
		r.say("  %s", p)
	}
	if len(left) > 0 {
		r.say("== Not proved: %s", strings.Join(left, ", "))
	}
}

func (r *report) say(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, format+"\n", args...)
}

func short(d time.Duration) string { return d.Round(time.Second).String() }
