package cloudevent

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// uriParts is what an attribute's rule asks of a URI-reference.
type uriParts struct{ scheme, fragment bool }

// parseURI checks a URI-reference by the grammar of RFC 3986, appendix A.
// net/url takes spaces, brackets and more that the grammar does not.
func parseURI(s string) (p uriParts, ok bool) {
	rest, fragment, found := strings.Cut(s, "#")
	p.fragment = found
	rest, query, _ := strings.Cut(rest, "?")
	if !uriChars(fragment, ":@/?") || !uriChars(query, ":@/?") {
		return p, false
	}
	if colon := strings.IndexByte(rest, ':'); colon >= 0 && !strings.Contains(rest[:colon], "/") {
		// A relative reference has no colon in its first segment.
		if !scheme(rest[:colon]) {
			return p, false
		}
		p.scheme = true
		rest = rest[colon+1:]
	}
	if after, found := strings.CutPrefix(rest, "//"); found {
		slash := strings.IndexByte(after, '/')
		if slash < 0 {
			slash = len(after)
		}
		if !authority(after[:slash]) {
			return p, false
		}
		rest = after[slash:]
	}
	return p, uriChars(rest, ":@/")
}

// URIReference is s where that is a URI-reference, and else s with each byte
// percent-encoded that keeps it from being one (RFC 3986, 2.1).
func URIReference(s string) string {
	if _, ok := parseURI(s); ok {
		return s
	}
	for _, kept := range [...]string{":@/?#", "/"} {
		var b strings.Builder
		for i := range len(s) {
			end := min(i+3, len(s)) // of what begins with a percent sign
			if uriChars(s[i:i+1], kept) || uriChars(s[i:end], "") && s[i] == '%' {
				b.WriteByte(s[i])
			} else {
				fmt.Fprintf(&b, "%%%02X", s[i])
			}
		}
		s = b.String()
		if _, ok := parseURI(s); ok {
			break
		}
	}
	return s
}

func scheme(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !letter(c) && (i == 0 || !digit(c) && c != '+' && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

func authority(s string) bool {
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		if !uriChars(s[:at], ":") {
			return false
		}
		s = s[at+1:]
	}
	port := ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 || !ipLiteral(s[1:end]) {
			return false
		}
		if s, port = "", s[end+1:]; port != "" && port[0] != ':' {
			return false
		}
	} else if colon := strings.IndexByte(s, ':'); colon >= 0 {
		s, port = s[:colon], s[colon:]
	}
	return uriChars(s, "") && strings.Trim(strings.TrimPrefix(port, ":"), "0123456789") == ""
}

// ipLiteral checks IPv6address or IPvFuture.
func ipLiteral(s string) bool {
	if rest, future := strings.CutPrefix(strings.ToLower(s), "v"); future {
		version, address, found := strings.Cut(rest, ".")
		return found && version != "" && strings.Trim(version, "0123456789abcdef") == "" &&
			address != "" && !strings.Contains(address, "%") && uriChars(address, ":")
	}
	addr, err := netip.ParseAddr(s)
	return err == nil && addr.Is6() && addr.Zone() == ""
}

// uriChars tells whether s holds only unreserved characters, sub-delimiters,
// percent-encoded bytes and those of more.
func uriChars(s, more string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case letter(c) || digit(c):
		case c == '%':
			if i+2 >= len(s) || !hexDigit(s[i+1]) || !hexDigit(s[i+2]) {
				return false
			}
			i += 2
		case strings.IndexByte("-._~!$&'()*+,;=", c) < 0 && strings.IndexByte(more, c) < 0:
			return false
		}
	}
	return true
}

func letter(c byte) bool   { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func digit(c byte) bool    { return '0' <= c && c <= '9' }
func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// uri returns a URL whose String is s to the letter: source and id identify an
// event, so a source must not come out in another spelling. Where net/url
// would normalise or refuse it, all of it but the scheme is Opaque.
func uri(s string) url.URL {
	if u, err := url.Parse(s); err == nil && u.String() == s {
		return *u
	}
	if p, _ := parseURI(s); p.scheme {
		before, after, _ := strings.Cut(s, ":")
		return url.URL{Scheme: before, Opaque: after}
	}
	return url.URL{Opaque: s}
}
