//go:build !verify

package generate_test

// suite is what has to hold with another switch: here what looks at the switches
// one by one, and with the tag verify everything.
const suite = "./functions/..."
