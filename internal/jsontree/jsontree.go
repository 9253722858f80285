// Package jsontree parses JSON strictly (RFC 8259, and RFC 7493 where that is
// stricter) into a tree that keeps the order of members and the bytes of every
// value.
//
// encoding/json is too kind for a contract: it keeps the last of duplicate
// members, matches names without case, and replaces what is no Unicode. A
// misspelt or doubled member must not flip a database differently than was
// approved.
package jsontree

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Kind is the kind of a JSON value.
type Kind uint8

// Kinds of values, named as error messages name them by [Kind.String].
const (
	Null Kind = iota + 1
	Bool
	Number
	String
	Array
	Object
)

var kindNames = [...]string{"nothing", "null", "boolean", "number", "string", "array", "object"}

func (k Kind) String() string { return kindNames[k] }

// Node is one value.
type Node struct {
	Kind Kind
	// Raw are the value's bytes in the input.
	Raw []byte
	// Text is the decoded text of a String.
	Text string
	// Members are an Object's, in their order; Items an Array's.
	Members []Member
	Items   []Node
}

// Member is a name and its value in an object.
type Member struct {
	Name  string
	Value Node
}

// Get returns the value of an object's member, or nil if it has none of that
// name or is no object. Names match exactly.
func (n *Node) Get(name string) *Node {
	if n == nil {
		return nil
	}
	for i := range n.Members {
		if n.Members[i].Name == name {
			return &n.Members[i].Value
		}
	}
	return nil
}

// Is tells whether there is a value and it is of that kind.
func (n *Node) Is(k Kind) bool { return n != nil && n.Kind == k }

// Error says why a text is refused, and where.
type Error struct {
	Offset int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

// Parse parses one JSON value and refuses anything after it, duplicate
// members, text that is no Unicode (invalid UTF-8, lone surrogates), and
// values nested deeper than depth. Its errors are of type *[Error].
func Parse(text []byte, depth int) (Node, error) {
	p := parser{text: text, same: string(text)}
	p.space()
	var n Node
	if err := p.value(&n, depth); err != nil {
		return Node{}, err
	}
	p.space()
	if p.at < len(text) {
		return Node{}, p.fail("unexpected text after the value")
	}
	return n, nil
}

type parser struct {
	text []byte
	// same is text once more, of which plain strings are parts.
	same string
	at   int
}

func (p *parser) fail(format string, args ...any) error {
	return &Error{Offset: p.at, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// peek returns the next byte, or 0 at the end; no JSON text has a NUL outside
// of strings, where the end is looked at by itself.
func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) value(n *Node, depth int) error {
	start := p.at
	var err error
	switch c := p.peek(); {
	case p.at >= len(p.text):
		return p.fail("unexpected end")
	case c == '{' || c == '[':
		if depth == 0 {
			return p.fail("nested too deeply")
		}
		if c == '{' {
			err = p.object(n, depth-1)
		} else {
			err = p.array(n, depth-1)
		}
	case c == '"':
		n.Kind = String
		n.Text, err = p.string()
	case c == '-' || '0' <= c && c <= '9':
		n.Kind = Number
		err = p.number()
	case c == 't':
		n.Kind, err = Bool, p.literal("true")
	case c == 'f':
		n.Kind, err = Bool, p.literal("false")
	case c == 'n':
		n.Kind, err = Null, p.literal("null")
	default:
		return p.fail("unexpected %s", shown(p.text[p.at:]))
	}
	n.Raw = p.text[start:p.at:p.at]
	return err
}

func (p *parser) literal(word string) error {
	if rest := p.text[p.at:]; len(rest) < len(word) || string(rest[:len(word)]) != word {
		return p.fail("expected %s", word)
	}
	p.at += len(word)
	return nil
}

func (p *parser) object(n *Node, depth int) error {
	n.Kind = Object
	p.at++
	p.space()
	if p.peek() == '}' {
		p.at++
		return nil
	}
	n.Members = make([]Member, 0, 4)
	seen := names{}
	for {
		p.space()
		if p.peek() != '"' {
			return p.fail("expected a member's name")
		}
		at := p.at
		name, err := p.string()
		if err != nil {
			return err
		}
		if !seen.add(name, n.Members) {
			p.at = at
			return p.fail("duplicate member %s", strconv.QuoteToGraphic(clipped(name)))
		}
		p.space()
		if p.peek() != ':' {
			return p.fail("expected a colon")
		}
		p.at++
		p.space()
		n.Members = append(n.Members, Member{Name: name})
		if err := p.value(&n.Members[len(n.Members)-1].Value, depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case '}':
			p.at++
			return nil
		default:
			return p.fail("expected a comma or a closing brace")
		}
	}
}

// names finds duplicates: by looking at the members so far while these are
// few, by a set once they are many, so that a large object costs no square.
type names struct{ set map[string]struct{} }

func (s *names) add(name string, before []Member) bool {
	const few = 16
	if s.set == nil && len(before) >= few {
		s.set = make(map[string]struct{}, 4*few)
		for i := range before {
			s.set[before[i].Name] = struct{}{}
		}
	}
	if s.set != nil {
		_, dup := s.set[name]
		s.set[name] = struct{}{}
		return !dup
	}
	for i := range before {
		if before[i].Name == name {
			return false
		}
	}
	return true
}

func (p *parser) array(n *Node, depth int) error {
	n.Kind = Array
	p.at++
	p.space()
	if p.peek() == ']' {
		p.at++
		return nil
	}
	for {
		p.space()
		n.Items = append(n.Items, Node{})
		if err := p.value(&n.Items[len(n.Items)-1], depth); err != nil {
			return err
		}
		p.space()
		switch p.peek() {
		case ',':
			p.at++
		case ']':
			p.at++
			return nil
		default:
			return p.fail("expected a comma or a closing bracket")
		}
	}
}

// number passes over a number: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
func (p *parser) number() error {
	if p.peek() == '-' {
		p.at++
	}
	if p.peek() == '0' {
		p.at++
	} else if !p.digits() {
		return p.fail("expected a digit")
	}
	if p.peek() == '.' {
		p.at++
		if !p.digits() {
			return p.fail("expected a digit")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if !p.digits() {
			return p.fail("expected a digit")
		}
	}
	return nil
}

func (p *parser) digits() bool {
	start := p.at
	for c := p.peek(); '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.at > start
}

func (p *parser) string() (string, error) {
	p.at++
	start := p.at
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			s := p.same[start:p.at]
			p.at++
			return s, nil
		case c == '\\' || c >= utf8.RuneSelf || c < ' ':
			return p.slowString(append(make([]byte, 0, p.at-start+32), p.text[start:p.at]...))
		default:
			p.at++
		}
	}
	return "", p.fail("unexpected end")
}

// slowString goes on after the plain ASCII that a string began with.
func (p *parser) slowString(s []byte) (string, error) {
	for p.at < len(p.text) {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return string(s), nil
		case c < ' ':
			return "", p.fail("control character %#02x in a string", c)
		case c == '\\':
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, r)
		case c < utf8.RuneSelf:
			s = append(s, c)
			p.at++
		default:
			r, size := utf8.DecodeRune(p.text[p.at:])
			if r == utf8.RuneError && size == 1 {
				return "", p.fail("invalid UTF-8")
			}
			s = append(s, p.text[p.at:p.at+size]...)
			p.at += size
		}
	}
	return "", p.fail("unexpected end")
}

const escapes = `"\/bfnrt`
const escaped = "\"\\/\b\f\n\r\t"

func (p *parser) escape() (rune, error) {
	start := p.at
	p.at++
	c := p.peek()
	if c != 'u' {
		for i := range len(escapes) {
			if escapes[i] == c {
				p.at++
				return rune(escaped[i]), nil
			}
		}
		return 0, p.fail("unknown escape")
	}
	r, ok := p.unit()
	if !ok {
		return 0, p.fail(`expected four hexadecimal digits after \u`)
	}
	if !utf16.IsSurrogate(r) {
		return r, nil
	}
	if p.peek() == '\\' && p.at+1 < len(p.text) && p.text[p.at+1] == 'u' {
		p.at++
		low, ok := p.unit()
		if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
			return pair, nil
		}
	}
	p.at = start
	return 0, p.fail("lone surrogate")
}

// unit reads the u and four digits of an escape.
func (p *parser) unit() (rune, bool) {
	if p.at+5 > len(p.text) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(p.text[p.at+1:p.at+5]), 16, 16)
	if err != nil {
		return 0, false
	}
	p.at += 5
	return rune(v), true
}

func shown(rest []byte) string {
	r, _ := utf8.DecodeRune(rest)
	return strconv.QuoteRuneToGraphic(r)
}

func clipped(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
