//go:build race

package proof

// chainSingles: one in so many single crashes of the chains is tried under the race
// detector, which makes each nine times as long and finds in the hundredth what it
// found in the first. `make test` tries every one without it.
const chainSingles = 11
