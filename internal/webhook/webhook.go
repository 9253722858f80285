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
	"context"
	"crypto/hmac"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
	// Fetch gets them from where they are kept, if that is elsewhere: when a
	// message is to be verified, not before. Until it has, none is taken.
	Fetch func(context.Context) ([]Key, error)
	// Now is the clock. Default time.Now.
	Now func() time.Time

	mu sync.Mutex
	// fetched, or failed, is what was got at the time of asked.
	fetched []Key
	failed  error
	asked   time.Time
}

// How long what was fetched is good for: a key that was taken away is refused
// after lasting. A signature that none made, as by a key that was added, has them
// fetched again after renewed, a failure after failing: strangers are not to
// have us ask each time.
const (
	lasting = 5 * time.Minute
	renewed = time.Minute
	failing = 5 * time.Second
)

// keys are those in use; unknown says that none of those known did.
func (v *Verifier) keys(ctx context.Context, unknown bool) ([]Key, error) {
	if v.Fetch == nil {
		return v.Keys, nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	good := lasting
	switch {
	case v.failed != nil:
		good = failing
	case unknown:
		good = renewed
	}
	if v.asked.IsZero() || now.Sub(v.asked) >= good {
		v.asked = now
		v.fetched, v.failed = v.Fetch(ctx)
	}
	return v.fetched, v.failed
}

func (v *Verifier) now() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

// Verify returns the key that signed a message, if one of the keys did and the
// message is recent. It reads nothing of the body but its bytes. Its errors are
// of type *[Error], but for what Fetch fails with.
func (v *Verifier) Verify(ctx context.Context, header http.Header, body []byte) (Key, error) {
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
	// Whole seconds, compared as such: a Duration of a foreign number might
	// overflow.
	switch off := v.now().Unix() - seconds; {
	case seconds < 0 || off > int64(Tolerance/time.Second):
		return Key{}, &Error{Header: TimestampHeader, Found: "a time too long ago", Expected: "one within five minutes"}
	case off < -int64(Tolerance/time.Second):
		return Key{}, &Error{Header: TimestampHeader, Found: "a time too far ahead", Expected: "one within five minutes"}
	}
	for _, unknown := range []bool{false, true} {
		keys, err := v.keys(ctx, unknown)
		if err != nil {
			return Key{}, err
		}
		if key, ok := signer(keys, id, timestamp, signatures, body); ok {
			return key, nil
		}
		if v.Fetch == nil {
			break
		}
	}
	return Key{}, &Error{Header: SignatureHeader, Found: "no signature that one of the keys made", Expected: "v1, and the Base64 of the HMAC-SHA256 of id.timestamp.body"}
}

// mostSignatures bounds the work that a stranger can ask for. A sender signs
// with as many keys as it has in use, which are few.
const mostSignatures = 16

// signer is the first of the keys that made one of the signatures. It compares
// every signature with every key's, so that the time it takes does not tell
// which of them came close.
func signer(keys []Key, id, timestamp, signatures string, body []byte) (signer Key, good bool) {
	given := strings.Fields(signatures)
	if len(given) > mostSignatures {
		return Key{}, false
	}
	for _, k := range keys {
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
