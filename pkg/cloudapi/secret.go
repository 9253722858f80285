package cloudapi

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
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
	if _, signature, signed := strings.Cut(req.Header.Get("Authorization"), "Signature="); signed {
		secrets = append(secrets, signature)
	}
	return secrets
}

// redact takes secrets out of a text, however they are escaped. It takes out
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

// escapedForms are the ways in which a text may hold a secret.
func escapedForms(secret string) []string {
	quoted, _ := json.Marshal(secret) // of a string: cannot fail
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), strings.Trim(string(quoted), `"`),
	}
}

func redactForms(s string, forms []string) string {
	var b strings.Builder
	for {
		start, end := findForm(s, forms)
		if start < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:start])
		b.WriteString(redacted)
		s = s[end:]
	}
}

// findForm is where the first thing that begins like one of the forms starts
// and ends; start is negative where there is none.
func findForm(s string, forms []string) (start, end int) {
	const enough = 8 // bytes by which a secret is known
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
