//go:build release

package release

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// root is the module's folder, made what `make release` has made.
const (
	root = "../.."
	made = root + "/build/release/"
)

// platforms are those of the program.
var platforms = []string{"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64", "windows_arm64"}

// version is the release's, with its v, as it is stamped into the programs; bare is it
// without, as it stands in names of files.
func version(t *testing.T) (version, bare, commit string) {
	t.Helper()
	var of struct{ Version, Commit string }
	text, err := os.ReadFile(made + "metadata.json")
	require.NoError(t, err, "make release has not been run")
	require.NoError(t, json.Unmarshal(text, &of))
	require.Equal(t, git(t, root, "rev-parse", "HEAD"), of.Commit, "what is in build/release was made of another commit")
	if version = os.Getenv("BUILD_VERSION"); version == "" {
		version = git(t, root, "describe", "--tags", "--always", "--dirty")
	}
	require.Equal(t, strings.TrimPrefix(version, "v"), of.Version)
	require.NotContains(t, version, "-dirty", "the tree has changes that are in no commit: what is made of it can be made by nobody else")
	return version, of.Version, of.Commit
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// file is one of an archive.
type file struct {
	mode     fs.FileMode
	uid, gid int
	text     []byte
}

// files are those of an archive, folders included, by name.
func files(t *testing.T, name string) map[string]file {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	if strings.HasSuffix(name, ".zip") {
		return zipped(t, text)
	}
	return tarred(t, text)
}

func zipped(t *testing.T, text []byte) map[string]file {
	all := map[string]file{}
	r, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	require.NoError(t, err)
	for _, f := range r.File {
		opened, err := f.Open()
		require.NoError(t, err)
		content, err := io.ReadAll(opened)
		require.NoError(t, err)
		all[f.Name] = file{mode: f.Mode(), text: content}
	}
	return all
}

func tarred(t *testing.T, text []byte) map[string]file {
	all := map[string]file{}
	plain, err := gzip.NewReader(bytes.NewReader(text))
	require.NoError(t, err)
	for r := tar.NewReader(plain); ; {
		h, err := r.Next()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		content, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NotContains(t, all, h.Name)
		all[h.Name] = file{h.FileInfo().Mode(), h.Uid, h.Gid, content}
	}
}

// program is that of a platform, out of its archive.
func program(t *testing.T, platform string) []byte {
	t.Helper()
	_, bare, _ := version(t)
	archive, name := made+"interlock_"+bare+"_"+platform+".tar.gz", "interlock"
	if strings.HasPrefix(platform, "windows") {
		archive, name = made+"interlock_"+bare+"_"+platform+".zip", "interlock.exe"
	}
	all := files(t, archive)
	require.Equal(t, fs.FileMode(0o755), all[name].mode)
	return all[name].text
}

// artefacts are those of functions, with what makes the same.
var artefacts = []struct{ kind, arch, target string }{
	{"lambda", "arm64", "build-ProxySslFunction"}, {"lambda", "amd64", "build-ProxySslFunction"},
	{"functiongraph", "amd64", "build-functiongraph"},
}

// bootstrap is an artefact, out of its archive, whose name it returns too.
func bootstrap(t *testing.T, kind, arch string) (text []byte, name string) {
	t.Helper()
	_, bare, _ := version(t)
	name = "interlock-" + kind + "_" + bare + "_linux_" + arch
	all := files(t, made+name+".zip")
	require.Equal(t, fs.FileMode(0o755), all["bootstrap"].mode)
	return all["bootstrap"].text, name
}

// In each archive is the program for its platform, and what it has to be handed on with.
func TestArchives(t *testing.T) {
	_, bare, _ := version(t)
	papers := func(all map[string]file, names ...string) {
		for _, name := range names {
			path := root + "/" + name
			if name == "NOTICES.txt" {
				path = root + "/build/NOTICES.txt"
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(text), string(all[name].text), name)
			require.Equal(t, fs.FileMode(0o644), all[name].mode, name)
		}
		require.Len(t, all, len(names)+1, "and nothing else")
	}
	for _, platform := range platforms {
		ending := ".tar.gz"
		if strings.HasPrefix(platform, "windows") {
			ending = ".zip"
		}
		papers(files(t, made+"interlock_"+bare+"_"+platform+ending), "LICENSE", "README.md", "CHANGELOG.md", "NOTICES.txt")
		require.Equal(t, platform, platformOf(t, program(t, platform)))
	}
	for _, a := range artefacts {
		text, name := bootstrap(t, a.kind, a.arch)
		papers(files(t, made+name+".zip"), "LICENSE", "NOTICES.txt")
		require.Equal(t, "linux_"+a.arch, platformOf(t, text))
	}
}

// platformOf is what a program is for.
func platformOf(t *testing.T, text []byte) string {
	r := bytes.NewReader(text)
	if f, err := elf.NewFile(r); err == nil {
		return map[elf.Machine]string{elf.EM_X86_64: "linux_amd64", elf.EM_AARCH64: "linux_arm64"}[f.Machine]
	}
	if f, err := macho.NewFile(r); err == nil {
		return map[macho.Cpu]string{macho.CpuAmd64: "darwin_amd64", macho.CpuArm64: "darwin_arm64"}[f.Cpu]
	}
	f, err := pe.NewFile(r)
	require.NoError(t, err)
	return map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "windows_amd64", pe.IMAGE_FILE_MACHINE_ARM64: "windows_arm64"}[f.Machine]
}

// The program of this machine runs, and says what it is.
func TestProgramRuns(t *testing.T) {
	version, _, commit := version(t)
	path := filepath.Join(t.TempDir(), "interlock")
	require.NoError(t, os.WriteFile(path, program(t, runtime.GOOS+"_"+runtime.GOARCH), 0o755))
	out, err := exec.CommandContext(t.Context(), path, "version", "--json").CombinedOutput()
	require.NoError(t, err, string(out))
	said := map[string]any{}
	require.NoError(t, json.Unmarshal(out, &said))
	require.Equal(t, version, said["version"])
	require.Equal(t, commit, said["revision"])
	require.Nil(t, said["modified"])
	out, err = exec.CommandContext(t.Context(), path, "demo").CombinedOutput()
	require.NoError(t, err, string(out))
}

// The functions' artefacts are those that `make build` and its like make.
func TestArtefactsAreWhatMakeBuilds(t *testing.T) {
	version, _, _ := version(t)
	for _, a := range artefacts {
		dir := t.TempDir()
		if a.kind == "functiongraph" {
			dir = root + "/build/functiongraph"
		}
		run(t, root, "make", a.target, "ARTIFACTS_DIR="+dir, "GOARCH="+a.arch, "BUILD_VERSION="+version)
		text, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
		require.NoError(t, err)
		released, name := bootstrap(t, a.kind, a.arch)
		require.True(t, bytes.Equal(text, released), name)
	}
}

// SHA256SUMS has each file that is published, and no other.
func TestChecksums(t *testing.T) {
	text, err := os.ReadFile(made + "SHA256SUMS")
	require.NoError(t, err)
	sums := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		require.True(t, ok, line)
		sums[name] = sum
	}
	found := map[string]string{}
	for _, pattern := range []string{"*.tar.gz", "*.zip", "*.cdx.json"} {
		paths, err := filepath.Glob(made + pattern)
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			found[filepath.Base(path)] = digest(text)
		}
	}
	require.Len(t, found, 2*(len(platforms)+len(artefacts)))
	require.Equal(t, found, sums)
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// The bill of materials of a program lists what is linked into it, in the versions of
// go.mod; and who wrote it is named in the notices.
func TestBillsOfMaterials(t *testing.T) {
	version, bare, _ := version(t)
	listed := map[string]bool{}
	for line := range strings.Lines(run(t, root, "go", "list", "-m", "all")) {
		listed[strings.Join(strings.Fields(line), "@")] = true
	}
	notices, err := os.ReadFile(root + "/build/NOTICES.txt")
	require.NoError(t, err)
	check := func(name string, program []byte) {
		var bill struct {
			BOMFormat string
			Metadata  struct {
				Component struct{ Name, Version string }
			}
			Components []struct{ Name, Version string }
		}
		text, err := os.ReadFile(made + name + ".cdx.json")
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(text, &bill))
		require.Equal(t, "CycloneDX", bill.BOMFormat)
		require.Equal(t, "github.com/interlock-functions/interlock", bill.Metadata.Component.Name)
		require.Equal(t, version, bill.Metadata.Component.Version)

		info, err := buildinfo.Read(bytes.NewReader(program))
		require.NoError(t, err)
		linked, billed := []string{"std@" + info.GoVersion}, []string{}
		for _, d := range info.Deps {
			linked = append(linked, d.Path+"@"+d.Version)
			require.True(t, listed[d.Path+"@"+d.Version], "%s %s", d.Path, d.Version)
			require.Contains(t, string(notices), "\n  "+d.Path+" "+d.Version+"\n", "NOTICES.txt")
		}
		for _, c := range bill.Components {
			billed = append(billed, c.Name+"@"+c.Version)
		}
		require.Greater(t, len(linked), 5)
		require.ElementsMatch(t, linked, billed, name)
	}
	for _, platform := range platforms {
		check("interlock_"+bare+"_"+platform, program(t, platform))
	}
	for _, a := range artefacts {
		text, name := bootstrap(t, a.kind, a.arch)
		check(name, text)
	}
}

// Whoever makes it of the same commit elsewhere gets the same bytes.
func TestMadeAgainElsewhere(t *testing.T) {
	version, _, _ := version(t)
	there := filepath.Join(t.TempDir(), "elsewhere")
	run(t, root, "git", "clone", "--quiet", ".", there)
	run(t, there, "make", "release", "BUILD_VERSION="+version)
	for _, name := range []string{"SHA256SUMS", "image.digest", "image/index.json"} {
		first, err := os.ReadFile(made + name)
		require.NoError(t, err)
		second, err := os.ReadFile(filepath.Join(there, "build", "release", filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, string(first), string(second), name)
	}
}

func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		// What an outer make was told is not meant for this one.
		if name, _, _ := strings.Cut(v, "="); name != "MAKEFLAGS" && name != "GOARCH" && name != "BUILD_VERSION" {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}
