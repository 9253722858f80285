//go:build verify

package generate_test

// suite is what has to hold with another switch.
const suite = "./..."
