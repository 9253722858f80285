package main

import (
	"bytes"
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Every command that prints can print JSON. What has commands below it prints its
// help; cobra's own commands print help and scripts for shells.
func TestEveryCommandPrintsJSON(t *testing.T) {
	asked := map[string]bool{}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, below := range c.Commands() {
			walk(below)
		}
		if path := c.CommandPath(); c.RunE != nil && (!c.HasSubCommands() || path == "interlock decisions") {
			asked[path] = c.Flags().Lookup("json") != nil
		}
	}
	c := root()
	for _, own := range c.Commands() {
		if own.Name() != "completion" && own.Name() != "help" {
			walk(own)
		}
	}
	require.Greater(t, len(asked), 20)
	for path, has := range asked {
		require.True(t, has, "%s: no --json", path)
	}
}

// What is a line of JSON moves no cursor either.
func TestJSONIsPrintable(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, sayJSON(&b, map[string]any{"text": "a<b\x1b[2J\u009b\u202e", "answer": jsonOrText([]byte("no\u0085JSON"))}))
	require.Equal(t, `{"answer":"no\u0085JSON","text":"a<b\u001b[2J\u009b\u202e"}`+"\n", b.String())
	var back map[string]string
	require.NoError(t, json.Unmarshal(b.Bytes(), &back))
	require.Equal(t, "a<b\x1b[2J\u009b\u202e", back["text"])
}

// What Go notes in a program, and what a release is given, are its version.
func TestBuiltFrom(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.time", Value: "2026-11-27T00:00:00Z"}, {Key: "vcs.modified", Value: "true"}}}
	info.Main.Version = "v0.0.0-2026"
	b := builtAs("", info)
	require.Equal(t, []any{"v0.0.0-2026", "abc", "2026-11-27T00:00:00Z", true}, []any{b.Version, b.Revision, b.Time, b.Modified})
	var out strings.Builder
	b.tell(&out)
	require.Contains(t, out.String(), "interlock v0.0.0-2026\nrevision  abc of 2026-11-27T00:00:00Z, with changes\ngo        go1.")
	require.Equal(t, "v1.2.3", builtAs("v1.2.3", info).Version)
	require.Equal(t, "(devel)", builtAs("", nil).Version)
}

// jsonLines has a script demand that the last output is lines of JSON, at least
// one, and nothing else.
func jsonLines(ts *testscript.TestScript, _ bool, _ []string) {
	lines := strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
	for _, line := range lines {
		if !json.Valid([]byte(line)) {
			ts.Fatalf("no line of JSON: %q", line)
		}
	}
}
