package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/interlock-functions/interlock/tools/marked"
)

// opening is where in docs/guarantees.md that begins which publish writes.
const opening = "<!-- make prove writes what follows when it went through whole. -->\n"

// publish writes what was proved into a page.
func publish(page string, proved []string) error {
	var b strings.Builder
	for _, p := range slices.Sorted(slices.Values(proved)) {
		fmt.Fprintf(&b, "    %s\n", p)
	}
	return marked.Write(page, opening, "\n"+b.String()+"\n")
}
