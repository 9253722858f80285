package functions_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// What a switch consists of beside its entry in the list. A sixth one that
// lacks any of it is told exactly what.
func TestNothingOfASwitchIsMissing(t *testing.T) {
	template, readme := string(localtest.File(t, "../template.yaml")), string(localtest.File(t, "../README.md"))
	contract := string(localtest.File(t, "../events/README.md"))
	listed, simulated := map[string]bool{}, map[string]cloudsim.Simulation{}
	for _, s := range simulations.All() {
		simulated[s.Switch] = s
	}
	for _, sw := range functions.All() {
		listed[sw.Function] = true
		if s, ok := simulated[sw.Name]; !ok {
			t.Errorf("switch %s: functions/simulations/all.go lists no simulation of it", sw.Name)
		} else if job := s.Flip.Job; (job != "") != sw.Creates || sw.Foreign(job) {
			t.Errorf("switch %s: its simulation starts the job %q, which it does not know for its own", sw.Name, job)
		}
		for _, file := range []string{sw.Function + ".go", sw.Function + "_test.go", "sample.json", "simulation/simulation.go"} {
			if path := filepath.Join(sw.Function, file); absent(path) {
				t.Errorf("switch %s: functions/%s is missing", sw.Name, path)
			}
		}
		for _, kind := range []string{"ticket.approved", "tag.changed", "switch.requested"} {
			if path := "../events/samples/" + kind + "." + sw.Name + ".json"; absent(path) {
				t.Errorf("switch %s: %s is missing", sw.Name, path[3:])
			}
		}
		if !strings.Contains(template, "FunctionName: !Sub ${AWS::StackName}-"+sw.Function+"\n") {
			t.Errorf("switch %s: template.yaml has no stanza with FunctionName ${AWS::StackName}-%s", sw.Name, sw.Function)
		}
		if !strings.Contains(readme, "| [`"+sw.Function+"`](functions/"+sw.Function+") | `"+sw.Name+"` |") {
			t.Errorf("switch %s: README.md has no row for [`%s`](functions/%s) in its table of functions", sw.Name, sw.Function, sw.Function)
		}
		if !strings.Contains(contract, "| `"+sw.Name+"` |") {
			t.Errorf("switch %s: events/README.md has no row for its target and options", sw.Name)
		}
	}
	files, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	for _, file := range files {
		name := filepath.Dir(file)
		if !listed[name] && strings.Contains(string(localtest.File(t, file)), "\nfunc Switch() huawei.Switch {") {
			t.Errorf("functions/%s is not in the list of functions/functions.go", name)
		}
	}
}

// No two simulations may take each other's calls or positions; a read that
// several declare is the same one.
func TestSimulationsAgree(t *testing.T) {
	declared := map[string]string{}
	only := func(what, by string) {
		if other, taken := declared[what]; taken && other != by {
			t.Errorf("%s is declared by %s and by %s", what, other, by)
		}
		declared[what] = by
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
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../cmd/lambda").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "functions/proxyssl\n")
	require.NotRegexp(t, `/cloudsim\n|/simulations?\n`, string(list))
}

// The engine knows no cloud, no host and no switch: whoever has others can use it.
func TestTheEngineStandsAlone(t *testing.T) {
	list, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "../pkg/engine/...").Output()
	require.NoError(t, err)
	require.Contains(t, string(list), "pkg/engine/ledger/bolt\n")
	require.NotRegexp(t, `/cloudapi\n|/huawei\n|interlock/functions|/awsjson\n|aws-sdk|aws-lambda`, string(list))
}

func absent(path string) bool {
	_, err := os.Stat(path)
	return err != nil
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
