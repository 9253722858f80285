package functions_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/generate"
	"github.com/interlock-functions/interlock/internal/generate/declared"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// What of a switch is not generated, a person has to write. Whoever makes a
// sixth is told all of it.
func TestNothingOfASwitchIsMissing(t *testing.T) {
	switches, err := declared.Switches()
	require.NoError(t, err)
	for _, s := range switches {
		for _, sentence := range generate.Missing(os.DirFS(".."), s) {
			t.Error(sentence)
		}
	}
	operations := map[string]string{}
	for _, s := range switches {
		operations[s.Name] = s.Operation
	}
	for _, s := range simulations.All() {
		if s.Flip.Name != operations[s.Switch] {
			t.Errorf("the simulation of %s has the operation %q, but its call is %q", s.Switch, s.Flip.Name, operations[s.Switch])
		}
		for _, sw := range functions.All() {
			if job := s.Flip.Job; s.Switch == sw.Name && ((job != "") != sw.Creates || sw.Foreign(job)) {
				t.Errorf("the simulation of %s starts the job %q, which the switch does not know for its own", sw.Name, job)
			}
		}
	}
}

// Whatever follows from the declarations is in the tree as it is generated.
func TestTheTreeIsAsGenerated(t *testing.T) {
	tree := os.DirFS("..")
	switches, err := declared.Switches()
	require.NoError(t, err)
	files, err := generate.Files(tree, switches)
	require.NoError(t, err)
	lists, err := generate.Lists(tree)
	require.NoError(t, err)
	maps.Copy(files, lists)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if there, err := fs.ReadFile(tree, name); err != nil || !bytes.Equal(there, files[name]) {
			t.Errorf("%s differs from what is generated: run go generate ./...", name)
		}
	}
}

// No two simulations may take each other's calls or positions; a read that
// several declare is the same one.
func TestSimulationsAgree(t *testing.T) {
	by := map[string]string{}
	only := func(what, whose string) {
		if other, taken := by[what]; taken && other != whose {
			t.Errorf("%s is declared by %s and by %s", what, other, whose)
		}
		by[what] = whose
	}
	for _, s := range simulations.All() {
		for _, position := range s.Positions {
			only("position "+position, s.Switch)
		}
		only("operation "+s.Flip.Name, s.Switch)
		for _, op := range append(s.Reads, s.Flip) {
			only("route "+op.Method+" "+op.Path, op.Name)
			only("the route of "+op.Name, op.Method+" "+op.Path)
		}
	}
}

// The simulated cloud is for tests and the local program.
func TestArtefactsHaveNoSimulation(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/lambda", "../cmd/functiongraph").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "functions/proxyssl\n")
	require.NotRegexp(t, `/cloudsim\n|/simulations?\n`, string(list))
}

// A function's ledger is a table: what other ledgers need would make it start slower.
func TestArtefactsHaveNoOtherLedger(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/lambda").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "internal/dynamodb\n")
	require.NotRegexp(t, `/ledger/(bolt|postgres)\n|bbolt|jackc`, string(list))
}

// Metrics and traces go other ways on Lambda: what tells them in the local program is
// large.
func TestArtefactsHaveNoOtherTelemetry(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/lambda", "../cmd/functiongraph").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "internal/observe\n")
	require.NotRegexp(t, `prometheus|opentelemetry|protobuf|grpc`, string(list))
}

// The engine knows no cloud, no host and no switch: whoever has others can use it.
func TestTheEngineStandsAlone(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../pkg/engine/...").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "pkg/engine/ledger/bolt\n")
	require.NotRegexp(t, `/cloudapi\n|/huawei\n|interlock/functions|/awsjson\n|aws-sdk|aws-lambda`, string(list))
}

// A sample is a ticket of no certain day, so that whoever posts it gets its
// switch flipped, and not a word about its age.
func TestSamples(t *testing.T) {
	for _, sw := range functions.All() {
		w := localtest.Start(t, localtest.Options{})
		w.Advance(10 * 365 * 24 * 60 * 60 * 1e9)
		answer := w.Post(t, sw.Function, localtest.File(t, sw.Function+"/sample.json"))
		require.Equal(t, 2, answer.Status/100, "%s: %s", sw.Name, answer.Body)
	}
}

// each runs a test for each switch in a world of its own.
func each(t *testing.T, o localtest.Options, test func(t *testing.T, w *localtest.World, sw huawei.Switch)) {
	t.Helper()
	for _, sw := range functions.All() {
		t.Run(sw.Name, func(t *testing.T) {
			if o.Timeout > 0 {
				t.Parallel() // it waits for real
			}
			test(t, localtest.Start(t, o), sw)
		})
	}
}

// ticket is an approved ticket for a switch, changed in part.
func ticket(t *testing.T, name string, changes ...any) []byte {
	t.Helper()
	return localtest.Edit(t, localtest.Sample(t, "ticket.approved", name), changes...)
}
