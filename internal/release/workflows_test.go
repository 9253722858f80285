package release

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

func source(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", file))
	require.NoError(t, err)
	return string(text)
}

// What a workflow uses of others is named by its content, may read and no more, unless
// it publishes, and is of the versions that this repository has elsewhere.
func TestWorkflows(t *testing.T) {
	paths, err := filepath.Glob("../../.github/workflows/*.yml")
	require.NoError(t, err)
	require.Len(t, paths, 3)
	mod, image := source(t, "go.mod"), source(t, "tools/image/go.mod")
	for _, path := range paths {
		text := source(t, strings.TrimPrefix(path, "../../"))
		for _, use := range regexp.MustCompile(`uses: (.+)`).FindAllStringSubmatch(text, -1) {
			require.Regexp(t, `^[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`, use[1], path)
		}
		for _, v := range regexp.MustCompile(`(?:go-version: '|golang:)([\d.]+)`).FindAllStringSubmatch(text, -1) {
			require.Contains(t, mod, "\ngo "+v[1]+"\n", path)
		}
		for _, v := range regexp.MustCompile(`go-containerregistry/cmd/crane@(v[\d.]+)`).FindAllStringSubmatch(text, -1) {
			require.Contains(t, image, "go-containerregistry "+v[1]+"\n", path)
		}
		for _, target := range regexp.MustCompile(`run: make ([a-z-]+)`).FindAllStringSubmatch(text, -1) {
			require.Regexp(t, "(?m)^"+target[1]+":", source(t, "Makefile"), path)
		}
		var w struct {
			Permissions map[string]string
			Jobs        map[string]struct{ Permissions map[string]string }
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &w), path)
		require.Equal(t, map[string]string{"contents": "read"}, w.Permissions, path)
		for name, job := range w.Jobs {
			if name != "publish" {
				require.Empty(t, job.Permissions, "%s: %s", path, name)
			}
		}
	}
}
