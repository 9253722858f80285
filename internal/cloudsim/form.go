package cloudsim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Form reads a request's body as its API page describes it: every mandatory
// member, no unknown one, each of the one type that the page names. The first
// thing wrong is kept, and answered.
type Form struct {
	node  jsontree.Node
	names []string
	wrong string
}

func readForm(body []byte) *Form {
	f := &Form{}
	node, err := jsontree.Parse(body, 8)
	switch {
	case len(body) == 0:
		f.wrong = "the request body is empty"
	case err != nil:
		f.wrong = "the request body is no valid JSON: " + err.Error()
	case node.Kind != jsontree.Object:
		f.wrong = "the request body must be an object, not " + node.Kind.String()
	}
	f.node = node
	return f
}

func (f *Form) take(name string, mandatory bool, kind jsontree.Kind) *jsontree.Node {
	f.names = append(f.names, name)
	n := f.node.Get(name)
	switch {
	case f.wrong != "":
		return nil
	case n == nil && mandatory:
		f.wrong = name + " is missing"
	case n != nil && n.Kind != kind:
		f.wrong = fmt.Sprintf("%s must be a %s, not %s", name, kind, n.Kind)
		return nil
	}
	return n
}

// Boolean reads a mandatory boolean.
func (f *Form) Boolean(name string) bool {
	n := f.take(name, true, jsontree.Bool)
	return n != nil && string(n.Raw) == "true"
}

// Choice reads one of two words, and whether it is the first.
func (f *Form) Choice(name string, mandatory bool, yes, no string) bool {
	n := f.take(name, mandatory, jsontree.String)
	if n != nil && n.Text != yes && n.Text != no {
		f.wrong = fmt.Sprintf("%s must be %s or %s", name, yes, no)
	}
	return n != nil && n.Text == yes
}

// Text reads a mandatory string that is not empty.
func (f *Form) Text(name string) string {
	n := f.take(name, true, jsontree.String)
	if n == nil {
		return ""
	}
	if n.Text == "" {
		f.wrong = name + " is empty"
	}
	return n.Text
}

// Integer reads an optional number, 0 if missing.
func (f *Form) Integer(name string) (i int) {
	n := f.take(name, false, jsontree.Number)
	if n == nil {
		return 0
	}
	i, err := strconv.Atoi(string(n.Raw))
	if err != nil {
		f.wrong = name + " must be an integer"
	}
	return i
}

// words reads an array of strings.
func (f *Form) words(name string) (words []string) {
	n := f.take(name, true, jsontree.Array)
	if n == nil {
		return nil
	}
	for i := range n.Items {
		if n.Items[i].Kind != jsontree.String {
			f.wrong = name + " must hold strings"
		}
		words = append(words, n.Items[i].Text)
	}
	return words
}

// object enters a member that is an object.
func (f *Form) object(name string) *Form {
	n := f.take(name, true, jsontree.Object)
	if n == nil {
		return &Form{wrong: f.wrong}
	}
	return &Form{node: *n}
}

// Invalid says what else is wrong.
func (f *Form) Invalid(what string) {
	if f.wrong == "" {
		f.wrong = what
	}
}

// end returns the first thing wrong, a member that nobody asked for included.
func (f *Form) end() string {
	if f.wrong != "" {
		return f.wrong
	}
	for i := range f.node.Members {
		name := f.node.Members[i].Name
		if !slices.Contains(f.names, name) {
			return "unknown parameter " + strconv.QuoteToGraphic(strings.ToValidUTF8(name, "?"))
		}
	}
	return ""
}
