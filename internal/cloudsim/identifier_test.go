package cloudsim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIdentifiersAreUUIDsAndDiffer(t *testing.T) {
	c, seen := New(Options{}), map[string]bool{}
	for kind := range 3 {
		for range 10000 {
			id := c.nextID(kind)
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$`, id)
			require.False(t, seen[id])
			seen[id] = true
		}
	}
}
