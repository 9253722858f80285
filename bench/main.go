// Command bench compares, in one run, a built function with the least that a
// Lambda function can be, with the same job written plainly, and with the same
// job as Node.js and Python do it with Powertools for AWS Lambda; and it holds
// the function to its budgets. It prints tables in Markdown, and ends with 1 if
// a budget is missed. docs/benchmarks.md says how to read it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/interlock-functions/interlock/bench/budget"
	"github.com/interlock-functions/interlock/tools/marked"
)

// opening is the line of docs/benchmarks.md after which the tables stand.
const opening = "<!-- Written by `make bench`. -->\n"

func main() {
	rounds := flag.Int("rounds", 30, "how often each program is started; medians count")
	page := flag.String("page", "", "page to write the tables into, with a picture beside it")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] [ARTEFACT...]: compares also with other builds of proxyssl")
		flag.PrintDefaults()
	}
	flag.Parse()
	ok, err := compare(os.Stdout, *rounds, *page, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// compare measures over TLS, as a deployed function calls, and over plain HTTP,
// where our own time shows, and says whether all budgets were held.
func compare(w io.Writer, rounds int, page string, others []string) (held bool, err error) {
	dir, err := os.MkdirTemp("", "interlock-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	built, err := candidates(dir, others)
	if err != nil {
		return false, err
	}
	var tables bytes.Buffer
	secure, err := measureAll(dir, built, rounds, true)
	if err != nil {
		return false, err
	}
	open, err := measureAll(dir, built, rounds, false)
	if err != nil {
		return false, err
	}
	fmt.Fprintf(&tables, "\n%s.\n\nOver TLS:\n\n", machine())
	table(&tables, secure)
	fmt.Fprint(&tables, "\nOver plain HTTP:\n\n")
	table(&tables, open)
	all := append(secureBudgets(secure), openBudgets(open)...)
	fmt.Fprintln(&tables)
	budget.Table(&tables, all)
	fmt.Fprintln(&tables)
	if _, err := w.Write(tables.Bytes()); err != nil {
		return false, err
	}
	beside(w, "over TLS", secure)
	beside(w, "over HTTP", open)
	held = budget.Say(w, all)
	if page == "" {
		return held, nil
	}
	if err := marked.Write(page, opening, tables.String()); err != nil {
		return false, err
	}
	return held, os.WriteFile(filepath.Join(filepath.Dir(page), "benchmarks.svg"), picture(secure), 0o644)
}

// measureAll measures each program in turn, in each round anew.
func measureAll(dir string, built []candidate, rounds int, overTLS bool) ([]*program, error) {
	env := environment
	var a *authority
	if overTLS {
		var err error
		if a, err = newAuthority(); err != nil {
			return nil, err
		}
		trust, err := a.trust(dir)
		if err != nil {
			return nil, err
		}
		env = append(env, trust...)
	}
	s, err := newServices(a)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	env = append(env, s.environment()...)
	var programs []*program
	for _, c := range built {
		programs = append(programs, &program{candidate: c, cold: map[int]run{}, warm: map[int]run{}})
	}
	for i := range rounds {
		for _, p := range programs {
			if i%p.every != 0 {
				continue
			}
			if err := p.round(i, s, env); err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d, TLS: %v ", i+1, rounds, overTLS)
	}
	fmt.Fprintln(os.Stderr)
	return programs, nil
}

// environment is a deployed function's, but for where the services are. The
// second half is for the programs that are not Interlock's.
var environment = []string{
	"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=session",
	"INTERLOCK_REGION=eu-west-101", "INTERLOCK_LEDGER=dynamodb:table", "INTERLOCK_BUS=eventbridge:bus", "INTERLOCK_SECRET_ID=secret",
	"INTERLOCK_QUEUE_URL=https://sqs.eu-central-1.amazonaws.com/123456789012/proxyssl",

	"AWS_DEFAULT_REGION=eu-central-1", "TABLE=table", "BUS=bus", "SECRET_ID=secret",
	"POWERTOOLS_SERVICE_NAME=proxyssl", "POWERTOOLS_METRICS_NAMESPACE=Peer", "PATH=" + os.Getenv("PATH"),
}
