package docs

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// What versioning.md promises of event types and of the ledger's format is of those
// that there are.
func TestVersioning(t *testing.T) {
	text := read(t, "docs/versioning.md")
	var promised []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(dev\\.interlock\\.[a-z.]+\\.v\\d+)` \\| v\\d+\\.\\d+\\.\\d+ \\| [^|]*\\|$").FindAllStringSubmatch(text, -1) {
		promised = append(promised, m[1])
	}
	require.ElementsMatch(t, events.Types(), promised)
	require.Contains(t, text, fmt.Sprintf("Every record has the number of its format, now **%d**.", ledger.Format))
	require.Contains(t, read(t, "CHANGELOG.md"), "\n## Unreleased\n")
}
