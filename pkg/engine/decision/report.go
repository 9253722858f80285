package decision

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// report collects wrong fields.
type report struct {
	fields []events.Field
	// more counts those beyond the limit: an event on a bus has 64 KiB.
	more int
}

const most = 50

func (r *report) add(path, found, expected string) {
	if len(r.fields) == most {
		r.more++
		return
	}
	r.fields = append(r.fields, events.Field{Path: path, Found: found, Expected: expected})
}

// has tells whether the value at path, or one that holds it, is wrong already.
func (r *report) has(path string) bool {
	for i := range r.fields {
		rest, ok := strings.CutPrefix(path, r.fields[i].Path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

// within tells whether anything at path or below it is wrong.
func (r *report) within(path string) bool {
	for i := range r.fields {
		rest, ok := strings.CutPrefix(r.fields[i].Path, path)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return true
		}
	}
	return false
}

func (r *report) wrong() bool { return len(r.fields) > 0 }

func (r *report) all() []events.Field {
	if r.more > 0 {
		return append(r.fields, events.Field{Path: "data", Found: strconv.Itoa(r.more) + " more wrong fields", Expected: "none"})
	}
	return r.fields
}

// found says what kind of value is there, and its beginning.
func found(n *jsontree.Node) string {
	switch {
	case n == nil:
		return "nothing"
	case n.Kind == jsontree.String:
		return "string " + quoted(n.Text)
	case n.Kind == jsontree.Bool || n.Kind == jsontree.Number:
		return n.Kind.String() + " " + clipped(string(n.Raw))
	}
	return n.Kind.String()
}

// unknown says what to write instead of a member that nobody knows.
func unknown(name string, known []string) string {
	if len(known) == 0 {
		return "nothing here"
	}
	if near := nearest(name, known); near != "" {
		return "no such member; did you mean " + near + "?"
	}
	return "no such member; known are " + listed(known, "and")
}

func quoted(s string) string { return strconv.QuoteToGraphic(clipped(s)) }

// clipped cuts s after 64 characters.
func clipped(s string) string {
	const limit = 64
	if len(s) <= limit {
		return s
	}
	at := 0
	for range limit {
		_, size := utf8.DecodeRuneInString(s[at:])
		at += size
	}
	if at >= len(s) {
		return s
	}
	return s[:at] + "…"
}

// plain tells whether a name can stand in a dotted path as it is.
func plain(name string) bool {
	return len(name) <= 64 && isFormed(name, 1, 64, "_-")
}

// nearest is the known name that was probably meant: one that differs in case
// or separators, or in at most two letters; "" if none is.
func nearest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	best, least := "", 3
	for _, k := range known {
		if d := distance(folded(name), folded(k)); d < least && d < len(k)/2 {
			best, least = k, d
		}
	}
	return best
}

func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(s))
}

// distance is Levenshtein's: how many letters to change, add or drop.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
