package webhook

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The vector that the scheme's reference libraries test themselves with.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	timestamp = 1614265330
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

const another = "whsec_YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlcg=="

func key(t testing.TB, secret string) Key {
	k, err := ParseKey(secret)
	require.NoError(t, err)
	return k
}

func verifier(t testing.TB, secrets ...string) *Verifier {
	keys, err := ParseKeys(secrets)
	require.NoError(t, err)
	return &Verifier{Keys: keys, Now: func() time.Time { return time.Unix(timestamp, 0) }}
}

func headers() http.Header {
	return http.Header{
		"Webhook-Id":        {id},
		"Webhook-Timestamp": {strconv.Itoa(timestamp)},
		"Webhook-Signature": {signature},
	}
}

func TestPublishedVector(t *testing.T) {
	_, err := verifier(t, secret).Verify(t.Context(), headers(), []byte(body))
	require.NoError(t, err)
	h := http.Header{}
	key(t, secret).Sign(h, id, time.Unix(timestamp, 999), []byte(body))
	require.Equal(t, headers(), h)
}

func TestVerify(t *testing.T) {
	sign := func(k string, at int64) http.Header {
		h := http.Header{}
		key(t, k).Sign(h, id, time.Unix(at, 0), []byte(body))
		return h
	}
	with := func(h http.Header, name string, values ...string) http.Header {
		h[name] = values
		return h
	}
	without := func(name string) http.Header {
		h := headers()
		delete(h, name)
		return h
	}
	for name, test := range map[string]struct {
		header http.Header
		body   string
		wrong  string // header; "" is good
	}{
		"as published":              {headers(), body, ""},
		"names as Lambda has them":  {http.Header{"webhook-id": {id}, "webhook-timestamp": {"1614265330"}, "webhook-signature": {signature}}, body, ""},
		"the key that is to come":   {sign(another, timestamp), body, ""},
		"several signatures":        {with(headers(), "Webhook-Signature", "v1,AAAA v1a,"+signature[3:]+" "+signature), body, ""},
		"five minutes old":          {sign(secret, timestamp-300), body, ""},
		"five minutes ahead":        {sign(secret, timestamp+300), body, ""},
		"older":                     {sign(secret, timestamp-301), body, TimestampHeader},
		"further ahead":             {sign(secret, timestamp+301), body, TimestampHeader},
		"the dawn of time":          {sign(secret, -1<<62), body, TimestampHeader},
		"the end of it":             {sign(secret, 1<<62), body, TimestampHeader},
		"another body":              {headers(), body + " ", SignatureHeader},
		"another id":                {with(headers(), "Webhook-Id", id+"x"), body, SignatureHeader},
		"another time":              {with(headers(), "Webhook-Timestamp", "1614265331"), body, SignatureHeader},
		"a time with a sign":        {with(headers(), "Webhook-Timestamp", "+1614265330"), body, TimestampHeader},
		"a time with zeros":         {with(headers(), "Webhook-Timestamp", "01614265330"), body, TimestampHeader},
		"a date":                    {with(headers(), "Webhook-Timestamp", "2021-02-25T15:02:10Z"), body, TimestampHeader},
		"a key that nobody has":     {sign("whsec_bm9ib2R5LWhhcy10aGlzLWtleS1ub2JvZHktaGFz", timestamp), body, SignatureHeader},
		"an asymmetric signature":   {with(headers(), "Webhook-Signature", "v1a,"+signature[3:]), body, SignatureHeader},
		"no version":                {with(headers(), "Webhook-Signature", signature[3:]), body, SignatureHeader},
		"half a signature":          {with(headers(), "Webhook-Signature", signature[:20]), body, SignatureHeader},
		"an empty signature":        {with(headers(), "Webhook-Signature", "v1,"), body, SignatureHeader},
		"too many signatures":       {with(headers(), "Webhook-Signature", strings.Repeat("v1,AAAA ", 16)+signature), body, SignatureHeader},
		"no id":                     {without("Webhook-Id"), body, IDHeader},
		"an empty id":               {with(headers(), "Webhook-Id", ""), body, IDHeader},
		"no time":                   {without("Webhook-Timestamp"), body, TimestampHeader},
		"no signature":              {without("Webhook-Signature"), body, SignatureHeader},
		"two ids":                   {with(headers(), "Webhook-Id", id, id), body, IDHeader},
		"two ids in different case": {with(headers(), "webhook-id", id), body, IDHeader},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := verifier(t, secret, another).Verify(t.Context(), test.header, []byte(test.body))
			if test.wrong == "" {
				require.NoError(t, err)
				return
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.wrong, e.Header)
			require.NotContains(t, err.Error(), "whsec_")
			require.NotContains(t, err.Error(), "g0hM")
		})
	}
}

// TestNoKeys: a verifier that was given no keys trusts nobody.
func TestNoKeys(t *testing.T) {
	_, err := verifier(t).Verify(t.Context(), headers(), []byte(body))
	require.Error(t, err)
}

// TestFetch: keys that are kept elsewhere are got when a message needs them, are
// asked for again when they have grown old or did not sign one, and not each time
// that a stranger writes.
func TestFetch(t *testing.T) {
	var kept []string
	away, asked, at := errors.New("away"), 0, time.Unix(timestamp, 0)
	v := &Verifier{Now: func() time.Time { return at }, Fetch: func(context.Context) ([]Key, error) {
		asked++
		if kept == nil {
			return nil, away
		}
		return ParseKeys(kept)
	}}
	verify := func(secret string) error {
		h := http.Header{}
		key(t, secret).Sign(h, id, at, []byte(body))
		_, err := v.Verify(t.Context(), h, []byte(body))
		return err
	}
	after := func(d time.Duration, wants int) {
		t.Helper()
		require.Equal(t, wants, asked)
		at = at.Add(d)
	}
	var wrong *Error
	_, err := v.Verify(t.Context(), http.Header{}, []byte(body))
	require.ErrorAs(t, err, &wrong)
	after(0, 0)
	require.ErrorIs(t, verify(secret), away)
	after(failing-time.Second, 1)
	kept = []string{secret}
	require.ErrorIs(t, verify(secret), away, "asked at each message")
	after(time.Second, 1)
	require.NoError(t, verify(secret))
	require.NoError(t, verify(secret))
	after(renewed-time.Second, 2)
	kept = []string{secret, another}
	require.ErrorAs(t, verify(another), &wrong)
	after(time.Second, 2)
	require.NoError(t, verify(another), "added")
	after(lasting-time.Second, 3)
	kept = []string{another}
	require.NoError(t, verify(secret))
	after(time.Second, 3)
	require.ErrorAs(t, verify(secret), &wrong, "taken away")
	require.NoError(t, verify(another))
	after(lasting, 4)
	kept = nil
	require.ErrorIs(t, verify(another), away, "what is old is not good for ever")
}

// FuzzVerify: nothing that a stranger writes is taken, and nothing panics.
func FuzzVerify(f *testing.F) {
	f.Add(id, "1614265330", signature, []byte(body))
	f.Add("", "", "", []byte(nil))
	f.Add(id, "1614265330", "v1, v1,== v2,x ,", []byte(body))
	f.Add(id, "-9223372036854775808", signature, []byte(body))
	v := verifier(f, secret, another)
	f.Fuzz(func(t *testing.T, i, at, sig string, b []byte) {
		_, err := v.Verify(t.Context(), http.Header{"Webhook-Id": {i}, "Webhook-Timestamp": {at}, "Webhook-Signature": {sig}}, b)
		if err == nil {
			// Only the published message is signed, and may come in this form.
			require.Equal(t, []string{id, "1614265330", body}, []string{i, at, string(b)})
			return
		}
		var e *Error
		require.ErrorAs(t, err, &e)
	})
}
