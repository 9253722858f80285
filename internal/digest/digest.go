// Package digest binds a ticket to what it approves: the switch, its position,
// what it is flipped on and with which options, and what follows it.
//
// The digest is the SHA-256 of these members of an event's data in their
// canonical form (RFC 8785, JSON Canonicalization Scheme), so that whoever
// approves can compute it from what is to be sent, in any language, and neither
// the order of members nor white space nor the spelling of a number matters.
// Members that are absent are absent there too: a default that is not written
// down is not approved as a value.
package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Prefix begins every digest, and names the hash.
const Prefix = "sha-256:"

// members are those of an event's data that a ticket approves.
func members() []string {
	return []string{"switch", "enabled", "target", "options", "then", "on_failure"}
}

// Of returns the digest of an event's data. Data that is no JSON object, has a
// member twice or text that is no Unicode, or names no switch, has none.
func Of(data []byte) (string, error) {
	n, err := jsontree.Parse(data, cloudevent.Depth)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	return OfTree(&n)
}

// OfTree is [Of] for data that has been read.
func OfTree(data *jsontree.Node) (string, error) {
	if data.Get("switch") == nil {
		return "", fmt.Errorf("data.switch: found nothing in %s, expected data that asks for a switch", data.Kind)
	}
	bound := jsontree.Node{Kind: jsontree.Object}
	for _, name := range members() {
		if n := data.Get(name); n != nil {
			bound.Members = append(bound.Members, jsontree.Member{Name: name, Value: *n})
		}
	}
	text, err := canonical(nil, &bound)
	if err != nil {
		return "", fmt.Errorf("data: %w", err)
	}
	sum := sha256.Sum256(text)
	return Prefix + hex.EncodeToString(sum[:]), nil
}

// canonical appends the canonical form of a value (RFC 8785, section 3.2).
func canonical(b []byte, n *jsontree.Node) ([]byte, error) {
	switch n.Kind {
	case jsontree.Object:
		return object(b, n.Members)
	case jsontree.Array:
		b = append(b, '[')
		for i := range n.Items {
			var err error
			if b, err = canonical(separated(b, i), &n.Items[i]); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case jsontree.String:
		return quoted(b, n.Text), nil
	case jsontree.Number:
		return number(b, n.Raw)
	default: // true, false and null have one spelling
		return append(b, n.Raw...), nil
	}
}

// object sorts members by the UTF-16 units of their names (section 3.2.3):
// where one has characters beyond U+FFFF, that is not the order of code points.
func object(b []byte, members []jsontree.Member) ([]byte, error) {
	sorted := make([]*jsontree.Member, len(members))
	for i := range members {
		sorted[i] = &members[i]
	}
	slices.SortFunc(sorted, func(x, y *jsontree.Member) int { return inUnits(x.Name, y.Name) })
	b = append(b, '{')
	for i, m := range sorted {
		b = append(quoted(separated(b, i), m.Name), ':')
		var err error
		if b, err = canonical(b, &m.Value); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// inUnits compares texts by their UTF-16 units. That is the order of their bytes,
// but for U+E000 to U+FFFF, which are behind all surrogates there.
func inUnits(x, y string) int {
	at := 0
	for at < min(len(x), len(y)) && x[at] == y[at] {
		at++
	}
	if at < min(len(x), len(y)) && min(x[at], y[at]) >= 0xEE && (x[at] >= 0xF0) != (y[at] >= 0xF0) {
		return strings.Compare(y, x)
	}
	return strings.Compare(x, y)
}

func separated(b []byte, i int) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	return b
}

// quoted escapes what has to be, and nothing else (section 3.2.2.2).
func quoted(b []byte, s string) []byte {
	const escaped, letters = "\"\\\b\f\n\r\t", `"\bfnrt`
	b = append(b, '"')
	for i := range len(s) {
		switch c, at := s[i], strings.IndexByte(escaped, s[i]); {
		case at >= 0:
			b = append(b, '\\', letters[at])
		case c < ' ':
			b = fmt.Appendf(b, `\u%04x`, c)
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// number writes a double as ECMAScript does (section 3.2.2.3): its shortest
// digits, with an exponent from 1e21 on and below 1e-6.
func number(b, raw []byte) ([]byte, error) {
	f, err := strconv.ParseFloat(string(raw), 64)
	switch abs := max(f, -f); {
	case err != nil:
		return nil, fmt.Errorf("found the number %.32s, expected one that a double can hold", raw)
	case f == 0: // minus zero is zero
		return append(b, '0'), nil
	case abs < 1e-6 || abs >= 1e21:
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
		// ECMAScript's exponents have no leading zero.
		return append(b, mantissa+"e"+exponent[:1]+strings.TrimLeft(exponent[1:], "0")...), nil
	default:
		return strconv.AppendFloat(b, f, 'f', -1, 64), nil
	}
}
