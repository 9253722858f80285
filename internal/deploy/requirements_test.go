package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What Python's registry hands out is what was looked at: each requirement has
// its version and its hashes, and nothing is installed without them.
func TestRequirementsHaveHashes(t *testing.T) {
	lists, err := filepath.Glob("../../tools/requirements*.txt")
	require.NoError(t, err)
	require.Len(t, lists, 4)
	for _, list := range lists {
		text, err := os.ReadFile(list)
		require.NoError(t, err)
		joined := strings.ReplaceAll(string(text), "\\\n", " ")
		wanted := 0
		for line := range strings.Lines(joined) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			require.Regexp(t, `^[a-z0-9-]+(\[[a-z,]+\])?==[^ ]+( ; [^#]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\n$`, line, list)
			wanted++
		}
		require.Greater(t, wanted, 10, list)
	}
	install := regexp.MustCompile(`pip"? install[^\n]*`)
	for name, times := range map[string]int{"../../Makefile": 1, "../../tools/emulators/run": 0} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		commands := install.FindAllString(string(text), -1)
		require.Len(t, commands, times, name)
		for _, c := range commands {
			require.Contains(t, c, " --require-hashes ", name)
		}
	}
}
