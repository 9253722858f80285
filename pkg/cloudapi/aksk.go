package cloudapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// AKSK signs requests with an access key (SDK-HMAC-SHA256, "Signing" in the
// API signing guide). Use it by pointer: it remembers refusals. After two 401
// within five minutes it lets no call through for the rest of them, as the
// cloud locks a key after five; the error is Denied and has RetryAfter.
type AKSK struct {
	// AccessKey is the key's ID (AK).
	AccessKey string
	// SecretKey is the key (SK).
	SecretKey Secret
	// SecurityToken goes with a temporary key; else empty.
	SecurityToken Secret

	mu       sync.Mutex
	refusals refusals
}

const (
	signingAlgorithm = "SDK-HMAC-SHA256"
	signingDate      = "20060102T150405Z"

	headerDate    = "X-Sdk-Date"
	headerProject = "X-Project-Id"
)

// Authorize signs the request.
func (a *AKSK) Authorize(_ context.Context, req *http.Request, call Call) error {
	if a.AccessKey == "" || a.SecretKey == "" {
		return errors.New("AKSK: the access key or the secret key is empty")
	}
	if err := a.paused(call); err != nil {
		return err
	}
	signed := []string{"host"}
	if call.ProjectID != "" {
		req.Header.Set(headerProject, call.ProjectID)
		signed = append(signed, "x-project-id")
	}
	req.Header.Set(headerDate, call.Now.UTC().Format(signingDate))
	signed = append(signed, "x-sdk-date")
	if a.SecurityToken != "" {
		if err := setSecret(req, headerSecurityToken, string(a.SecurityToken)); err != nil {
			return err
		}
		signed = append(signed, "x-security-token")
	}
	a.sign(req, signed, call.Body)
	return nil
}

// Refused counts the refusal and reports false: signing again would not help.
func (a *AKSK) Refused(_ *http.Request, call Call) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refusals.add(call.Now)
	return false
}

func (a *AKSK) paused(call Call) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refusals.paused(call.Operation, call.Now)
}

// Format shows the key's ID alone.
func (a *AKSK) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "AKSK(%s)", a.AccessKey) }

// sign sets Authorization for a request that carries its date already. The
// signed header names are in lower case and in order.
func (a *AKSK) sign(req *http.Request, signed []string, body []byte) {
	canonical := sha256.Sum256([]byte(canonicalRequest(req, signed, body)))
	mac := hmac.New(sha256.New, []byte(a.SecretKey))
	mac.Write([]byte(signingAlgorithm + "\n" + req.Header.Get(headerDate) + "\n" + hex.EncodeToString(canonical[:])))
	req.Header.Set("Authorization", signingAlgorithm+" Access="+a.AccessKey+
		", SignedHeaders="+strings.Join(signed, ";")+", Signature="+hex.EncodeToString(mac.Sum(nil)))
}

// canonicalRequest is the request as both sides write it down: method, path
// with a trailing slash, query, headers, their names, hash of the body.
func canonicalRequest(req *http.Request, signed []string, body []byte) string {
	var b strings.Builder
	b.Grow(512)
	b.WriteString(req.Method + "\n")
	path := req.URL.EscapedPath()
	b.WriteString(path)
	if !strings.HasSuffix(path, "/") {
		b.WriteByte('/')
	}
	b.WriteString("\n" + canonicalQuery(req.URL.Query()) + "\n")
	for _, name := range signed {
		value := req.Header.Get(name)
		if name == "host" {
			value = or(req.Host, req.URL.Host)
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	b.WriteString("\n" + strings.Join(signed, ";") + "\n")
	sum := sha256.Sum256(body)
	b.WriteString(hex.EncodeToString(sum[:]))
	return b.String()
}

// canonicalQuery is a query in order of its keys and then of its values, each
// escaped. It is also what is sent.
func canonicalQuery(query url.Values) string {
	pairs := make([]string, 0, len(query))
	for _, key := range slices.Sorted(maps.Keys(query)) {
		for _, value := range slices.Sorted(slices.Values(query[key])) {
			pairs = append(pairs, escape(key)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}
