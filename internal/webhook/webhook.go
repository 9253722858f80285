// Package webhook signs and verifies messages after the Standard Webhooks
// scheme (https://www.standardwebhooks.com), version 1.
//
// A message carries three headers: webhook-id, webhook-timestamp in seconds,
// and webhook-signature, a list of signatures that spaces separate. Each is
// "v1," and the Base64 of the HMAC-SHA256 of id.timestamp.body. Several keys
// may be in use at once, so that a key is replaced without losing a message:
// the receiver takes the new one first, then the sender signs with it, then
// the old one goes.
//
// A signature tells who sent a message, and that it is not older than five
// minutes. A message that is sent again within that time is taken again; that
// an event counts once is the ledger's to keep.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Names of the headers, in any case.
const (
	IDHeader        = "Webhook-Id"
	TimestampHeader = "Webhook-Timestamp"
	SignatureHeader = "Webhook-Signature"
)

// Tolerance is how far a message's timestamp may lie in the past or in the
// future, as the scheme recommends it.
const Tolerance = 5 * time.Minute

// Verifier verifies messages.
type Verifier struct {
	// Keys are those in use: a message that any of them signed is taken.
	// Without keys, none is.
	Keys []Key
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Verify tells whether a message is signed by one of the keys and is recent.
// It reads nothing of the body but its bytes. Its errors are of type *[Error].
func (v *Verifier) Verify(header http.Header, body []byte) error {
	id, err := only(header, IDHeader)
	if err != nil {
		return err
	}
	timestamp, err := only(header, TimestampHeader)
	if err != nil {
		return err
	}
	signatures, err := only(header, SignatureHeader)
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return &Error{Header: TimestampHeader, Found: "no whole number", Expected: "seconds since 1970"}
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	// Whole seconds, compared as such: a Duration of a foreign number might
	// overflow.
	switch off := now().Unix() - seconds; {
	case seconds < 0 || off > int64(Tolerance/time.Second):
		return &Error{Header: TimestampHeader, Found: "a time too long ago", Expected: "one within five minutes"}
	case off < -int64(Tolerance/time.Second):
		return &Error{Header: TimestampHeader, Found: "a time too far ahead", Expected: "one within five minutes"}
	}
	if !v.signed(id, timestamp, signatures, body) {
		return &Error{Header: SignatureHeader, Found: "no signature that one of the keys made", Expected: "v1, and the Base64 of the HMAC-SHA256 of id.timestamp.body"}
	}
	return nil
}

// mostSignatures bounds the work that a stranger can ask for. A sender signs
// with as many keys as it has in use, which are few.
const mostSignatures = 16

// signed compares every signature with every key's, so that the time it takes
// does not tell which of them came close.
func (v *Verifier) signed(id, timestamp, signatures string, body []byte) bool {
	given := strings.Fields(signatures)
	if len(given) > mostSignatures {
		return false
	}
	good := false
	for _, k := range v.Keys {
		want := k.sum(id, timestamp, body)
		for _, s := range given {
			version, text, _ := strings.Cut(s, ",")
			got, err := base64.StdEncoding.DecodeString(text)
			if version == "v1" && err == nil && hmac.Equal(got, want) {
				good = true
			}
		}
	}
	return good
}

// only returns the value of a header that there is exactly once, under
// whatever case of its name.
func only(header http.Header, name string) (string, error) {
	value, times := "", 0
	for key, values := range header {
		if strings.EqualFold(key, name) {
			for _, value = range values {
				times++
			}
		}
	}
	if times != 1 || value == "" {
		return "", &Error{Header: name, Found: found(times), Expected: "one that is not empty"}
	}
	return value, nil
}

func found(times int) string {
	switch times {
	case 0:
		return "none"
	case 1:
		return "an empty one"
	}
	return strconv.Itoa(times)
}

// Error says why a message is not to be trusted. It shows nothing of the
// message or of the keys.
type Error struct {
	// Header is the name of the header that is wrong.
	Header, Found, Expected string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", strings.ToLower(e.Header), e.Found, e.Expected)
}

// Key is a secret that sender and receiver share. Printed or logged, it shows
// itself as "key".
type Key struct{ bytes []byte }

// leastKey is the shortest key that the scheme allows, in bytes.
const leastKey = 24

// ParseKey reads a secret: Base64 of at least 24 bytes, with or without
// "whsec_" before it.
func ParseKey(secret string) (Key, error) {
	text := strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(secret), "whsec_"), "=")
	b, err := base64.RawStdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return Key{}, fmt.Errorf("webhook key: found no Base64, expected whsec_ and the Base64 of at least %d bytes", leastKey)
	case len(b) < leastKey:
		return Key{}, fmt.Errorf("webhook key: found %d bytes, expected at least %d, in Base64", len(b), leastKey)
	}
	return Key{b}, nil
}

// ParseKeys reads secrets, in their order.
func ParseKeys(secrets []string) (keys []Key, err error) {
	for i, s := range secrets {
		k, err := ParseKey(s)
		if err != nil {
			return nil, fmt.Errorf("%d of %d: %w", i+1, len(secrets), err)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// String shows nothing of the key.
func (Key) String() string { return "key" }

// GoString shows nothing of the key.
func (Key) GoString() string { return "key" }

// Sign sets the three headers of a message.
func (k Key) Sign(header http.Header, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set(IDHeader, id)
	header.Set(TimestampHeader, timestamp)
	header.Set(SignatureHeader, "v1,"+base64.StdEncoding.EncodeToString(k.sum(id, timestamp, body)))
}

func (k Key) sum(id, timestamp string, body []byte) []byte {
	h := hmac.New(sha256.New, k.bytes)
	h.Write([]byte(id + "." + timestamp + "."))
	h.Write(body)
	return h.Sum(nil)
}
