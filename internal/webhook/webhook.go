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

// Verify returns the key that signed a message, if one of the keys did and the
// message is recent. It reads nothing of the body but its bytes. Its errors are
// of type *[Error].
func (v *Verifier) Verify(header http.Header, body []byte) (Key, error) {
	id, err := only(header, IDHeader)
	if err != nil {
		return Key{}, err
	}
	timestamp, err := only(header, TimestampHeader)
	if err != nil {
		return Key{}, err
	}
	signatures, err := only(header, SignatureHeader)
	if err != nil {
		return Key{}, err
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return Key{}, &Error{Header: TimestampHeader, Found: "no whole number", Expected: "seconds since 1970"}
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	// Whole seconds, compared as such: a Duration of a foreign number might
	// overflow.
	switch off := now().Unix() - seconds; {
	case seconds < 0 || off > int64(Tolerance/time.Second):
		return Key{}, &Error{Header: TimestampHeader, Found: "a time too long ago", Expected: "one within five minutes"}
	case off < -int64(Tolerance/time.Second):
		return Key{}, &Error{Header: TimestampHeader, Found: "a time too far ahead", Expected: "one within five minutes"}
	}
	key, ok := v.signer(id, timestamp, signatures, body)
	if !ok {
		return Key{}, &Error{Header: SignatureHeader, Found: "no signature that one of the keys made", Expected: "v1, and the Base64 of the HMAC-SHA256 of id.timestamp.body"}
	}
	return key, nil
}

// mostSignatures bounds the work that a stranger can ask for. A sender signs
// with as many keys as it has in use, which are few.
const mostSignatures = 16

// signer is the first of the keys that made one of the signatures. It compares
// every signature with every key's, so that the time it takes does not tell
// which of them came close.
func (v *Verifier) signer(id, timestamp, signatures string, body []byte) (signer Key, good bool) {
	given := strings.Fields(signatures)
	if len(given) > mostSignatures {
		return Key{}, false
	}
	for _, k := range v.Keys {
		want := k.sum(id, timestamp, body)
		for _, s := range given {
			version, text, _ := strings.Cut(s, ",")
			got, err := base64.StdEncoding.DecodeString(text)
			if version == "v1" && err == nil && hmac.Equal(got, want) && !good {
				signer, good = k, true
			}
		}
	}
	return signer, good
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
