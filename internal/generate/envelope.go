package generate

import (
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/interlock-functions/interlock/events"
)

// envelope is what templates/schemas.tmpl makes the schema of an event's
// attributes of: what internal/cloudevent and the decoder of decisions ask of
// them, as far as patterns can say it.
type envelope struct{}

func (envelope) ID() string { return events.SchemaBase + "envelope.json" }

// Types are all types of events.
func (envelope) Types() []string { return events.Types() }

// The grammar of RFC 3986, appendix A, but for what stands in the brackets of
// an IP literal.
const (
	uriChar      = `(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})`
	uriSegment   = `(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})`
	uriPath      = `(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*`
	uriRest      = `(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*`
	uriScheme    = `[A-Za-z][A-Za-z0-9+.-]*:`
	uriAuthority = `//(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@)?(?:\[[0-9A-Za-z:.]+\]|` + uriChar + `*)(?::[0-9]*)?(?:/` + uriPath + `)?`
	uriNoColon   = `(?:[A-Za-z0-9._~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})+`
	uriRooted    = `/(?:` + uriSegment + uriPath + `)?`
	uriAbsolute  = uriScheme + `(?:` + uriAuthority + `|` + uriRooted + `|` + uriSegment + `+(?:/` + uriPath + `)?)?(?:\?` + uriRest + `)?`
	uriRelative  = `(?:` + uriAuthority + `|` + uriRooted + `|` + uriNoColon + `(?:/` + uriPath + `)?)?(?:\?` + uriRest + `)?`
)

func (envelope) URI() string { return `^` + uriAbsolute + `$` }

func (envelope) URIReference() string {
	return `^(?:` + uriAbsolute + `|` + uriRelative + `)(?:#` + uriRest + `)?$`
}

// JSON is a media type that declares JSON, with its parameters.
func (envelope) JSON() string {
	const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]"
	return `^` + token + `+/(?:` + token + `*\+)?[Jj][Ss][Oo][Nn](?: *; *` + token + `+=(?:` + token + `+|"[ !#-\[\]-~]*"))*(?: *;)?$`
}

// Text is the pattern, as it stands in JSON, of a string that CloudEvents allows
// for: without control characters and Unicode's noncharacters.
func (envelope) Text() string {
	var b strings.Builder
	b.WriteString(`"^[^\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff`)
	for plane := rune(1); plane <= 0x10; plane++ {
		for _, last := range [...]rune{0xfffe, 0xffff} {
			high, low := utf16.EncodeRune(plane<<16 | last)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		}
	}
	b.WriteString(`]*$"`)
	return b.String()
}
