//go:build !prove

package proof

// The short forms of the chains: one in so many pairs of crashes.
const (
	chainPairs     = 1201
	chainSchedules = 100
	chainKills     = 3
)
