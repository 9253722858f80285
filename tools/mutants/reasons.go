package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// row is a mutant that may live, and why, in the table of docs/mutants.md.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`]+)` \\| `(.+)` \\| (.+) \\|$")

// reasons are why a mutant may live, by its name.
func reasons(page string) (map[string]string, error) {
	text, err := os.ReadFile(page)
	if err != nil {
		return nil, err
	}
	why := map[string]string{}
	for _, r := range row.FindAllStringSubmatch(string(text), -1) {
		m := mutant{pkg: r[1], function: r[2], what: strings.ReplaceAll(r[3], `\|`, "|")}
		if why[m.String()] != "" {
			return nil, fmt.Errorf("%s: %s stands there twice", page, m)
		}
		why[m.String()] = r[4]
	}
	return why, nil
}

// asRow is the row of a mutant that has no reason yet.
func (m mutant) asRow() string {
	return fmt.Sprintf("| `%s` | `%s` | `%s` |  |", m.pkg, m.function, strings.ReplaceAll(m.what, "|", `\|`))
}
