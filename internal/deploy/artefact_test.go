//go:build verify

package deploy

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	version = "v0.0.0-of-the-artefact-test"
	// megabytes is what an artefact may weigh.
	megabytes = 13
)

// Two builds, of the tree and of a copy of it elsewhere with nothing cached, one
// as SAM calls it for each function and one as make build does: the same bytes.
func TestArtefact(t *testing.T) {
	there := t.TempDir()
	for _, part := range []string{"cmd", "events", "functions", "internal", "pkg"} {
		require.NoError(t, os.CopyFS(filepath.Join(there, part), os.DirFS(filepath.Join(root, part))))
	}
	for _, file := range []string{"go.mod", "go.sum", "Makefile"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(there, file), text, 0o644))
	}
	run(t, there, []string{"GOCACHE=" + t.TempDir()}, "build")

	here := t.TempDir()
	other, err := os.ReadFile(filepath.Join(there, "build", "bootstrap"))
	require.NoError(t, err)
	for id := range load(t).ofType("AWS::Serverless::Function") {
		run(t, root, nil, "build-"+id, "ARTIFACTS_DIR="+here)
		for _, path := range []string{filepath.Join(here, "bootstrap"), filepath.Join(there, "build", folder(id), "bootstrap")} {
			one, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(one, other), "two builds differ: %s", id)
		}
	}
	require.LessOrEqual(t, len(other), megabytes*1000*1000)
	require.True(t, bytes.Contains(other, []byte(version)), "the version is not stamped in: is there a variable version in internal/lambdahost?")
	absolute, err := filepath.Abs(root)
	require.NoError(t, err)
	for _, path := range []string{absolute, there} {
		require.False(t, bytes.Contains(other, []byte(path)), "a path of this machine is in it")
	}
	static(t, other)
}

// A policy lies beside the bootstrap, which is no other for it.
func TestPolicyIsPacked(t *testing.T) {
	without, with := t.TempDir(), t.TempDir()
	run(t, root, nil, "build-ProxySslFunction", "ARTIFACTS_DIR="+without)
	run(t, root, nil, "build-ProxySslFunction", "ARTIFACTS_DIR="+with, "POLICY=policies/production.cedar", "ENTITIES=policies/entities.json")
	same := func(one, other string) {
		a, err := os.ReadFile(one)
		require.NoError(t, err)
		b, err := os.ReadFile(other)
		require.NoError(t, err)
		require.True(t, bytes.Equal(a, b), one)
	}
	same(filepath.Join(without, "bootstrap"), filepath.Join(with, "bootstrap"))
	for _, name := range []string{"production.cedar", "entities.json"} {
		same(root+"/policies/"+name, filepath.Join(with, name))
		require.NoFileExists(t, filepath.Join(without, name))
	}
}

// static: an executable for arm64 that asks for no loader and no library.
func static(t *testing.T, artefact []byte) {
	f, err := elf.NewFile(bytes.NewReader(artefact))
	require.NoError(t, err)
	require.Equal(t, elf.EM_AARCH64, f.Machine)
	for _, p := range f.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type)
		require.NotEqual(t, elf.PT_DYNAMIC, p.Type)
	}
}

func run(t *testing.T, dir string, environ []string, args ...string) {
	t.Helper()
	make := exec.CommandContext(t.Context(), "make", args...)
	make.Dir = dir
	for _, v := range os.Environ() {
		// What an outer make was told is not meant for this one.
		if name, _, _ := strings.Cut(v, "="); name != "MAKEFLAGS" && name != "GOARCH" && name != "BUILD_VERSION" {
			make.Env = append(make.Env, v)
		}
	}
	make.Env = append(append(make.Env, "BUILD_VERSION="+version), environ...)
	out, err := make.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
