package deploy

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/goccy/go-yaml/parser"
	"github.com/stretchr/testify/require"
)

// What cfn-lint does not look for: each state of a machine that is named is
// there, and each that is there is come to.
func TestStatesOfTheExamplesAreComeTo(t *testing.T) {
	paths, err := filepath.Glob(root + "/examples/*/template.yaml")
	require.NoError(t, err)
	machines := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		file, err := parser.ParseBytes(text, 0)
		require.NoError(t, err)
		top, err := writeOut(file.Docs[0].Body)
		require.NoError(t, err)
		for name, r := range at(top, "Resources").(map[string]any) {
			if at(r, "Type") == "AWS::StepFunctions::StateMachine" {
				machines++
				comeTo(t, name, at(r, "Properties.Definition"))
			}
		}
	}
	require.Equal(t, 3, machines)
}

// comeTo looks at a machine, and at those within its states.
func comeTo(t *testing.T, name string, machine any) {
	t.Helper()
	states := at(machine, "States").(map[string]any)
	seen := map[string]bool{}
	next := []string{at(machine, "StartAt").(string)}
	for len(next) > 0 {
		state := next[0]
		next = next[1:]
		if seen[state] {
			continue
		}
		seen[state] = true
		require.Contains(t, states, state, name)
		ends := len(next)
		ways := []any{states[state]}
		for _, member := range []string{"Catch", "Choices"} {
			more, _ := at(states[state], member).([]any)
			ways = append(ways, more...)
		}
		for _, way := range ways {
			for _, member := range []string{"Next", "Default"} {
				if to, ok := at(way, member).(string); ok {
					next = append(next, to)
				}
			}
		}
		if inner := at(states[state], "ItemProcessor"); inner != nil {
			comeTo(t, name+"."+state, inner)
		}
		if kind := at(states[state], "Type"); len(next) == ends && kind != "Succeed" && kind != "Fail" {
			require.Equal(t, true, at(states[state], "End"), "%s.%s goes nowhere", name, state)
		}
	}
	require.Len(t, seen, len(states), "%s: comes to %v only", name, slices.Sorted(maps.Keys(seen)))
}
