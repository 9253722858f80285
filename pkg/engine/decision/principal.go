package decision

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Principal is the form in which the names of people are compared: trimmed,
// without a leading mailto:, in Unicode's NFKC, and case-folded. Letters of
// different scripts that look alike stay different.
func Principal(name string) string {
	name = strings.TrimSpace(name)
	if ascii(name) {
		name = strings.ToLower(name)
	} else {
		name = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	}
	return strings.TrimSpace(strings.TrimPrefix(name, "mailto:"))
}

func ascii(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// aPrincipal is what the name of a person has to be: an identifier, and nothing
// that people cannot see, for two names that look the same would be two people.
const aPrincipal = "a name with a letter or digit, and no invisible or control characters"

func isPrincipal(name string) bool {
	name = strings.TrimSpace(name)
	return strings.IndexFunc(name, unseen) < 0 && strings.IndexFunc(Principal(name), func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r)
	}) >= 0
}

// unseen tells of characters that show nothing: controls and formats (as the
// zero-width space and the soft hyphen), what is no character at all, and those
// that Unicode has ignored where they are not known (UAX 44,
// Default_Ignorable_Code_Point), or that are blank though they count as letters.
func unseen(r rune) bool {
	if r <= unicode.MaxASCII {
		return unicode.IsControl(r)
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		r == '\u2800' || r == unicode.ReplacementChar
}
