package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// What stands between these lines of docs/guarantees.md is written by publish.
const (
	opening = "<!-- make prove writes what follows when it went through whole. -->\n"
	closing = "<!-- Up to here. -->\n"
)

// publish writes what was proved between the markers of a page.
func publish(page string, proved []string) error {
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), opening)
	_, after, closed := strings.Cut(rest, closing)
	if !ok || !closed {
		return fmt.Errorf("%s has no line %q with a line %q after it", page, strings.TrimSpace(opening), strings.TrimSpace(closing))
	}
	var b strings.Builder
	for _, p := range slices.Sorted(slices.Values(proved)) {
		fmt.Fprintf(&b, "    %s\n", p)
	}
	return os.WriteFile(page, []byte(before+opening+"\n"+b.String()+"\n"+closing+after), 0o644)
}
