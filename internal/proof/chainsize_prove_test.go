//go:build prove

package proof

// chainShares are those of the crashes of chains; see sharesOf.
var chainShares = map[string][4]int{"memory": {chainSingles, 31, 0, 0}, "bolt": {1, 601, 0, 0}, "dynamodb": {1, 1201, 0, 0}}

// The long forms of the chains.
const (
	chainSchedules = 5000
	chainKills     = 60
)
