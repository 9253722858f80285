package functions_test

import (
	"bytes"
	"io/fs"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/generate"
	"github.com/interlock-functions/interlock/internal/generate/declared"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine"
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
func each(t *testing.T, o localtest.Options, test func(t *testing.T, w *localtest.World, sw engine.Switch)) {
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
