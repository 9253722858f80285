package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
)

const repository = "../.."

// block is a fenced block of commands. Its kind follows "sh" in the fence:
// nothing for what is run against `make run`, "fails" for what ends with 1,
// "policy" for what needs no session, "denied" for what ends with 1 there,
// "serve" for a session of its own, "make" for targets, "aws" for what needs an
// account, "release" for what needs one that is published.
type block struct{ kind, text string }

var fence = regexp.MustCompile("(?ms)^ *```sh ?([a-z]*)\n(.*?)^ *```$")

func readme(t *testing.T) (text string, blocks []block) {
	t.Helper()
	return document(t, "README.md")
}

func document(t *testing.T, file string) (text string, blocks []block) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(repository, file))
	require.NoError(t, err)
	for _, m := range fence.FindAllStringSubmatch(string(raw), -1) {
		require.Contains(t, []string{"", "fails", "policy", "denied", "serve", "make", "aws", "release"}, m[1])
		blocks = append(blocks, block{m[1], m[2]})
	}
	require.NotEmpty(t, blocks)
	return string(raw), blocks
}

func of(blocks []block, kind string) (texts []string) {
	for _, b := range blocks {
		if b.kind == kind {
			texts = append(texts, b.text)
		}
	}
	return texts
}

// Every command of the README, in its order, as a user would type it: but for
// the ports, which others may have.
func TestReadmeCommands(t *testing.T) {
	_, blocks := readme(t)
	program := builtProgram(t)

	run := exec.Command(program, "run", "--addr", "127.0.0.1:0")
	addr := startAndAwait(t, run)
	for _, text := range of(blocks, "") {
		out, err := shell(t, program, text, addr, "")
		require.NoError(t, err, "%s\n%s", text, out)
		require.Contains(t, out, "dev.interlock.switch.completed.v1", text)
		require.NotContains(t, out, "data_base64")
	}
	for _, text := range of(blocks, "fails") {
		out, err := shell(t, program, text, addr, "")
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, text)
		require.Equal(t, 1, exit.ExitCode(), out)
		require.Contains(t, out, "data.target.project_id")
		require.Contains(t, out, "data.target.proxy_id")
	}

	out, err := shell(t, program, strings.Join(of(blocks, "policy"), ""), "", "")
	require.NoError(t, err, out)
	require.Contains(t, out, "nothing wrong")
	for _, text := range of(blocks, "denied") {
		out, err := shell(t, program, text, "", "")
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, text)
		require.Equal(t, 1, exit.ExitCode(), out)
		require.Contains(t, out, "denied\n  forbidden by two-approvers ")
	}

	out, err = shell(t, program, strings.Join(of(blocks, "serve"), ""), freeAddr(t), freeAddr(t))
	require.NoError(t, err, out)
	require.Contains(t, out, `{"status":"ok"}`)
	require.Contains(t, out, "HTTP 200 OK")
	require.Contains(t, out, `"operation":"SwitchAccessControl"`)
	require.Contains(t, out, "as written: 1 records of 1 instances")
}

// The commands by which docs/chains.md shows a chain.
func TestChainsCommands(t *testing.T) {
	_, blocks := document(t, filepath.Join("docs", "chains.md"))
	out, err := shell(t, builtProgram(t), strings.Join(of(blocks, "serve"), ""), freeAddr(t), freeAddr(t))
	require.NoError(t, err, out)
	require.Contains(t, out, `"would": "call"`)
	require.Contains(t, out, `/multi-tenant"`, "the dry run tells of all steps")
	require.Contains(t, out, "chain of CHG0031500-1: at step 1 of 3\n")
	require.Contains(t, out, "multi-tenancy on, instance 096c0fc43e804757b59946b80dc27f8bin07: waits for step 2\n")
}

func builtProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "interlock")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	return program
}

// startAndAwait starts a program and returns the address that it says it
// serves on. The program is interrupted when the test ends.
func startAndAwait(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	found, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		eachLine(pipe, func(line string) {
			if url := serving(line); url != "" {
				found <- strings.TrimPrefix(url, "http://")
			}
		})
	}()
	t.Cleanup(func() {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		<-ended
		require.NoError(t, cmd.Wait())
	})
	select {
	case addr := <-found:
		return addr
	case <-time.After(60 * time.Second):
		require.Fail(t, "does not serve")
		return ""
	}
}

// shell runs commands where `go run ./cmd/interlock` is the program as built,
// and the README's two ports are others.
func shell(t *testing.T, program, text, addr, sim string) (string, error) {
	t.Helper()
	text = strings.ReplaceAll(text, "127.0.0.1:8080", addr)
	text = strings.ReplaceAll(text, "127.0.0.1:8081", sim)
	text = strings.ReplaceAll(text, "go run ./cmd/interlock send", program+" send --url http://"+addr)
	text = strings.ReplaceAll(text, "go run ./cmd/interlock", program)
	dir := t.TempDir()
	for _, name := range []string{"functions", "events", "policies"} {
		path, err := filepath.Abs(filepath.Join(repository, name))
		require.NoError(t, err)
		require.NoError(t, os.Symlink(path, filepath.Join(dir, name)))
	}
	cmd := exec.Command("bash", "-c", "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\ncurl() { command curl --fail \"$@\"; echo; }\n"+text)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "no_proxy=*")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// Every make target that the README names is one.
func TestReadmeTargets(t *testing.T) {
	text, _ := readme(t)
	makefile, err := os.ReadFile(filepath.Join(repository, "Makefile"))
	require.NoError(t, err)
	named := regexp.MustCompile("`?make ([a-z]+)[`\n]").FindAllStringSubmatch(text, -1)
	require.Greater(t, len(named), 5)
	for _, m := range named {
		require.Regexp(t, "(?m)^"+m[1]+":", string(makefile), "make %s", m[1])
	}
	require.Contains(t, string(makefile), "\nrun: ## ")
	require.Contains(t, string(makefile), "$(GO) run ./cmd/interlock run\n")
	require.Contains(t, string(makefile), "$(GO) run ./cmd/interlock demo\n")
}

// What the README would have installed is called as a release calls it.
func TestReadmeInstalling(t *testing.T) {
	_, blocks := readme(t)
	text := strings.Join(of(blocks, "release"), "")
	read := func(name string) string {
		raw, err := os.ReadFile(filepath.Join(repository, name))
		require.NoError(t, err)
		return string(raw)
	}
	released := read(".goreleaser.yaml")
	for _, template := range []string{"interlock_{{ .Version }}_{{ .Os }}_{{ .Arch }}'", "name_template: SHA256SUMS\n"} {
		require.Contains(t, released, template)
	}
	require.Contains(t, text, "/interlock_1.0.0_linux_amd64.tar.gz\n")
	require.Contains(t, text, "/SHA256SUMS ")
	_, module, _ := strings.Cut(strings.SplitN(read("go.mod"), "\n", 2)[0], " ")
	require.Contains(t, text, "go install "+module+"/cmd/interlock@v")
	require.Contains(t, text, "https://"+module+"/releases/download/v1.0.0\n")
	require.Contains(t, read(".github/workflows/release.yml"), "IMAGE: ghcr.io/${{ github.repository }}\n")
	require.Contains(t, text, " ghcr.io/"+strings.TrimPrefix(module, "github.com/")+":1.0.0 ")
}

// Every variable is in the README's table, and no other.
func TestReadmeVariables(t *testing.T) {
	text, _ := readme(t)
	named := regexp.MustCompile(`(INTERLOCK|HUAWEICLOUD_SDK)_[A-Z_]+`).FindAllString(text, -1)
	for _, name := range config.Names() {
		require.Regexp(t, "(?m)^\\|[^|\n]*`"+name+"`[^|\n]*\\|", text, "%s has no row", name)
	}
	for _, name := range named {
		require.Contains(t, config.Names(), name)
	}
}

// What the README links to is there, and so are the sections of the runbook,
// which has a row for each of its alarms.
func TestReadmeLinks(t *testing.T) {
	text, _ := readme(t)
	for _, m := range regexp.MustCompile(`\]\(([^)#:]+)(?:#([a-z-]+))?\)`).FindAllStringSubmatch(text, -1) {
		path := filepath.Join(repository, m[1])
		require.FileExists(t, existing(path), m[1])
		if m[2] != "" {
			target, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Regexp(t, "(?mi)^#+ "+strings.ReplaceAll(m[2], "-", "[ -]")+"$", string(target))
		}
	}
	runbook, err := os.ReadFile(filepath.Join(repository, "docs", "operations.md"))
	require.NoError(t, err)
	for _, m := range regexp.MustCompile(`(?m)^### ([a-z-]+)$`).FindAllStringSubmatch(string(runbook), -1) {
		require.Contains(t, text, "["+m[1]+"](docs/operations.md#"+m[1]+")", "the alarm has no row")
	}
}

// existing is the path itself, or a file in it where it is a folder.
func existing(path string) string {
	if entries, err := os.ReadDir(path); err == nil && len(entries) > 0 {
		i := slices.IndexFunc(entries, func(e os.DirEntry) bool { return !e.IsDir() })
		return filepath.Join(path, entries[max(i, 0)].Name())
	}
	return path
}

// Every name of the stack that the section on deploying uses is in its
// template.
func TestReadmeDeploying(t *testing.T) {
	text, blocks := readme(t)
	_, section, ok := strings.Cut(text, "\n## Deploying\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	template, err := os.ReadFile(filepath.Join(repository, "template.yaml"))
	require.NoError(t, err)
	names := regexp.MustCompile("`([A-Z][a-z]+(?:[A-Z][a-z]+)*)`").FindAllStringSubmatch(section, -1)
	require.GreaterOrEqual(t, len(names), 6)
	for _, m := range names {
		if m[1] == "Detail" { // EventBridge's
			continue
		}
		require.Regexp(t, `(?m)^  `+m[1]+`:`, string(template))
	}
	require.Contains(t, string(template), "Name: !Ref AWS::StackName\n", "the bus has the stack's name")
	samconfig, err := os.ReadFile(filepath.Join(repository, "samconfig.toml"))
	require.NoError(t, err)
	require.Contains(t, string(samconfig), `stack_name = "interlock"`)
	require.NotEmpty(t, of(blocks, "aws"))
}
