package cloudsim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The signing algorithm and date form of Huawei's "API Request Signing Guide".
const (
	algorithm = "SDK-HMAC-SHA256"
	signDate  = "20060102T150405Z"
)

// signature is an Authorization header taken apart.
type signature struct {
	access  string
	signed  []string
	claimed string
}

func readSignature(header string) (s signature, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return s, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Access":
			s.access = value
		case "SignedHeaders":
			s.signed = strings.Split(value, ";")
		case "Signature":
			s.claimed = value
		default:
			return s, false
		}
	}
	return s, s.access != "" && s.claimed != "" && slices.IsSorted(s.signed)
}

// covers tells whether a header is among the signed ones.
func (s *signature) covers(name string) bool { return slices.Contains(s.signed, name) }

// sign computes what the signature should be. The key is the secret itself;
// nothing is derived from it.
func (s *signature) sign(q *request, secret string) string {
	canonical := sha256.Sum256(s.canonical(q))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(algorithm + "\n" + q.header.Get("X-Sdk-Date") + "\n" + hex.EncodeToString(canonical[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

func (s *signature) canonical(q *request) []byte {
	body := sha256.Sum256(q.body)
	text := make([]byte, 0, 512)
	text = append(text, q.method+"\n"+canonicalPath(q.path)+"\n"+canonicalQuery(q.rawQuery)+"\n"...)
	for _, name := range s.signed {
		value := q.header.Get(name)
		if name == "host" {
			value = q.host
		}
		text = append(text, name+":"+strings.TrimSpace(value)+"\n"...)
	}
	text = append(text, "\n"+strings.Join(s.signed, ";")+"\n"...)
	return hex.AppendEncode(text, body[:])
}

// canonicalPath ends with a slash, always.
func canonicalPath(escaped string) string {
	segments := strings.Split(escaped, "/")
	for i := range segments {
		segments[i] = escape(unescaped(segments[i]))
	}
	return strings.TrimSuffix(strings.Join(segments, "/"), "/") + "/"
}

func canonicalQuery(raw string) string {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return raw
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		slices.Sort(values[name])
		for _, value := range values[name] {
			pairs = append(pairs, escape(name)+"="+escape(value))
		}
	}
	return strings.Join(pairs, "&")
}

// escape percent-encodes all but RFC 3986's unreserved characters.
func escape(s string) string {
	plain := true
	for i := range len(s) {
		plain = plain && unreserved(s[i])
	}
	if plain {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if unreserved(s[i]) {
			b.WriteByte(s[i])
			continue
		}
		b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{s[i]})))
	}
	return b.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '_' || c == '.' || c == '~'
}

// An access key is locked for five minutes once five requests in a row were
// refused on its account; a request is too old, or too new, by fifteen.
const (
	strikes    = 5
	lockTime   = 5 * time.Minute
	clockSkew  = 15 * time.Minute
	notAllowed = "Incorrect IAM authentication information: "
)

// checkSignature returns the reason of a refusal, or "".
func (a *accounts) checkSignature(q *request, now time.Time) string {
	s, ok := readSignature(q.header.Get("Authorization"))
	if !ok {
		return "the Authorization header is malformed"
	}
	key := a.keys[s.access]
	switch {
	case key == nil:
		return "the access key does not exist"
	case now.Before(key.lockedUntil):
		return "the access key has failed too often and is locked"
	}
	if reason := key.check(q, &s, now); reason != "" {
		key.strike(now)
		return reason
	}
	key.failures = 0
	return ""
}

func (k *accessKey) check(q *request, s *signature, now time.Time) string {
	at, err := time.Parse(signDate, q.header.Get("X-Sdk-Date"))
	switch {
	case err != nil:
		return "X-Sdk-Date is missing or malformed"
	case !s.covers("x-sdk-date"): // the Go and Python SDKs sign no host
		return "x-sdk-date must be signed"
	case now.Sub(at).Abs() > clockSkew:
		return "x-sdk-date expired"
	case q.header.Get("X-Security-Token") != k.SecurityToken:
		return "the security token is wrong"
	case k.SecurityToken != "" && !s.covers("x-security-token"):
		return "x-security-token must be signed"
	case !hmac.Equal([]byte(s.sign(q, k.SecretKey)), []byte(s.claimed)):
		return "verify aksk signature fail"
	}
	return ""
}

func (k *accessKey) strike(now time.Time) {
	if now.Sub(k.lastFailure) > lockTime {
		k.failures = 0
	}
	k.lastFailure = now
	if k.failures++; k.failures >= strikes {
		k.failures, k.lockedUntil = 0, now.Add(lockTime)
	}
}

// authenticate checks who is asking, and whether for a project of theirs.
func (c *Cloud) authenticate(q *request, now time.Time) (refusal reply, ok bool) {
	if q.op.Service == iam {
		return reply{}, true
	}
	token := q.header.Get("X-Auth-Token")
	switch {
	case q.header.Get("Authorization") != "":
		if reason := c.accounts.checkSignature(q, now); reason != "" {
			return q.gateway(http.StatusUnauthorized, "APIG.0301", notAllowed+reason), false
		}
	case token == "":
		return q.gateway(http.StatusUnauthorized, "APIG.0301", notAllowed+"neither a signature nor a token is given"), false
	default:
		t := c.accounts.tokens[token]
		switch {
		case t == nil:
			return q.gateway(http.StatusUnauthorized, "APIG.0301", notAllowed+"the token is wrong"), false
		case t.revoked || !t.expires.IsZero() && !now.Before(t.expires):
			return q.gateway(http.StatusUnauthorized, "APIG.0307", "The token must be updated."), false
		case t.project != "" && t.project != q.target.ProjectID:
			return q.otherProject(), false
		}
	}
	if header := q.header.Get("X-Project-Id"); header != "" && header != q.target.ProjectID {
		return q.otherProject(), false
	}
	return reply{}, true
}

func (q *request) otherProject() reply {
	if q.op.Service == DBSS {
		return q.gateway(http.StatusForbidden, "APIG.0306", "API access denied: not of this project.")
	}
	return q.refused(http.StatusForbidden, "DBS.200010", "No permission: the credentials are of another project.")
}
