// Command bench compares, in one run, a built function with the least that a
// Lambda function can be and with the same job written plainly, and holds it to
// its budgets. It prints a table in Markdown, and ends with 1 if a budget is
// missed. docs/benchmarks.md says how to read it.
package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// program is one of those compared.
type program struct {
	name, pkg string
	env       []string
	path      string

	cold, warm []run
	// trips are the calls of the first event, and of the warm ones together.
	trips, warmTrips map[string]int
	size, zipped     int64
}

const (
	// warmEvents is how many events a process handles after its first.
	warmEvents = 1000
	// warmRounds: every so many rounds, processes handle that many.
	warmRounds = 3
	bare       = 0
	plain      = 1
	plainMore  = 2
	built      = 3
	withPolicy = 4
)

func main() {
	rounds := flag.Int("rounds", 30, "how often each program is started; medians count")
	overTLS := flag.Bool("tls", false, "call AWS and the cloud over TLS, as a deployed function does")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: bench [flags] [ARTEFACT...]: compares also with other builds of proxyssl")
		flag.PrintDefaults()
	}
	flag.Parse()
	ok, err := compare(os.Stdout, *rounds, *overTLS, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func compare(w io.Writer, rounds int, overTLS bool, others []string) (ok bool, err error) {
	policies, err := filepath.Abs("policies")
	if err != nil {
		return false, err
	}
	programs := []*program{
		bare:      {name: "bare: aws-lambda-go alone", pkg: "./bench/bare"},
		plain:     {name: "plain: the job, 2 writes", pkg: "./bench/plain"},
		plainMore: {name: "plain, and 1 ledger write", pkg: "./bench/plain", env: []string{"LEDGER=1"}},
		built:     {name: "proxyssl", pkg: "./cmd/lambda"},
		withPolicy: {name: "proxyssl, with policies/production.cedar", pkg: "./cmd/lambda", env: []string{
			"INTERLOCK_POLICY=file:" + policies + "/production.cedar", "INTERLOCK_POLICY_ENTITIES=file:" + policies + "/entities.json",
		}},
		// The built function has itself on one thread: what that alone does.
		{name: "plain, and 1 ledger write, on one thread", pkg: "./bench/plain", env: []string{"LEDGER=1", "GOMAXPROCS=1"}},
	}
	for _, path := range others {
		programs = append(programs, &program{name: path, path: path})
	}
	dir, err := os.MkdirTemp("", "interlock-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	for _, p := range programs {
		fmt.Fprintln(os.Stderr, "building", p.name)
		if err := p.build(dir); err != nil {
			return false, err
		}
	}
	env := environment
	var a *authority
	if overTLS {
		if a, err = newAuthority(); err != nil {
			return false, err
		}
		trusted := filepath.Join(dir, "ca-bundle.crt")
		if err := os.WriteFile(trusted, a.bundle(), 0o600); err != nil {
			return false, err
		}
		env = append(env, "SSL_CERT_FILE="+trusted)
	}
	s, err := newServices(a)
	if err != nil {
		return false, err
	}
	defer s.Close()
	env = append(env, s.environment()...)
	for i := range rounds {
		for _, p := range programs {
			if err := p.round(s, env, i%warmRounds == 0); err != nil {
				return false, fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	table(w, programs)
	beside(w, programs)
	return budgets(w, programs, overTLS), nil
}

// environment is a deployed function's, but for where the services are.
var environment = []string{
	"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=session",
	"INTERLOCK_REGION=eu-west-101", "INTERLOCK_LEDGER=dynamodb:table", "INTERLOCK_BUS=eventbridge:bus", "INTERLOCK_SECRET_ID=secret",
	"INTERLOCK_QUEUE_URL=https://sqs.eu-central-1.amazonaws.com/123456789012/proxyssl",
}

// build makes the artefact as `make build` does, for this machine, unless it is
// there already.
func (p *program) build(dir string) error {
	if p.path == "" {
		p.path = filepath.Join(dir, strings.ReplaceAll(p.pkg, "/", "-"))
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,validator_novalidatefn", "-ldflags", "-s -w", "-o", p.path, p.pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", p.pkg, err, out)
		}
	}
	content, err := os.ReadFile(p.path)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	f, err := z.Create("bootstrap")
	if err == nil {
		_, err = f.Write(content)
	}
	p.size = int64(len(content))
	if err == nil {
		err = z.Close()
	}
	p.zipped = int64(archive.Len())
	return err
}

// round starts the program once for one event and, if asked, once for many.
func (p *program) round(s *services, env []string, warm bool) error {
	s.take()
	r, err := measure(p.path, append(p.env, env...), 1)
	if err != nil {
		return err
	}
	p.cold, p.trips = append(p.cold, r), s.take()
	if !warm {
		return nil
	}
	if r, err = measure(p.path, append(p.env, env...), 1+warmEvents); err != nil {
		return err
	}
	p.warm, p.warmTrips = append(p.warm, r), s.take()
	return nil
}

// coldCPU is the CPU time from start to the first completed event.
func (p *program) coldCPU() time.Duration {
	return median(p.cold, func(r run) time.Duration { return r.cpu })
}

// warmCPU is the CPU time of each event after the first.
func (p *program) warmCPU() time.Duration { return middle(p.warmCPUs()) }

// warmCPUs are those of each round in which there were any.
func (p *program) warmCPUs() (all []time.Duration) {
	for i, r := range p.warm {
		all = append(all, (r.cpu-p.cold[i*warmRounds].cpu)/warmEvents)
	}
	return all
}

func (p *program) coldCPUs() (all []time.Duration) {
	for _, r := range p.cold {
		all = append(all, r.cpu)
	}
	return all
}

// ratio is the median of the ratios of one round each: what else the machine
// does at the time concerns both alike.
func ratio(of, to []time.Duration) float64 {
	var all []float64
	for i := range of {
		all = append(all, float64(of[i])/float64(to[i]))
	}
	return middle(all)
}

// perEvent is how often AWS is called for a warm event.
func (p *program) perEvent() map[string]float64 {
	n := map[string]float64{}
	for operation, times := range p.warmTrips {
		if times -= p.trips[operation]; times > 0 && operation != "cloud" {
			n[operation] = float64(times) / warmEvents
		}
	}
	return n
}

func (p *program) awsTrips() (sum float64) {
	for _, n := range p.perEvent() {
		sum += n
	}
	return sum
}

func median[T cmp.Ordered](runs []run, of func(run) T) T {
	var all []T
	for _, r := range runs {
		all = append(all, of(r))
	}
	return middle(all)
}

func middle[T cmp.Ordered](all []T) T {
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

func table(w io.Writer, programs []*program) {
	fmt.Fprintf(w, "\n| | artefact MB (zip) | CPU to the first event ms | × bare | start → first answer ms | memory MB | CPU for a warm event µs | AWS calls for it |\n|---|---|---|---|---|---|---|---|\n")
	for _, p := range programs {
		fmt.Fprintf(w, "| %s | %.1f (%.1f) | %.2f | %.2f | %.2f | %.1f | %.0f | %.0f |\n", p.name,
			megabytes(p.size), megabytes(p.zipped), milliseconds(p.coldCPU()), ratio(p.coldCPUs(), programs[bare].coldCPUs()),
			milliseconds(median(p.cold, func(r run) time.Duration { return r.first })),
			megabytes(median(p.cold, func(r run) int64 { return r.peak })),
			float64(p.warmCPU().Nanoseconds())/1000, p.awsTrips())
	}
	fmt.Fprintln(w)
}

func megabytes(n int64) float64            { return float64(n) / 1e6 }
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// beside compares the built function with other builds of it.
func beside(w io.Writer, programs []*program) {
	f := programs[built]
	for _, p := range programs {
		if p.pkg == "" && p.path != "" {
			fmt.Fprintf(w, "        than %s: CPU to the first completed event %.3f ×, for a warm one %.3f ×, artefact %.3f ×\n", p.path,
				ratio(f.coldCPUs(), p.coldCPUs()), ratio(f.warmCPUs(), p.warmCPUs()), float64(f.size)/float64(p.size))
		}
	}
}

// budgets tells of each budget what it is and what was found. Over TLS there are
// those of a start and of a policy, which are shares of a deployed function's time;
// the others would hide behind what TLS takes.
func budgets(w io.Writer, programs []*program, overTLS bool) (ok bool) {
	ok = true
	check := func(met bool, format string, args ...any) {
		word := "met"
		if !met {
			word, ok = "MISSED", false
		}
		fmt.Fprintf(w, "%-6s  %s\n", word, fmt.Sprintf(format, args...))
	}
	f, b, more, asked := programs[built], programs[bare], programs[plainMore], programs[withPolicy]
	cold, warm := ratio(asked.coldCPUs(), f.coldCPUs()), ratio(asked.warmCPUs(), f.warmCPUs())
	start := ratio(f.coldCPUs(), b.coldCPUs())
	if overTLS {
		check(start <= 4.2, "CPU to the first completed event, of four hosts: %.2f × bare, of 4.2; the goal is 3.2", start)
		check(cold <= 1.05, "CPU to the first completed event, with a policy: %.3f × without, of 1.05", cold)
		check(warm <= 1.05, "CPU for a warm event, with a policy: %.3f × without, of 1.05", warm)
		return ok
	}
	fmt.Fprintf(w, "        CPU with a policy: %.3f × without to the first completed event, %.3f × for a warm one; the budget is over TLS\n", cold, warm)
	warm = ratio(f.warmCPUs(), more.warmCPUs())
	check(start <= 2.5, "CPU to the first completed event: %.2f × bare, of 2.5; the goal is 1.8", start)
	check(f.awsTrips() == 4 && f.perEvent()["PutEvents"] == 1, "AWS round trips for an event: %v, of 3 to the ledger and 1 to the bus", f.perEvent())
	check(warm <= 1.1, "CPU for a warm event: %.2f × the plain program's and one ledger write, of 1.1", warm)
	check(f.size <= 13e6, "artefact: %.1f MB, of 13", megabytes(f.size))
	return ok
}
