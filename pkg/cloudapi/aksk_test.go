package cloudapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The vector published with the official SDKs.
func TestSignPublishedVector(t *testing.T) {
	req := httptest.NewRequest(http.MethodGet, "https://example.huaweicloud.com/path?limit=1", nil)
	req.Header.Set("X-Sdk-Date", "20060102T150405Z")
	key := &AKSK{AccessKey: "AccessKey", SecretKey: "SecretKey"}
	key.sign(req, []string{"x-sdk-date"}, nil)
	require.Equal(t, "SDK-HMAC-SHA256 Access=AccessKey, SignedHeaders=x-sdk-date, "+
		"Signature=5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624", req.Header.Get("Authorization"))
}

func TestCanonicalRequest(t *testing.T) {
	const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for _, tt := range []struct{ name, method, url, body, want string }{
		{"no path", "GET", "https://h", "", "GET\n/\n\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"trailing slash is added", "GET", "https://h/a", "", "GET\n/a/\n\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"trailing slash is kept", "GET", "https://h/a/", "", "GET\n/a/\n\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"port", "GET", "https://h:8443/a", "", "GET\n/a/\n\nhost:h:8443\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"escaped path", "GET", "https://h/a%2Fb%20c", "", "GET\n/a%2Fb%20c/\n\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"sorted query", "GET", "https://h/?b=2&a=3&b=1&a-=&c", "",
			"GET\n/\na=3&a-=&b=1&b=2&c=\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"escaped query", "GET", "https://h/?t=2026-11-22T09:00:00%2B0000&s=a+b&u=%7E*%2F", "",
			"GET\n/\ns=a%20b&t=2026-11-22T09%3A00%3A00%2B0000&u=~%2A%2F\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n" + emptyHash},
		{"body", "PUT", "https://h/a", "{}",
			"PUT\n/a/\n\nhost:h\nx-sdk-date:D\n\nhost;x-sdk-date\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, tt.url, nil)
			require.NoError(t, err)
			req.Header.Set("X-Sdk-Date", "D")
			require.Equal(t, tt.want, canonicalRequest(req, []string{"host", "x-sdk-date"}, []byte(tt.body)))
		})
	}
}

// signedBy verifies a signature as the gateway does, written apart from the
// signer: from what came over the wire, by the list of headers it names.
func signedBy(r *http.Request, access, secret, body string) bool {
	var names, signature string
	for part := range strings.SplitSeq(strings.TrimPrefix(r.Header.Get("Authorization"), "SDK-HMAC-SHA256 "), ", ") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "Access":
			if value != access {
				return false
			}
		case "SignedHeaders":
			names = value
		case "Signature":
			signature = value
		}
	}
	path, query, _ := strings.Cut(r.RequestURI, "?")
	parts := strings.Split(query, "&")
	sort.Strings(parts)
	lines := []string{r.Method, strings.TrimSuffix(path, "/") + "/", strings.Join(parts, "&")}
	for name := range strings.SplitSeq(names, ";") {
		value := r.Header.Get(name)
		if name == "host" {
			value = r.Host
		}
		lines = append(lines, name+":"+value)
	}
	lines = append(lines, "", names, fmt.Sprintf("%x", sha256.Sum256([]byte(body))))
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "SDK-HMAC-SHA256\n%s\n%x", r.Header.Get("X-Sdk-Date"), sha256.Sum256([]byte(strings.Join(lines, "\n"))))
	return signature == hex.EncodeToString(mac.Sum(nil)) && strings.HasPrefix(names, "host;x-project-id;x-sdk-date")
}

func TestAKSKSigns(t *testing.T) {
	for _, securityToken := range []Secret{"", "a-security-token"} {
		verify := func(body, answer string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) {
				if !signedBy(r, "the-access-key", "the-secret-key", body) {
					t.Errorf("signature of %s %s", r.Method, r.RequestURI)
				}
				_, signed, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
				if strings.Contains(signed, ";x-security-token") != (securityToken != "") {
					t.Errorf("signed headers: %s", signed)
				}
				_, _ = w.Write([]byte(answer))
			}
		}
		header := http.Header{
			"X-Project-Id": {project}, "X-Sdk-Date": {"20261122T090000Z"}, "X-Security-Token": {string(securityToken)}, "X-Auth-Token": {""},
		}
		const list = "/immediate-jobs?limit=50&offset=1&start_time=2026-11-22T09%3A00%3A00%2B0000"
		c := steps(t,
			step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, header: header, handle: verify(`{"alt_enabled":"on"}`, `{"job_id":"a"}`)},
			step{method: "GET", uri: "/v3/" + project + list, header: header, handle: verify("", `{"jobs":[],"total_count":0}`)})
		c.Auth = &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key", SecurityToken: securityToken}
		require.NoError(t, flip(t.Context(), c))
		_, err := c.ListImmediateJobs(t.Context(), project, JobQuery{Start: c.Now()})
		require.NoError(t, err)
	}
}

// Two refusals within five minutes stop the calls for the rest of them.
func TestAKSKPauses(t *testing.T) {
	start := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	now := start
	refused := step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: 401, answer: `{"error_code":"APIGW.0301"}`}
	accepted := step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, answer: `{"job_id":"a"}`}
	c := steps(t, refused, refused, refused, accepted)
	c.Auth = &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key"}
	c.Now = func() time.Time { return now }
	call := func(after time.Duration) *Error {
		now = start.Add(after)
		return asError(t, flip(t.Context(), c))
	}
	paused := func(e *Error, rest time.Duration) {
		t.Helper()
		require.Zero(t, e.Status)
		require.True(t, e.Denied())
		require.Equal(t, NoEffect, e.Effect)
		require.Equal(t, rest, e.RetryAfter)
		require.Equal(t, "SwitchGaussMySqlProxyAlt", e.Operation)
	}
	require.Equal(t, 401, call(0).Status)
	require.Equal(t, 401, call(2*time.Minute).Status)
	paused(call(2*time.Minute), 3*time.Minute)
	paused(call(5*time.Minute-time.Second), time.Second)
	require.Equal(t, 401, call(5*time.Minute).Status) // the third, and within five minutes of the second
	paused(call(6*time.Minute), time.Minute)
	now = start.Add(7 * time.Minute)
	require.NoError(t, flip(t.Context(), c))
}

// Refusals far apart, and errors of other kinds, stop nothing.
func TestAKSKDoesNotPause(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var expected []step
	for _, status := range []int{401, 403, 500, 429, 400, 401, 401} {
		expected = append(expected, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: status})
	}
	c := steps(t, expected...)
	c.Auth = &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key"}
	c.Now = func() time.Time { now = now.Add(3 * time.Minute); return now }
	for _, s := range expected[:6] {
		require.Equal(t, s.status, asError(t, flip(t.Context(), c)).Status)
	}
	now = now.Add(2 * time.Minute)
	require.Equal(t, 401, asError(t, flip(t.Context(), c)).Status)
}

func TestAKSKIncomplete(t *testing.T) {
	for _, key := range []*AKSK{{}, {AccessKey: "the-access-key"}, {SecretKey: "the-secret-key"}} {
		c := steps(t)
		c.Auth = key
		require.ErrorContains(t, flip(t.Context(), c), "is empty")
	}
}

func TestCanonicalQueryIsAQuery(t *testing.T) {
	query := url.Values{"b": {"2", "1"}, "a": {"+ /~*"}}
	again, err := url.ParseQuery(canonicalQuery(query))
	require.NoError(t, err)
	require.Equal(t, url.Values{"b": {"1", "2"}, "a": {"+ /~*"}}, again)
}
