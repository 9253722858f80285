package generate_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Another switch costs one folder and one file: in a copy of the tree they are
// made, all else is generated, and the suite names what a person has to write,
// each once. With that written, it passes.
func TestAnotherSwitch(t *testing.T) {
	there := copied(t)
	run := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "go", args...)
		command.Dir = there
		command.Env = append(os.Environ(), "GOFLAGS="+os.Getenv("GOFLAGS")+" -trimpath") // what was compiled in another copy is the same
		out, err := command.CombinedOutput()
		return string(out), err
	}
	succeed := func(args ...string) {
		out, err := run(args...)
		require.NoError(t, err, out)
	}
	made := []struct{ name, folder, method, path, job string }{
		{"instance-also", "instancealso", "PUT", "/v3/{project_id}/instances/{instance_id}/also", "GaussDBforMySQLSwitchSSL"},
		{"proxy-also", "proxyalso", "PUT", "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/also", "yes"},
		{"proxy-too", "proxytoo", "POST", "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/too", ""},
	}
	for _, m := range made {
		succeed("run", "./internal/generate/folders", "-name", m.name, "-method", m.method, "-path", m.path, "-job", m.job, ".")
	}
	succeed("generate", "./functions")
	succeed("vet", "./functions/...", "./pkg/cloudapi")

	var want []string
	for _, m := range made {
		declaration := "functions/" + m.folder + "/" + m.folder + ".go: "
		want = append(want,
			declaration+"Flips is empty: say in a few words what it flips",
			declaration+"Page is empty: name the API page that it follows, and hold all else against it",
			declaration+"its call sends {} both to switch on and off: send what the API page has",
			declaration+"its call has no name: give the operation the one that Huawei's SDKs have")
		if m.job == "" {
			want = append(want, declaration+"it starts no job and has no Read, so that a doubt could never be resolved: read its position")
		}
	}
	out, err := run("test", "./functions", "-run", "Missing|AsGenerated")
	require.Error(t, err)
	require.Equal(t, want, sentences(out), out)

	// What reads it cannot be made up: that one goes again.
	for _, pattern := range []string{"functions/proxytoo", "pkg/cloudapi/proxytoo*.go", "events/samples/*.proxy-too.json"} {
		names, err := filepath.Glob(filepath.Join(there, pattern))
		require.NoError(t, err)
		for _, name := range names {
			require.NoError(t, os.RemoveAll(name))
		}
	}
	succeed("generate", "./functions")
	for _, m := range made[:2] {
		edit(t, filepath.Join(there, "functions", m.folder, m.folder+".go"), `Flips: ""`, `Flips: "a thing"`, `Page:  ""`, `Page: "Page"`)
		edit(t, filepath.Join(there, "pkg", "cloudapi", m.folder+".go"), `"-"`, `"option"`, `name: ""`, `name: "Switch`+m.folder+`"`)
		edit(t, filepath.Join(there, "functions", m.folder, "simulation", "simulation.go"), `Flip = ""`, `Flip = "Switch`+m.folder+`"`,
			"cloudsim.Change{", "cloudsim.Change{Enabled: q.Boolean(\"option\"), ")
		edit(t, filepath.Join(there, "functions", m.folder, m.folder+"_test.go"), "\"on\", `{}`", "\"on\", `{\"option\":true}`", "\"off\", `{}`", "\"off\", `{\"option\":false}`")
		edit(t, filepath.Join(there, "pkg", "cloudapi", m.folder+"_test.go"), "true: `{}`", "true: `{\"option\":true}`", "false: `{}`", "false: `{\"option\":false}`")
	}
	out, _ = run("test", "./functions", "-run", "Missing|AsGenerated")
	require.Equal(t, []string{"README.md differs from what is generated: run go generate ./..."}, sentences(out), out)
	succeed("generate", "./functions")
	succeed("test", "./functions", "-run", "Missing|AsGenerated")
	packages, err := run("list", suite)
	require.NoError(t, err, packages)
	// With -short, for how many switches there are makes no crash another.
	own := func(p string) bool { return strings.HasSuffix(p, "/internal/generate") } // it would make another, and another
	succeed(append([]string{"test", "-short"}, slices.DeleteFunc(strings.Fields(packages), own)...)...)
}

var said = regexp.MustCompile(`(?m)^ +functions_test\.go:\d+: (.*)$`)

func sentences(out string) (all []string) {
	for _, m := range said.FindAllStringSubmatch(out, -1) {
		all = append(all, m[1])
	}
	return all
}

// copied is a copy of the module's own files.
func copied(t *testing.T) string {
	there := t.TempDir()
	nobodys := []string{".git", ".venv", ".cache", ".aws-sam", "build", "node_modules"}
	require.NoError(t, fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		to := filepath.Join(there, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(nobodys, entry.Name()):
			return fs.SkipDir
		case entry.IsDir():
			return os.MkdirAll(to, 0o755)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return err
		}
		return os.WriteFile(to, text, info.Mode().Perm())
	}))
	return there
}

func edit(t *testing.T, name string, changes ...string) {
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for i := 0; i < len(changes); i += 2 {
		require.Contains(t, string(text), changes[i], name)
		text = []byte(strings.Replace(string(text), changes[i], changes[i+1], 1))
	}
	require.NoError(t, os.WriteFile(name, text, 0o644))
}
