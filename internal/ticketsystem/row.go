package ticketsystem

import (
	"fmt"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// A row is what a system has under some names. It keeps the first thing in it
// that cannot be read.
type row struct {
	n *jsontree.Node
	// in says whose row it is.
	in  string
	err error
}

func (r *row) fail(name, found, expected string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s.%s: found %s, expected %s", r.in, name, found, expected)
	}
}

// value is what has to be under a name, be it empty.
func (r *row) value(name string) *jsontree.Node {
	v := r.n.Get(name)
	if v == nil {
		r.fail(name, "nothing", "a field of that name that the user may read")
	}
	return v
}

// text is the text under a name: of a string, a number or a boolean, or of a
// reference, whose value counts and not what is displayed; "" for null, and for
// a field that the system was not set up to have.
func (r *row) text(name string) string {
	if name == "" {
		return ""
	}
	v := r.value(name)
	if v.Is(jsontree.Object) && v.Get("value") != nil {
		v = v.Get("value")
	}
	switch {
	case v == nil || v.Kind == jsontree.Null:
		return ""
	case v.Kind == jsontree.String:
		return strings.TrimSpace(v.Text)
	case v.Kind == jsontree.Number || v.Kind == jsontree.Bool:
		return string(v.Raw)
	}
	r.fail(name, v.Kind.String(), "a text")
	return ""
}

// time is a time in RFC 3339 or in the system's layout; nil for none.
func (r *row) time(name, layout string) *time.Time {
	text := r.text(name)
	if text == "" {
		return nil
	}
	for _, form := range []string{layout, time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			t = t.UTC()
			return &t
		}
	}
	r.fail(name, "what is no time", "a time as "+layout)
	return nil
}

// digest is what binds the ticket; nil where the system keeps none.
func (r *row) digest(name string) *string {
	if name == "" {
		return nil
	}
	text := r.text(name)
	return &text
}

// person is somebody by the names that are there.
func (r *row) person(names ...string) (p Person) {
	for _, name := range names {
		if v := r.n.Get(name); v.Is(jsontree.String) && strings.TrimSpace(v.Text) != "" {
			p = append(p, strings.TrimSpace(v.Text))
		}
	}
	return p
}
