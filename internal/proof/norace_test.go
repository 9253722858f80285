//go:build !race

package proof

// raced: the race detector watches.
const raced = false
