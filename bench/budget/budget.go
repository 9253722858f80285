// Package budget holds what was measured against what it may be.
package budget

import (
	"fmt"
	"io"
)

// Budget is a figure that has a limit and, where that is not what is wanted in
// the end, a goal.
type Budget struct {
	What        string
	Found       float64
	Limit, Goal float64
	Unit        string
	// Exact: it is missed below the limit, too. Least: the limit is the least that it
	// may be.
	Exact, Least bool
}

// Held tells whether the figure is within its limit.
func (b Budget) Held() bool {
	return b.within(b.Limit)
}

func (b Budget) within(limit float64) bool {
	switch {
	case b.Exact:
		return b.Found == limit
	case b.Least:
		return b.Found >= limit
	}
	return b.Found <= limit
}

func (b Budget) verdict() string {
	if b.Held() {
		return "held"
	}
	return "MISSED"
}

// goal says of the goal whether it is reached.
func (b Budget) goal() string {
	switch {
	case b.Goal == 0:
		return ""
	case b.within(b.Goal):
		return fmt.Sprintf("%.4g, held", b.Goal)
	}
	return fmt.Sprintf("%.4g, missed", b.Goal)
}

// limit says what the figure may be.
func (b Budget) limit() string {
	if b.Least {
		return fmt.Sprintf("≥ %.4g", b.Limit)
	}
	return fmt.Sprintf("%.4g", b.Limit)
}

// Table writes the budgets in Markdown.
func Table(w io.Writer, all []Budget) {
	fmt.Fprintf(w, "| budget | found | limit | | goal |\n|---|---|---|---|---|\n")
	for _, b := range all {
		fmt.Fprintf(w, "| %s | %.4g %s | %s | %s | %s |\n", b.What, b.Found, b.Unit, b.limit(), b.verdict(), b.goal())
	}
}

// Say tells of each budget, a line each, whether it is held, and of all whether
// they are.
func Say(w io.Writer, all []Budget) (held bool) {
	held = true
	for _, b := range all {
		goal := ""
		if b.Goal != 0 {
			goal = "; goal " + b.goal()
		}
		fmt.Fprintf(w, "%-6s  %s: %.4g %s, of %s%s\n", b.verdict(), b.What, b.Found, b.Unit, b.limit(), goal)
		held = held && b.Held()
	}
	return held
}
