package events_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// TestREADME: every type with its schema is in the tables, every switch too,
// and no link is dead.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, eventType := range events.Types() {
		require.Contains(t, string(text), "| `"+eventType+"` |")
		require.Contains(t, string(text), "](schemas/"+eventType+".json)")
	}
	for _, s := range specs() {
		require.Contains(t, string(text), "| `"+s.Switch+"` |")
	}
	for _, link := range regexp.MustCompile(`\]\(((?:schemas|samples)[^)]*)\)`).FindAllStringSubmatch(string(text), -1) {
		_, err := os.Stat(link[1])
		require.NoError(t, err)
	}
}
