package decision

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Principal is the form in which the names of people are compared: trimmed, with
// one space for several, without a leading mailto:, in Unicode's NFKC, and
// case-folded. Letters of different scripts that look alike stay different.
func Principal(name string) string {
	if ascii(name) {
		name = strings.ToLower(name)
	} else {
		name = norm.NFKC.String(cases.Fold().String(norm.NFKC.String(name)))
	}
	name = strings.Join(strings.Fields(name), " ")
	for strings.HasPrefix(name, mailto) {
		name = strings.TrimSpace(name[len(mailto):])
	}
	return name
}

const mailto = "mailto:"

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
// zero-width space and the soft hyphen), what is no character, or none yet, and
// those that Unicode has ignored where they are not known (UAX 44,
// Default_Ignorable_Code_Point), or that are blank though they count as letters
// or symbols: of Braille, hieroglyphs, Khitan script and musical notation.
func unseen(r rune) bool {
	if r <= unicode.MaxASCII {
		return unicode.IsControl(r)
	}
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) ||
		strings.ContainsRune("\u2800\U00013441\U00013442\U00016fe4\U0001d159\ufffd", r)
}
