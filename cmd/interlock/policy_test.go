package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/internal/policy"
)

var starter = filepath.Join(repository, "policies")

// The starter answers as its table expects, and takes every one of its rules for
// that: without any of them some answer is another.
func TestProductionPolicy(t *testing.T) {
	table, err := readTable(filepath.Join(starter, "production_test.yaml"))
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(table.Cases), 40)
	text, err := os.ReadFile(filepath.Join(starter, table.Policy))
	require.NoError(t, err)
	entities, err := os.ReadFile(filepath.Join(starter, table.Entities))
	require.NoError(t, err)
	zone, err := time.LoadLocation(table.Timezone)
	require.NoError(t, err)
	run := func(text string) (string, error) {
		o := host.PolicyOptions(functions.All())
		o.Zone = zone
		o.Policies, o.Entities = []policy.Text{{Text: text}}, []policy.Text{{Text: string(entities)}}
		p, err := policy.New(o)
		require.NoError(t, err)
		var out bytes.Buffer
		err = table.run(context.Background(), &out, p, false)
		return out.String(), err
	}
	out, err := run(string(text))
	require.NoError(t, err, out)
	rules := regexp.MustCompile(`(?s)@id\("([a-z-]+)"\).*?;\n`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, rules, strings.Count(string(text), "@id"))
	for _, rule := range rules {
		out, err := run(strings.Replace(string(text), rule[0], "", 1))
		require.Error(t, err, "without %s:\n%s", rule[1], out)
	}
}

// Where no policy is set, the policy that show prints says what the engine does:
// of all samples, those that end as not-approved are the ones that it denies.
func TestDefaultPolicyIsTheRules(t *testing.T) {
	o := host.PolicyOptions(functions.All())
	o.Policies = []policy.Text{{Text: policy.Default}}
	p, err := policy.New(o)
	require.NoError(t, err)
	all := localtest.InvalidSamples(t)
	files, err := filepath.Glob(filepath.Join(repository, "events", "samples", "*.json"))
	require.NoError(t, err)
	for _, file := range files {
		all = append(all, localtest.Invalid{Name: file, Event: localtest.File(t, file)})
	}
	answers := map[bool]int{}
	for _, sample := range all {
		ev, err := cloudevent.DecodeJSON(sample.Event)
		if err != nil {
			continue // no event
		}
		questions, err := questionsOf(ev)
		if err != nil {
			continue // invalid, and never asked
		}
		for _, q := range questions {
			q.Door, q.Now = "bus", time.Now()
			answer, err := p.Ask(context.Background(), q)
			require.NoError(t, err)
			require.Equal(t, sample.Expect.Code != events.NotApproved, answer.Permit, "%s: %s", sample.Name, answer.Reason)
			answers[answer.Permit]++
		}
	}
	require.Greater(t, answers[true], 15)
	require.GreaterOrEqual(t, answers[false], 2)
}

// Every command of docs/policy.md, as a user would type it.
func TestPolicyDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "policy.md"))
	require.NoError(t, err)
	program := builtProgram(t)
	dir := t.TempDir()
	for _, name := range []string{"functions", "policies"} {
		path, err := filepath.Abs(filepath.Join(repository, name))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	// What a fence of Cedar or JSON names in its first line is a file.
	for _, m := range regexp.MustCompile("(?ms)^```(?:cedar|json) ([a-z.]+)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, m[1]), []byte(m[2]), 0o600))
	}
	blocks := fence.FindAllStringSubmatch(string(text), -1)
	require.NotEmpty(t, blocks)
	for _, m := range blocks {
		cmd := exec.Command("bash", "-c", "set -euo pipefail\n"+strings.ReplaceAll(m[2], "go run ./cmd/interlock", program))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if m[1] == "fails" {
			require.Error(t, err, "%s\n%s", m[2], out)
			continue
		}
		require.NoError(t, err, "%s\n%s", m[2], out)
	}
}

// What is in the context is in the document's table, and no more.
func TestPolicyDocumentContext(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(repository, "docs", "policy.md"))
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "\n## The context\n")
	table, _, _ = strings.Cut(table, "\n\n`")
	var documented, declared []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(?:ticket\\.|local\\.|window\\.)?([a-z_]+)`").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	_, types, _ := strings.Cut(policy.SchemaOf(nil), "type Window")
	for _, m := range regexp.MustCompile(`(?m)[ {]([a-z_]+)\??: `).FindAllStringSubmatch(types, -1) {
		declared = append(declared, m[1])
	}
	require.ElementsMatch(t, declared, documented)
}
