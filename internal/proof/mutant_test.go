//go:build prove

package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
)

// mutant is a version of the source with a rule taken out.
type mutant struct {
	// without names the rule.
	without string
	edits   []edit
}

// edit replaces a text that stands exactly once in a file.
type edit struct{ file, old, new string }

// TestMutants takes each rule out, and those that mask each other in pairs, and
// sees that the short forms of the proofs notice. A mutant whose text is not in
// the source any more fails: the list has to follow the source.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	all := mutants()
	killers := make([]string, len(all))
	t.Run("without", func(t *testing.T) {
		for i, m := range all {
			t.Run(m.without, func(t *testing.T) {
				t.Parallel()
				overlay, err := m.write(root, t.TempDir())
				require.NoError(t, err)
				killers[i] = m.hunt(t, root, overlay)
				require.NotEmpty(t, killers[i], "it survives")
			})
		}
	})

	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	killed := 0
	for i, m := range all {
		killer := killers[i]
		if killer == "" {
			continue // or was not asked for
		}
		killed++
		fmt.Fprintf(w, "  without %s\t%s\n", m.without, killer)
	}
	require.NoError(t, w.Flush())
	t.Logf("mutants and what killed them:\n%s", table.String())
	t.Logf("proved: mutants: %d killed of %d made", killed, len(all))
}

// write writes the mutated files and an overlay that puts them in the place of
// the true ones.
func (m mutant) write(root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for i, e := range m.edits {
		path := filepath.Join(root, "internal", e.file)
		from := path
		if replace[path] != "" {
			from = replace[path]
		}
		text, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return "", fmt.Errorf("%s has %d times, not once: %s", e.file, n, e.old)
		}
		mutated := filepath.Join(dir, fmt.Sprint(i, ".go"))
		if err := os.WriteFile(mutated, bytes.Replace(text, []byte(e.old), []byte(e.new), 1), 0o644); err != nil {
			return "", err
		}
		replace[path] = mutated
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}

// hunts are what a mutant has to get through, the quickest first.
var hunts = []struct {
	pkg, run string
	args     []string
}{
	{"./pkg/engine/ledger", ".", nil},
	{"./internal/proof", "TestRules|TestSuperseded|AtOnce|TestApplyThenCut|TestFaults", nil},
	{"./internal/proof", "TestCrashes|TestSchedules", []string{"-rapid.shrinktime=1ms", "-rapid.nofailfile"}},
}

var failure = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// hunt runs the proofs on a mutant, and returns what failed first; "" if
// nothing did.
func (m mutant) hunt(t *testing.T, root, overlay string) string {
	t.Helper()
	binaries := map[string]string{}
	for _, h := range hunts {
		if h.pkg == "./pkg/engine/ledger" && !strings.HasPrefix(m.edits[0].file, "ledger/") {
			continue
		}
		binary := binaries[h.pkg]
		if binary == "" {
			binary = filepath.Join(filepath.Dir(overlay), filepath.Base(h.pkg)+".test")
			build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", binary, h.pkg)
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				require.NoError(t, err, string(out))
			}
			binaries[h.pkg] = binary
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		run := exec.CommandContext(ctx, binary, append([]string{"-test.run", h.run, "-test.failfast", "-test.timeout", "2m"}, h.args...)...)
		run.Dir = filepath.Join(root, h.pkg)
		out, err := run.CombinedOutput()
		cancel()
		var exit *exec.ExitError
		switch {
		case err == nil:
			continue
		case !errors.As(err, &exit):
			require.NoError(t, err)
		}
		killer := "it hangs"
		if all := failure.FindAllSubmatch(out, -1); len(all) > 0 {
			killer = string(all[len(all)-1][1]) // the innermost
		} else if bytes.Contains(out, []byte("panic:")) {
			killer = "it panics"
		}
		return killer
	}
	return ""
}
