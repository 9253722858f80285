//go:build prove

package proof

// The long forms of the chains: every pair of crashes.
const (
	chainPairs     = 1
	chainSchedules = 5000
	chainKills     = 60
)
