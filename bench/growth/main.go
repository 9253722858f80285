// Command growth measures what a ledger costs as it grows: files of bolt, and a
// table in the stand-in for DynamoDB, with a thousand decisions to a million. It
// prints tables in Markdown and holds them to budgets, and ends with 1 if one is
// missed. docs/capacity.md says how to read it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/interlock-functions/interlock/bench/budget"
	"github.com/interlock-functions/interlock/tools/marked"
)

// opening is the line of docs/capacity.md after which the tables stand.
const opening = "<!-- Written by `make bench-growth`. -->\n"

func main() {
	files := flag.String("files", "1000,100000,1000000", "how many decisions the files of bolt hold")
	tables := flag.String("tables", "1000,100000", "how many the tables of DynamoDB's stand-in hold")
	backlog := flag.Int("backlog", 20_000, "how many decisions wait under a halt, and how many jobs are followed at a start")
	page := flag.String("page", "", "page to write the tables into")
	flag.Parse()
	ok, err := measure(os.Stdout, *files, *tables, *backlog, *page)
	if err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func measure(w io.Writer, files, tables string, backlog int, page string) (held bool, err error) {
	dir, err := os.MkdirTemp("", "interlock-growth-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	m, err := learn()
	if err != nil {
		return false, err
	}
	var text bytes.Buffer
	fmt.Fprintf(&text, "\n%s, %s/%s, %d cores.\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	// These come first: the memory of a program that has done nothing else is small, and
	// cheap to collect.
	waiting, err := m.waiting(filepath.Join(dir, "waiting.db"), backlog)
	if err != nil {
		return false, fmt.Errorf("backlog: %w", err)
	}
	started, err := m.started(filepath.Join(dir, "started.db"), backlog)
	if err != nil {
		return false, fmt.Errorf("start: %w", err)
	}
	inFiles, err := m.files(&text, dir, files)
	if err != nil {
		return false, fmt.Errorf("bolt: %w", err)
	}
	inCrowd, err := m.crowd(&text, filepath.Join(dir, "crowd.db"))
	if err != nil {
		return false, fmt.Errorf("bolt: %w", err)
	}
	inTables, err := m.tables(&text, tables)
	if err != nil {
		return false, fmt.Errorf("DynamoDB's stand-in: %w", err)
	}
	fmt.Fprintln(&text)
	all := slices.Concat(inFiles, inCrowd, inTables, []budget.Budget{waiting, started})
	budget.Table(&text, all)
	fmt.Fprintln(&text)
	if _, err := w.Write(text.Bytes()); err != nil {
		return false, err
	}
	held = budget.Say(w, all)
	if page == "" {
		return held, nil
	}
	return held, marked.Write(page, opening, text.String())
}

// sizes reads a list of numbers, which must grow.
func sizes(text string) (all []int, err error) {
	for _, part := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || len(all) > 0 && n <= all[len(all)-1] {
			return nil, fmt.Errorf("sizes: found %q, expected numbers that grow, as 1000,100000", text)
		}
		all = append(all, n)
	}
	return all, nil
}
