//go:build release

package release

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// These are of OCI's image specification, as far as they are looked at.
type (
	descriptor struct {
		MediaType   string
		Digest      string
		Size        int
		Platform    struct{ OS, Architecture string }
		Annotations map[string]string
	}
	index struct {
		MediaType   string
		Manifests   []descriptor
		Annotations map[string]string
	}
	manifest struct {
		MediaType   string
		Config      descriptor
		Layers      []descriptor
		Annotations map[string]string
	}
	config struct {
		OS, Architecture string
		Config           struct {
			User, WorkingDir string
			Entrypoint, Cmd  []string
			Labels           map[string]string
		}
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
)

// blob is what a descriptor is of, which it must match.
func blob(t *testing.T, d descriptor) []byte {
	t.Helper()
	sum, ok := strings.CutPrefix(d.Digest, "sha256:")
	require.True(t, ok, d.Digest)
	text, err := os.ReadFile(made + "image/blobs/sha256/" + sum)
	require.NoError(t, err)
	require.Equal(t, sum, digest(text))
	require.Len(t, text, d.Size)
	return text
}

func parsed[T any](t *testing.T, text []byte) (v T) {
	t.Helper()
	require.NoError(t, json.Unmarshal(text, &v))
	return v
}

// The image holds the archives' program and nothing that it does not need, and starts
// it as a user without rights.
func TestImage(t *testing.T) {
	version, bare, commit := version(t)
	text, err := os.ReadFile(made + "image/index.json")
	require.NoError(t, err)
	entries := parsed[index](t, text)
	require.Len(t, entries.Manifests, 1)
	require.Equal(t, version, entries.Manifests[0].Annotations["org.opencontainers.image.ref.name"])
	said, err := os.ReadFile(made + "image.digest")
	require.NoError(t, err)
	require.Equal(t, entries.Manifests[0].Digest, strings.TrimSpace(string(said)))

	all := parsed[index](t, blob(t, entries.Manifests[0]))
	require.Equal(t, "application/vnd.oci.image.index.v1+json", all.MediaType)
	require.Len(t, all.Manifests, 2)
	for i, arch := range []string{"amd64", "arm64"} {
		require.Equal(t, "linux/"+arch, all.Manifests[i].Platform.OS+"/"+all.Manifests[i].Platform.Architecture)
		m := parsed[manifest](t, blob(t, all.Manifests[i]))
		require.Equal(t, "application/vnd.oci.image.manifest.v1+json", m.MediaType)
		c := parsed[config](t, blob(t, m.Config))
		require.Equal(t, "linux/"+arch, c.OS+"/"+c.Architecture)
		require.Equal(t, "65532:65532", c.Config.User)
		require.Equal(t, []string{"/interlock"}, c.Config.Entrypoint)
		require.Empty(t, c.Config.Cmd)
		for _, labels := range []map[string]string{c.Config.Labels, m.Annotations, all.Annotations} {
			require.Equal(t, bare, labels["org.opencontainers.image.version"])
			require.Equal(t, commit, labels["org.opencontainers.image.revision"])
			require.Equal(t, "Apache-2.0", labels["org.opencontainers.image.licenses"])
		}

		require.Len(t, m.Layers, 1)
		layer := blob(t, m.Layers[0])
		plain, err := gzip.NewReader(bytes.NewReader(layer))
		require.NoError(t, err)
		whole, err := io.ReadAll(plain)
		require.NoError(t, err)
		require.Equal(t, []string{"sha256:" + digest(whole)}, c.RootFS.DiffIDs)
		system := tarred(t, layer)
		require.True(t, bytes.Equal(program(t, "linux_"+arch), system["interlock"].text))
		require.NotEmpty(t, system["usr/share/doc/interlock/LICENSE"].text)
		require.NotEmpty(t, system["usr/share/doc/interlock/NOTICES.txt"].text)
		for name, f := range system {
			owned := name == "data/" // by whom it runs as
			require.Equal(t, map[bool]int{true: 65532}[owned], f.uid, name)
			require.Zero(t, f.mode&(fs.ModeSetuid|fs.ModeSetgid), name)
			require.True(t, f.mode&0o022 == 0 || name == "tmp/", name)
		}
		if arch == runtime.GOARCH && runtime.GOOS == "linux" && os.Geteuid() == 0 {
			serves(t, system, c)
		}
	}
}

// serves has the image's program serve where there is nothing but the image's files,
// as its user: the ledger is made in its folder, and it answers.
func serves(t *testing.T, system map[string]file, c config) {
	dir := t.TempDir()
	for name, f := range system {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if f.mode.IsDir() {
			require.NoError(t, os.MkdirAll(path, 0o755))
			require.NoError(t, os.Chmod(path, f.mode))
		} else {
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path, f.text, f.mode.Perm()))
		}
		require.NoError(t, os.Chown(path, f.uid, f.gid))
	}
	cmd := exec.CommandContext(t.Context(), c.Config.Entrypoint[0], "serve", "--addr", "127.0.0.1:0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	cmd.Dir = c.Config.WorkingDir
	// The time zone is one of the program's own.
	cmd.Env = []string{"INTERLOCK_REGION=eu-west-101", "INTERLOCK_AUTH_TOKEN=none", "INTERLOCK_TIMEZONE=Europe/Berlin"}
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "serving on ")
	require.True(t, err == nil && ok, "%s%s", line, &log)
	for _, path := range []string{"/healthz", "/readyz"} {
		res, err := http.Get(url + path)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusOK, res.StatusCode, path)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait(), &log)
	require.FileExists(t, filepath.Join(dir, c.Config.WorkingDir, "interlock.db"))
}
