package cloudapi

import (
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

// redact takes secrets out of a text, the beginnings of secrets too: whoever
// repeats one may cut it short.
func redact(s string, secrets []string) string {
	if s == "" {
		return ""
	}
	for _, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), html.EscapeString(secret)} {
			s = redactForm(s, form)
		}
	}
	return s
}

// redactForm takes out whatever begins like the secret, to the end of the word
// or of what it shares with the secret, whichever is longer.
func redactForm(s, secret string) string {
	const enough = 8 // characters by which a secret is known
	head := secret[:min(len(secret), enough)]
	if len(head) < 4 {
		return s // too short to be told from chance
	}
	var b strings.Builder
	for {
		start := strings.Index(s, head)
		if start < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:start])
		b.WriteString(redacted)
		s = s[start:]
		word := strings.IndexAny(s, " \t\r\n\"'<>,")
		if word < 0 {
			word = len(s)
		}
		s = s[max(word, shared(s, secret)):]
	}
}

// shared is the length of the beginning that two texts have in common.
func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
