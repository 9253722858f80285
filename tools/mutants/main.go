// Mutants makes versions of the source with one thing changed, by a rule and not
// by a list, and sees that a test of the package, or of one that depends on it,
// notices:
//
//	go run ./tools/mutants -n 100
//	go run ./tools/mutants -only 'pkg/engine' -seed 7
//	go run ./tools/mutants -only internal/host -match 'never: if err'
//
// The rule: a condition of an if or a case never holds, or always; one operand of
// && or || is gone; < is <= and the like; == is !=, + is -; an error is not returned;
// a truth is turned round; a statement or a member of a literal is left out. What is
// only for people or for the race detector (logs, locks, closing) is left alone. It
// holds for all packages that the programs are made of; see load.
//
// It draws mutants by the seed until there are enough or the time is over. A mutant
// that lives has to stand in docs/mutants.md with why it may; else the exit code is 1.
// The order of the draw is a hash of the seed and each mutant's name: other changes
// of the source leave it alone.
//
// gremlins and go-mutesting were looked at first: they mutate operators, or take whole
// branches out; ask the tests of one package or of all; know a survivor by its line; have no
// place for why it may live; and put copies of the tree in the tests' place, where
// an overlay is enough.
package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const page = "docs/mutants.md"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command(ctx, os.Args[1:], os.Stdout)
	switch {
	case ctx.Err() != nil:
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	most := flags.Int("n", 200, "how many mutants to make at most")
	within := flags.Duration("time", time.Hour, "how long to hunt")
	seed := flags.String("seed", "1", "which mutants are drawn")
	only := flags.String("only", "", "a regular expression for the folders of the packages")
	match := flags.String("match", "", "a regular expression for the mutants' names")
	workers := flags.Int("workers", runtime.NumCPU(), "how many are hunted at once")
	own := flags.Bool("own", false, "ask the tests of each package alone: quick, but what lives then may be noticed by others")
	list := flags.Bool("list", false, "only name them")
	if err := flags.Parse(args); err != nil {
		return err
	}
	folders, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	names, err := regexp.Compile(*match)
	if err != nil {
		return fmt.Errorf("-match: %w", err)
	}
	t, err := load(ctx)
	if err != nil {
		return err
	}
	t.own = *own
	all, err := t.mutants(folders)
	if err != nil {
		return err
	}
	drawn := draw(slices.DeleteFunc(all, func(m mutant) bool { return !names.MatchString(m.String()) }), *seed)
	if *list {
		for _, m := range drawn {
			fmt.Fprintln(out, m)
		}
		return nil
	}
	why, err := reasons(page)
	if err != nil {
		return err
	}
	r := &result{out: out, why: why, of: len(drawn), end: time.Now().Add(*within), packages: map[string]bool{}}
	err = r.hunt(ctx, t, drawn, *most, *workers)
	return errors.Join(err, r.say())
}

// draw orders mutants by a hash of the seed and their names.
func draw(all []mutant, seed string) []mutant {
	key := map[string]string{}
	for _, m := range all {
		sum := sha256.Sum256([]byte(seed + "\n" + m.String()))
		key[m.String()] = string(sum[:])
	}
	return slices.SortedFunc(slices.Values(all), func(a, b mutant) int { return cmp.Compare(key[a.String()], key[b.String()]) })
}

// result is what became of the mutants.
type result struct {
	out io.Writer
	why map[string]string
	of  int
	end time.Time

	mu                    sync.Mutex
	started, made, killed int
	living                []mutant
	packages              map[string]bool
}

// hunt hunts mutants until that many were made, or the time is over.
func (r *result) hunt(ctx context.Context, t *tree, drawn []mutant, most, workers int) error {
	paths := map[string]string{}
	for _, p := range t.promising {
		paths[folder(p.ImportPath, p.Module.Path)] = p.ImportPath
	}
	ctx, ended := context.WithDeadlineCause(ctx, r.end, errOver)
	defer ended()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan mutant)
	var hunters sync.WaitGroup
	for range workers {
		dir, err := os.MkdirTemp("", "mutants")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		hunters.Go(func() {
			for m := range next {
				began := time.Now()
				killer, err := t.hunt(ctx, m, paths[m.pkg], dir)
				switch {
				case err == nil || errors.Is(err, errUnviable):
					r.take(m, killer, err != nil, time.Since(began))
				case ctx.Err() == nil:
					cancel(err)
				}
			}
		})
	}
	for _, m := range drawn {
		if !r.start(most) || ctx.Err() != nil {
			break
		}
		select {
		case next <- m:
		case <-ctx.Done():
		}
	}
	close(next)
	hunters.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, errOver) {
		return cause
	}
	return nil
}

// errOver: what is still hunted then counts as not made.
var errOver = errors.New("the time is over")

// start: one more may be hunted.
func (r *result) start(most int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.started == most {
		return false
	}
	r.started++
	return true
}

func (r *result) take(m mutant, killer string, unviable bool, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if unviable {
		r.started--
		return
	}
	r.made++
	r.packages[m.pkg] = true
	verdict := "LIVES"
	if killer != "" {
		r.killed++
		verdict = "killed by " + killer
	} else {
		r.living = append(r.living, m)
		if why := r.why[m.String()]; why != "" {
			verdict = "lives: " + why
		}
	}
	fmt.Fprintf(r.out, "%4d  %s (%s, %s)\n", r.made, m, verdict, took.Round(time.Second))
}

// say says what became of them, and fails where one lives without a reason.
func (r *result) say() error {
	slices.SortFunc(r.living, func(a, b mutant) int { return cmp.Compare(a.String(), b.String()) })
	var unexplained []string
	for _, m := range r.living {
		if r.why[m.String()] == "" {
			unexplained = append(unexplained, m.asRow())
		}
	}
	fmt.Fprintf(r.out, "proved: mutants by rule: %d made of %d in %d packages, %d killed, %d live with a reason, %d without\n",
		r.made, r.of, len(r.packages), r.killed, len(r.living)-len(unexplained), len(unexplained))
	for _, m := range r.living {
		fmt.Fprintf(r.out, "proved: mutant that lives: %s\n", m)
	}
	switch {
	case len(unexplained) > 0:
		return fmt.Errorf("these live, and %s does not say why they may:\n%s", page, strings.Join(unexplained, "\n"))
	case r.made == 0:
		return errors.New("no mutant was made")
	}
	return nil
}
