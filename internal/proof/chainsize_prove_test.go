//go:build prove

package proof

// chainShares are those of the crashes of chains; see sharesOf.
var chainShares = map[string][4]int{"memory": {1, 61, 0, 0}, "bolt": {1, 1801, 0, 0}, "dynamodb": {1, 3001, 0, 0}}

// The long forms of the chains.
const (
	chainSchedules = 1500
	chainKills     = 30
)
