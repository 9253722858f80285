package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/tools/gocmd"
	"github.com/interlock-functions/interlock/tools/marked"
)

// As a program of its own, the test's binary is prove with parts that are not real.
func TestMain(m *testing.M) {
	if kind := os.Getenv("PROVE_FAKE"); kind != "" {
		os.Exit(command(os.Args[1:], func(string, time.Duration) []part { return fakes(kind) }, "page.md"))
	}
	os.Exit(m.Run())
}

func fakes(kind string) []part {
	shell := func(script string) func(context.Context, *report) error {
		return func(ctx context.Context, r *report) error { return gocmd.Lines(ctx, r.counts, "sh", "-c", script) }
	}
	second := map[string]string{
		"whole":  "echo proved: b: 2",
		"broken": "echo proved: b: 1 of 2; echo it broke >&2; exit 3",
		// Neither the shell nor what it starts minds an interrupt.
		"endless": "trap '' INT; sleep 1000 & echo proved: b: child $!; wait",
	}[kind]
	return []part{{"first", 1, shell("echo '   x_test.go:1: proved: c: 3'; echo approved: e: 5; echo proved: a: 1")}, {"second", 1, shell(second)}, {"third", 1, shell("echo proved: d: 4; echo proved: d: 4")}}
}

// fake runs the program with such parts in a folder with a page.
func fake(t *testing.T, kind string, args ...string) (*exec.Cmd, string) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "page.md"), []byte("above\n"+opening+"\n    old: 0\n\n"+marked.Closing+"below\n"), 0o644))
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PROVE_FAKE="+kind)
	return cmd, dir
}

func page(t *testing.T, dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "page.md"))
	require.NoError(t, err)
	return string(text)
}

func TestWhole(t *testing.T) {
	cmd, dir := fake(t, "whole")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "== Proved in 0s\n  c: 3\n  a: 1\n  b: 2\n  d: 4\n  d: 4\n")
	require.NotContains(t, string(out), "Not proved")
	require.Equal(t, "above\n"+opening+"\n    a: 1\n    b: 2\n    c: 3\n    d: 4 (2 times)\n\n"+marked.Closing+"below\n", page(t, dir))
}

func TestPartsAlonePublishNothing(t *testing.T) {
	cmd, dir := fake(t, "whole", "-part", "third,first")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "\n  d: 4\n  c: 3\n  a: 1\n")
	require.Contains(t, page(t, dir), "old: 0")

	cmd, _ = fake(t, "whole", "-part", "forth")
	out, err = cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `-part: found "forth", expected some of first, second, third`)
}

// What follows a part that failed is proved all the same.
func TestBroken(t *testing.T) {
	cmd, dir := fake(t, "broken")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 1, exit.ExitCode())
	require.Contains(t, string(out), "second: sh: exit status 3\nit broke")
	require.Contains(t, string(out), "\n  a: 1\n  b: 1 of 2\n  d: 4\n  d: 4\n== Not proved: second\n")
	require.Contains(t, page(t, dir), "old: 0")
}

// An interrupt tells what was proved, and leaves nothing behind.
func TestInterrupted(t *testing.T) {
	cmd, dir := fake(t, "endless")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var said strings.Builder
	in := bufio.NewScanner(out)
	child := 0
	for in.Scan() {
		fmt.Fprintln(&said, in.Text())
		if _, pid, ok := strings.Cut(in.Text(), "b: child "); ok && child == 0 {
			child, err = strconv.Atoi(pid)
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(child, 0))
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		}
	}
	require.NotZero(t, child)
	var exit *exec.ExitError
	require.ErrorAs(t, cmd.Wait(), &exit)
	require.Equal(t, 130, exit.ExitCode())
	require.Contains(t, said.String(), fmt.Sprintf("\n  a: 1\n  b: child %d\n== Not proved: second, third\n", child))
	require.Contains(t, page(t, dir), "old: 0")
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", child))
		return err != nil || strings.Contains(string(state), ") Z ") // ended, if not yet waited for
	}, time.Minute, 10*time.Millisecond)
}

// Each part may use its share of what is left: what one does not use is the next ones'.
func TestShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shares []time.Duration
		taking := func(d time.Duration) func(context.Context, *report) error {
			return func(ctx context.Context, _ *report) error {
				end, _ := ctx.Deadline()
				shares = append(shares, time.Until(end))
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(d):
					return nil
				}
			}
		}
		var out strings.Builder
		r := &report{out: &out, began: time.Now()}
		err := r.run(t.Context(), []part{
			{"short", 6, taking(10 * time.Minute)}, {"long", 2, taking(time.Hour)}, {"last", 3, taking(time.Minute)},
		}, 110*time.Minute, time.Minute)
		require.Equal(t, []time.Duration{60 * time.Minute, 40 * time.Minute, 60 * time.Minute}, shares)
		require.ErrorIs(t, err, errOutOfTime)
		require.NotErrorIs(t, err, errInterrupted)
		require.Contains(t, out.String(), "long: its share of the time is over; PROVETIME gives more")
		require.Contains(t, out.String(), "== Not proved: long\n")
	})
}

// How far a part is, is said while it runs and not after it.
func TestProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r := &report{out: &out, began: time.Now()}
		require.NoError(t, r.run(t.Context(), []part{
			{"told", 1, func(context.Context, *report) error {
				r.shows(func() string { return "half-way" })
				time.Sleep(150 * time.Second)
				return nil
			}},
			{"untold", 1, func(context.Context, *report) error { time.Sleep(150 * time.Second); return nil }},
		}, time.Hour, time.Minute))
		require.Equal(t, 2, strings.Count(out.String(), "half-way"), out.String())
		require.Contains(t, out.String(), "   2m0s  half-way\n")
	})
}

// Of a real `go test -json`: counts and failures, which many subtests do not hide.
func TestGoTest(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":           "module fake\n\ngo 1.26\n",
		"good/x_test.go":   "package good\n\nimport \"testing\"\n\nfunc TestGood(t *testing.T) {\n\tt.Run(\"sub\", func(*testing.T) {})\n\tt.Log(\"proved: good: 7\")\n}\n",
		"bad/x_test.go":    "package bad\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) {\n\tt.Log(\"proved: bad: 8\")\n\tfor range 1500 {\n\t\tt.Run(\"\", func(*testing.T) {})\n\t}\n\tt.Error(\"found 1, expected 2\")\n}\n",
		"broken/x_test.go": "package broken\n\nfunc init() { undefined() }\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	run := func(packages ...string) (string, []string, error) {
		var out strings.Builder
		r := &report{out: &out}
		err := r.goTest(t.Context(), filepath.Join(dir, "log"), gocmd.Go, append([]string{"test", "-C", dir, "-json"}, packages...)...)
		return out.String(), r.proved, err
	}
	_, proved, err := run("./good")
	require.NoError(t, err)
	require.Equal(t, []string{"good: 7", "tests: 2 passed in 1 packages"}, proved)

	out, proved, err := run("./...")
	require.ErrorContains(t, err, "the whole output is in "+filepath.Join(dir, "log"))
	require.ElementsMatch(t, []string{"good: 7", "bad: 8"}, proved)
	require.Contains(t, out, "fake/bad TestBad failed:\n")
	require.Contains(t, out, "found 1, expected 2")
	require.Contains(t, out, "undefined: undefined")
	require.Contains(t, out, "1502 tests passed, 1 packages done; failed: fake/bad TestBad\n")

	log, err := os.ReadFile(filepath.Join(dir, "log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "--- PASS: TestGood/sub")
}

func TestNoTestsIsNoProof(t *testing.T) {
	r := &report{out: &strings.Builder{}}
	require.ErrorContains(t, r.goTest(t.Context(), filepath.Join(t.TempDir(), "log"), "true"), "ran no test")
}

// The page has the place for what is proved, and all is found that is to be run.
func TestThisTree(t *testing.T) {
	t.Chdir("../..")
	text, err := os.ReadFile("docs/guarantees.md")
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "page.md")
	require.NoError(t, os.WriteFile(copied, text, 0o644))
	require.NoError(t, publish(copied, []string{"x: 1"}))
	now, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.Contains(t, string(now), "\n    x: 1\n")
	require.NoError(t, os.WriteFile(copied, []byte("no place"), 0o644))
	require.ErrorContains(t, publish(copied, nil), "has no line")

	fuzzed, err := functions(t.Context(), "Fuzz", "")
	require.NoError(t, err)
	const module = "github.com/interlock-functions/interlock/"
	require.Contains(t, fuzzed, function{module + "internal/jsontree", "FuzzParse"})
	short, err := functions(t.Context(), "Test", "")
	require.NoError(t, err)
	long, err := functions(t.Context(), "Test", "prove,verify")
	require.NoError(t, err)
	emulated := function{module + "internal/dynamodb", "TestDynamoDBLocal"}
	require.NotContains(t, short, emulated)
	require.Contains(t, long, emulated)
	require.Contains(t, long, function{module + "internal/proof", "TestMutants"})
	for _, p := range parts("", 0) {
		require.Positive(t, p.weight, p.name)
	}
	_, err = choose(parts("", 0), "proofs,emulated,sdks,model,mutants,fuzz")
	require.NoError(t, err)
}
