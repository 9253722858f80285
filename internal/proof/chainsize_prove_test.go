//go:build prove

package proof

// The long forms of the chains: one in so many pairs of crashes.
const (
	chainPairs     = 5
	chainSchedules = 5000
	chainKills     = 60
)
