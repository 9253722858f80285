package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Problem is something wrong in a policy or in entities, and where.
type Problem struct {
	// Name is the document's; Line and Column count from 1.
	Name         string
	Line, Column int
	Text         string
}

func (p Problem) String() string {
	place := fmt.Sprintf("line %d, column %d: ", p.Line, p.Column)
	if p.Name != "" {
		place = p.Name + ": " + place
	}
	return place + p.Text
}

// Problems are all that is wrong, in order. As an error they are one line.
type Problems []Problem

func (p Problems) Error() string {
	if len(p) == 1 {
		return p[0].String()
	}
	return fmt.Sprintf("%s; and %d more", p[0], len(p)-1)
}

// add notes a problem once, however many actions and kinds of resources have
// it. Where it stands is a byte of the document.
func (p *Problems) add(in Text, offset int, text string) {
	before := in.Text[:min(offset, len(in.Text))]
	line := before[strings.LastIndexByte(before, '\n')+1:]
	one := Problem{in.Name, strings.Count(before, "\n") + 1, utf8.RuneCountInString(line) + 1, text}
	if !slices.Contains(*p, one) {
		*p = append(*p, one)
	}
}

// sort sorts what is found in no order by its place.
func (p Problems) sort() {
	slices.SortFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
}
