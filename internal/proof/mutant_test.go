//go:build prove

package proof

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMutants takes each rule out, and those that mask each other in pairs, and
// sees that the short forms of the proofs notice.
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	all := slices.Concat(mutants(), approvalMutants(), chainMutants())
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

// hunts are what a mutant has to get through, the quickest first: the tests of
// its own package where a rule stands alone, and the proofs.
var hunts = []struct {
	of       []string
	pkg, run string
	args     []string
}{
	{[]string{ledgers, tickets, trails}, "./pkg/engine/ledger", ".", nil},
	{[]string{meanings, lists}, "./internal/huawei", ".", nil},
	{[]string{writes}, "./internal/dynamodb", ".", nil},
	{[]string{starts}, "./internal/lambdahost", ".", nil},
	{nil, "./internal/proof", "TestRules|TestSuperseded|AtOnce|TestApplyThenCut|TestFaults", nil},
	{[]string{boards, doubt, engines, failures, follows, switches, verdicts}, "./pkg/engine", ".", nil},
	{[]string{chains, follows, steps, decodes, approval, outcome}, "./internal/proof", "TestChainRules|TestTwoChains|TestWhatAStep|TestAnEnded|TestARepeat|TestTheOptions", nil},
	{[]string{chains, follows, steps, contents, decides, decodes}, "./internal/local", "Chain|TestUndo|ANewer|AForged|ALong", nil},
	{[]string{chains, follows, steps, ledgers, outcome, attempt, decide}, "./internal/proof", "TestChain", []string{"-rapid.shrinktime=1ms", "-rapid.nofailfile"}},
	{[]string{outcome, chains, ledgers}, "./pkg/engine", ".", nil},
	{nil, "./internal/proof", "TestCrashes|TestSchedules", []string{"-rapid.shrinktime=1ms", "-rapid.nofailfile"}},
}

var failure = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// hunt runs the proofs on a mutant, and returns what failed first; "" if
// nothing did.
func (m mutant) hunt(t *testing.T, root, overlay string) string {
	t.Helper()
	binaries := map[string]string{}
	for _, h := range hunts {
		if h.of != nil && !slices.Contains(h.of, m.edits[0].file) {
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
