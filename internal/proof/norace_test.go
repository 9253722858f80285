//go:build !race

package proof

// chainSingles: every single crash of the chains is tried.
const chainSingles = 1
