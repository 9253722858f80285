// Model checks the model of the protocol in protocol.qnt with Quint:
//
//	go run ./tools/model -samples 2000 -page docs/model.md
//
// It is type-checked; with all rules on, no promise may break in as many random
// runs as asked for; and with each rule out in turn, its promise has to break. A
// rule without which nothing breaks fails the command: either it does nothing, or
// the model does not show what for.
package main

import (
	"context"
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
)

const (
	folder = "tools/model"
	steps  = 12
	// opening and closing stand around what is written into the page.
	opening = "<!-- make model writes what follows. -->\n"
	closing = "<!-- Up to here. -->\n"
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
	flag.Parse()
	if err := check(context.Background(), *samples, *shorten, *each, *page); err != nil {
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
	return publish(page, table.String())
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

// publish writes the table between the markers of the page.
func publish(page, table string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !ok || !closed {
		return fmt.Errorf("%s has no line %q with a line %q after it", page, strings.TrimSpace(opening), strings.TrimSpace(closing))
	}
	head := "| rule | what it says | promise | without it |\n|---|---|---|---|\n"
	return os.WriteFile(page, []byte(before+opening+head+table+closing+after), 0o644)
}
