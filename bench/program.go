package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// candidate is what is started.
type candidate struct {
	name string
	// pkg is the Go package that it is built from, if it is.
	pkg  string
	argv []string
	env  []string
	// every and warmEvery say in which rounds it is started for one event, and for
	// warmEvents more. Both count from the first round, and every divides warmEvery.
	every, warmEvery, warmEvents int
	// size and zipped are the artefact's in bytes, 0 for one that is not a file of its own.
	size, zipped int64
}

// The first candidates, which budgets compare.
const (
	bare       = 0
	plain      = 1
	plainMore  = 2
	built      = 3
	withPolicy = 4
	oneThread  = 5
)

// deployed is what template.yaml sets for a function with less than a core.
var deployed = []string{"GOMAXPROCS=1", "GOGC=400"}

// candidates builds all that are compared into a folder. The peers are left out,
// and named on standard error, where what they need is not installed.
func candidates(dir string, others []string) ([]candidate, error) {
	policies, err := filepath.Abs("policies")
	if err != nil {
		return nil, err
	}
	all := []candidate{
		bare:      {name: "bare: aws-lambda-go alone", pkg: "./bench/bare"},
		plain:     {name: "plain: the job, 2 writes", pkg: "./bench/plain"},
		plainMore: {name: "plain, and 1 ledger write", pkg: "./bench/plain", env: []string{"LEDGER=1"}},
		built:     {name: "**proxyssl**", pkg: "./cmd/lambda", env: deployed},
		withPolicy: {name: "proxyssl, with policies/production.cedar", pkg: "./cmd/lambda", env: append(slices.Clip(deployed),
			"INTERLOCK_POLICY=file:"+policies+"/production.cedar", "INTERLOCK_POLICY_ENTITIES=file:"+policies+"/entities.json",
		)},
		oneThread: {name: "plain, and 1 ledger write, on one thread", pkg: "./bench/plain", env: []string{"LEDGER=1", "GOMAXPROCS=1"}},
	}
	for i := range all {
		fmt.Fprintln(os.Stderr, "building", all[i].name)
		if err := all[i].build(dir); err != nil {
			return nil, err
		}
	}
	for _, path := range others {
		all = append(all, candidate{name: path, argv: []string{path}, env: deployed})
	}
	for i := range all {
		all[i].every, all[i].warmEvery, all[i].warmEvents = 1, 3, 1000
		if err := all[i].weigh(); err != nil {
			return nil, err
		}
	}
	found, err := peers()
	return append(all, found...), err
}

// peers are the job as Node.js and Python do it. They take a second to start and
// so are started less often.
func peers() (all []candidate, err error) {
	bundle, err := filepath.Abs("bench/peers/node/dist/peer.mjs")
	if err != nil {
		return nil, err
	}
	python, err := filepath.Abs(".venv/peers/bin/python")
	if err != nil {
		return nil, err
	}
	source, err := filepath.Abs("bench/peers/python")
	if err != nil {
		return nil, err
	}
	node, err := exec.LookPath("node")
	if err != nil {
		node = "node (which is not installed)"
	}
	for _, p := range []candidate{
		{name: "Node.js, Powertools", argv: []string{node, bundle}},
		{name: "Python, Powertools", argv: []string{python, "-m", "awslambdaric", "peer.handler"}, env: []string{"PYTHONPATH=" + source, "_HANDLER=peer.handler"}},
	} {
		p.every, p.warmEvery, p.warmEvents = 5, 5, 200
		missing := slices.IndexFunc(p.argv, func(arg string) bool {
			_, err := os.Stat(arg)
			return filepath.IsAbs(arg) && err != nil || strings.Contains(arg, "not installed")
		})
		if missing >= 0 {
			fmt.Fprintf(os.Stderr, "leaving out %s: there is no %s; `make bench` installs it where npm and Python with venv are there\n", p.name, p.argv[missing])
			continue
		}
		all = append(all, p)
	}
	return all, nil
}

// build makes the artefact as `make build` does, for this machine.
func (c *candidate) build(dir string) error {
	c.argv = []string{filepath.Join(dir, strings.ReplaceAll(c.pkg, "/", "-"))}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,validator_novalidatefn", "-ldflags", "-s -w", "-o", c.argv[0], c.pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", c.pkg, err, out)
	}
	return nil
}

func (c *candidate) weigh() error {
	content, err := os.ReadFile(c.argv[0])
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	f, err := z.Create("bootstrap")
	if err == nil {
		_, err = f.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	c.size, c.zipped = int64(len(content)), int64(archive.Len())
	return err
}

// program is a candidate with what was measured of it, by round.
type program struct {
	candidate
	cold, warm map[int]run
	// trips are the calls of the first event, and of the warm ones together.
	trips, warmTrips map[string]int
}

// round starts the program once for one event and, in some rounds, once for many.
func (p *program) round(i int, s *services, env []string) error {
	env = append(slices.Clip(env), p.env...)
	s.take()
	r, err := measure(p.argv, env, 1)
	if err != nil {
		return err
	}
	p.cold[i], p.trips = r, s.take()
	if i%p.warmEvery != 0 {
		return nil
	}
	if r, err = measure(p.argv, env, 1+p.warmEvents); err != nil {
		return err
	}
	p.warm[i], p.warmTrips = r, s.take()
	return nil
}

// coldCPUs are the CPU times from start to the first completed event, by round.
func (p *program) coldCPUs() map[int]time.Duration {
	all := map[int]time.Duration{}
	for i, r := range p.cold {
		all[i] = r.cpu
	}
	return all
}

// warmCPUs are the CPU times of each event after the first, in the rounds in
// which there were any.
func (p *program) warmCPUs() map[int]time.Duration {
	all := map[int]time.Duration{}
	for i, r := range p.warm {
		all[i] = (r.cpu - p.cold[i].cpu) / time.Duration(p.warmEvents)
	}
	return all
}

// ratio is the median of the ratios of one round each, of those that both took
// part in: what else the machine does at the time concerns both alike.
func ratio(of, to map[int]time.Duration) float64 {
	var all []float64
	for i := range of {
		if other, ok := to[i]; ok {
			all = append(all, float64(of[i])/float64(other))
		}
	}
	return middle(slices.Values(all))
}

// perEvent is how often AWS is called for a warm event.
func (p *program) perEvent() map[string]float64 {
	n := map[string]float64{}
	for operation, times := range p.warmTrips {
		if times -= p.trips[operation]; times > 0 && operation != "cloud" {
			n[operation] = float64(times) / float64(p.warmEvents)
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

// median is of one figure of all starts for one event.
func median[T cmp.Ordered](p *program, of func(run) T) T {
	return middle(func(yield func(T) bool) {
		for r := range maps.Values(p.cold) {
			if !yield(of(r)) {
				return
			}
		}
	})
}

// middle is the median, and zero of nothing.
func middle[T cmp.Ordered](of func(func(T) bool)) (m T) {
	if all := slices.Sorted(of); len(all) > 0 {
		m = all[len(all)/2]
	}
	return m
}
