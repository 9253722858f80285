package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/tools/marked"
)

// opening is where in docs/guarantees.md that begins which publish writes.
const opening = "<!-- make prove writes what follows when it went through whole. -->\n"

// publish writes what was proved into a page, and what was proved more than once as
// one line that says so.
func publish(page string, proved []string) error {
	times := map[string]int{}
	for _, p := range proved {
		times[p]++
	}
	var b strings.Builder
	for _, p := range slices.Sorted(maps.Keys(times)) {
		if n := times[p]; n > 1 {
			p += fmt.Sprintf(" (%d times)", n)
		}
		fmt.Fprintf(&b, "    %s\n", p)
	}
	return marked.Write(page, opening, "\n"+b.String()+"\n")
}
