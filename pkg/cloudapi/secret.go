package cloudapi

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf16"
)

const redacted = "[redacted]"

// Secret is a string that does not print: every verb of fmt, every log and
// every encoder shows "[redacted]" in its place, or nothing where it is empty.
type Secret string

// String hides the secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// GoString hides the secret.
func (s Secret) GoString() string { return s.String() }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText hides the secret from encoders, encoding/json among them.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// secretsOf are the secrets that a request carries.
func secretsOf(req *http.Request) []string {
	secrets := make([]string, 0, 2)
	for _, name := range []string{headerToken, headerSecurityToken} {
		if value := req.Header.Get(name); value != "" {
			secrets = append(secrets, value)
		}
	}
	// The key's id is none, but whoever knows it can have the key locked.
	for part := range strings.SplitSeq(req.Header.Get("Authorization"), " ") {
		for _, name := range []string{"Access=", "Signature="} {
			if value, ok := strings.CutPrefix(part, name); ok {
				secrets = append(secrets, strings.TrimSuffix(value, ","))
			}
		}
	}
	return secrets
}

// redact takes secrets out of a text, however they are escaped or encoded, in
// whatever case. It takes out
// what only begins like a secret too, as whoever repeats one may cut it short,
// up to the end of the word or of what it shares with the secret.
func redact(s string, secrets []string) string {
	for _, secret := range secrets {
		if len(secret) >= 4 && s != "" { // shorter ones cannot be told from chance
			s = redactForms(s, escapedForms(secret))
		}
	}
	return s
}

// enough is by how many bytes a secret is known.
const enough = 8

// escapedForms are the ways in which a text may hold a secret, in lower case:
// as it is, escaped, in hexadecimal, and in Base64, alone or in the middle of
// something else that was encoded with it.
func escapedForms(secret string) []string {
	quoted, _ := json.Marshal(secret) // of a string: cannot fail
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strings.Trim(string(quoted), `"`),
	}
	encoded := []string{hex.EncodeToString([]byte(secret)), unicodeEscaped(secret)}
	for before := range 3 {
		bits := 8 * (before + len(secret))
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := e.EncodeToString([]byte(strings.Repeat("x", before) + secret))
			// Without what depends on the bytes around.
			encoded = append(encoded, text[(8*before+5)/6:bits/6])
		}
	}
	for _, form := range encoded {
		if len(form) >= enough { // shorter ones cannot be told from chance
			forms = append(forms, form)
		}
	}
	for i, form := range forms {
		forms[i] = lower(form)
	}
	return forms
}

// unicodeEscaped spells each character as JSON may.
func unicodeEscaped(s string) string {
	var b strings.Builder
	for _, unit := range utf16.Encode([]rune(s)) {
		fmt.Fprintf(&b, `\u%04x`, unit)
	}
	return b.String()
}

// lower is a text with its ASCII letters in lower case, as long as before.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

func redactForms(s string, forms []string) string {
	var b strings.Builder
	for folded := lower(s); ; {
		start, end := findForm(folded, forms)
		if start < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:start])
		b.WriteString(redacted)
		s, folded = s[end:], folded[end:]
	}
}

// findForm is where the first thing that begins like one of the forms starts
// and ends; start is negative where there is none.
func findForm(s string, forms []string) (start, end int) {
	start = -1
	for _, form := range forms {
		if i := strings.Index(s, form[:min(len(form), enough)]); i >= 0 && (start < 0 || i < start) {
			start = i
		}
	}
	if start < 0 {
		return -1, -1
	}
	found := s[start:]
	length := len(found)
	if word := strings.IndexAny(found, " \t\r\n\"'<>,"); word >= 0 {
		length = word
	}
	for _, form := range forms {
		length = max(length, shared(found, form))
	}
	return start, start + length
}

// shared is the length of the beginning that two texts have in common.
func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
