// Model checks the model of the protocol in protocol.qnt with Quint:
//
//	go run ./tools/model -samples 2000 -page docs/model.md
//	go run ./tools/model -traces traces.json.gz -record 1000
//
// It is type-checked; with all rules on, no promise may break in as many random
// runs as asked for; and with each rule out in turn, its promise has to break. A
// rule without which nothing breaks fails the command: either it does nothing, or
// the model does not show what for. With -traces, nothing is checked: random runs with
// all rules on are recorded, for TestModelTraces of internal/proof to replay through the engine.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/tools/gocmd"
	"github.com/interlock-functions/interlock/tools/marked"
)

const (
	folder = "tools/model"
	steps  = 12
	// recordedSteps is how long the recorded runs are.
	recordedSteps = 30
	// opening is where in the page the table begins.
	opening = "<!-- make model writes what follows. -->\n"
)

// rule is one of the protocol, with the promise that breaks without it, and who
// has to be there for that.
type rule struct{ name, text, promise, cast string }

var declared = regexp.MustCompile(`(?m)^/// rule ([a-z-]+): (.+) \| (\w+) \| (.+)$`)

func main() {
	samples := flag.Int("samples", 500, "random runs with all rules on")
	each := flag.Duration("each", 2*time.Minute, "how long a counterexample may be looked for")
	shorten := flag.Int("shorten", 0, "random runs in which a shorter counterexample is looked for, again and again")
	page := flag.String("page", "", "the page whose table is written; none where empty")
	traces := flag.String("traces", "", "the file into which random runs are recorded; none where empty")
	recorded := flag.Int("record", 150, "how many of them")
	seed := flag.Int("seed", 1, "what they begin with")
	flag.Parse()
	err := func() error {
		if *traces != "" {
			return record(context.Background(), *traces, *recorded, *seed)
		}
		return check(context.Background(), *samples, *shorten, *each, *page)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func check(ctx context.Context, samples, shorten int, each time.Duration, page string) error {
	source, err := os.ReadFile(filepath.Join(folder, "protocol.qnt"))
	if err != nil {
		return err
	}
	if _, err := quint(ctx, "typecheck"); err != nil {
		return err
	}
	if found, err := search(ctx, rule{promise: "promises"}, samples, 20); err != nil || found != nil {
		return errors.Join(err, broken(found))
	}
	var table strings.Builder
	var useless []string
	rules := declared.FindAllStringSubmatch(string(source), -1)
	for _, m := range rules {
		r := rule{m[1], m[2], m[3], m[4]}
		found, err := r.counterexample(ctx, shorten, each)
		if err != nil {
			return err
		}
		if found == nil {
			useless = append(useless, r.name)
		}
		fmt.Printf("%-12s %-9s %s\n", r.name, r.promise, strings.Join(found, "; "))
		fmt.Fprintf(&table, "| %s | %s | `%s` | %s |\n", r.name, r.text, r.promise, strings.Join(found, "; "))
	}
	fmt.Printf("proved: model: traces=%d rules=%d counterexamples=%d\n", samples, len(rules), len(rules)-len(useless))
	switch {
	case len(rules) == 0:
		return errors.New("protocol.qnt declares no rule")
	case useless != nil:
		return fmt.Errorf("no promise is seen to break without: %s", strings.Join(useless, ", "))
	case page == "":
		return nil
	}
	head := "| rule | what it says | promise | without it |\n|---|---|---|---|\n"
	return marked.Write(page, opening, head+table.String())
}

func broken(found []string) error {
	if found == nil {
		return nil
	}
	return fmt.Errorf("a promise breaks with all rules on: %s", strings.Join(found, "; "))
}

// counterexample is how the rule's promise breaks without it, the shortest that
// was found; nil if it was not seen to.
func (r rule) counterexample(ctx context.Context, shorten int, each time.Duration) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, each)
	defer cancel()
	found, err := search(ctx, r, 100_000, steps)
	for err == nil && shorten > 0 && len(found) > 1 {
		shorter, err := search(ctx, r, shorten, len(found)-1)
		if err != nil || shorter == nil {
			break
		}
		found = shorter
	}
	if ctx.Err() != nil && found == nil {
		return nil, nil
	}
	return found, err
}

// search runs the model without a rule until its promise breaks, and says how.
func search(ctx context.Context, r rule, samples, most int) ([]string, error) {
	file, err := os.CreateTemp("", "trace-*.itf.json")
	if err != nil {
		return nil, err
	}
	file.Close()
	defer os.Remove(file.Name())
	said, err := quint(ctx, "run", "--backend=typescript", "--seed=1", "--verbosity=1",
		"--init", fmt.Sprintf("initWithout(%q)", r.name), "--step", r.step(), "--invariant", r.promise,
		fmt.Sprintf("--max-samples=%d", samples), fmt.Sprintf("--max-steps=%d", most), "--out-itf", file.Name())
	switch {
	case err == nil:
		return nil, nil
	case !strings.Contains(said+err.Error(), "[violation]"):
		return nil, err
	}
	return told(file.Name())
}

// record writes random runs with all rules on into a file: the digest of the model,
// and the traces in the Informal Trace Format, without what is for other tools.
func record(ctx context.Context, name string, n, seed int) error {
	dir, err := os.MkdirTemp("", "traces")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if _, err := quint(ctx, "run", "--backend=typescript", fmt.Sprintf("--seed=%d", seed), "--verbosity=1", "--invariant=promises",
		fmt.Sprintf("--max-samples=%d", n), fmt.Sprintf("--n-traces=%d", n), fmt.Sprintf("--max-steps=%d", recordedSteps),
		"--out-itf", filepath.Join(dir, "{seq}.itf.json")); err != nil {
		return err
	}
	source, err := os.ReadFile(filepath.Join(folder, "protocol.qnt"))
	if err != nil {
		return err
	}
	type trace struct {
		States []struct {
			Did json.RawMessage `json:"did"`
			S   json.RawMessage `json:"s"`
		} `json:"states"`
	}
	all := struct {
		Model  string  `json:"model"`
		Traces []trace `json:"traces"`
	}{Model: fmt.Sprintf("%x", sha256.Sum256(source))}
	for i := range n {
		text, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%d.itf.json", i)))
		if err != nil {
			return err
		}
		var t trace
		if err := json.Unmarshal(text, &t); err != nil {
			return fmt.Errorf("trace %d: %w", i, err)
		}
		all.Traces = append(all.Traces, t)
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err := errors.Join(json.NewEncoder(z).Encode(all), z.Close()); err != nil {
		return err
	}
	return os.WriteFile(name, packed.Bytes(), 0o644)
}

// step is the model's step with none but the rule's cast.
func (r rule) step() string {
	if r.cast == "" {
		return "step"
	}
	var processes, decisions []string
	moody := false
	for c := range strings.FieldsSeq(r.cast) {
		switch c {
		case "one", "two":
			processes = append(processes, `"`+c+`"`)
		case "no":
			moody = true
		default:
			decisions = append(decisions, `"`+c+`"`)
		}
	}
	return fmt.Sprintf("stepOf(Set(%s), Set(%s), %t)", strings.Join(processes, ", "), strings.Join(decisions, ", "), moody)
}

// told reads a trace, in the Informal Trace Format, in words.
func told(name string) ([]string, error) {
	var trace struct {
		States []struct {
			Did struct{ Who, What, D string }
		}
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &trace); err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	var all []string
	for _, s := range trace.States[1:] {
		all = append(all, strings.Join(strings.Fields(s.Did.Who+" "+s.Did.What+" "+s.Did.D), " "))
	}
	return all, nil
}

// quint runs Quint on the model.
func quint(ctx context.Context, args ...string) (string, error) {
	var said strings.Builder
	err := gocmd.Lines(ctx, func(line string) { said.WriteString(line + "\n") }, filepath.Join(folder, "node_modules", ".bin", "quint"),
		append(args, filepath.Join(folder, "protocol.qnt"))...)
	if err != nil {
		err = fmt.Errorf("quint %s: %w\n%s", args[0], err, said.String())
	}
	return said.String(), err
}
