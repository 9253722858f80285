package cloudsim

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sign signs for the tests that stand outside of the package, because the
// switches' simulations import it.
func Sign(r *http.Request, body, secret string, names ...string) string {
	q := &request{method: r.Method, path: r.URL.EscapedPath(), rawQuery: r.URL.RawQuery, host: r.URL.Host, header: r.Header, body: []byte(body)}
	return (&signature{signed: names}).sign(q, secret)
}

// The vector that the official SDK for Go is tested with.
func TestPublishedVector(t *testing.T) {
	q := &request{method: "GET", path: "/path", rawQuery: "limit=1", host: "example.huaweicloud.com",
		header: http.Header{"X-Sdk-Date": {signDate}}}
	s := &signature{access: "AccessKey", signed: []string{"x-sdk-date"}}
	require.Equal(t, "5a2ce64c865e0e6046321c6f3d5a77ba8413eeaf355c3166c03d58d02ac79624", s.sign(q, "SecretKey"))
}

func TestCanonicalForm(t *testing.T) {
	for escaped, want := range map[string]string{
		"": "/", "/": "/", "/a": "/a/", "/a/": "/a/", "/a%20b": "/a%20b/", "/a+b": "/a%2Bb/", "/a%2fb/c~": "/a%2Fb/c~/",
	} {
		require.Equal(t, want, canonicalPath(escaped), escaped)
	}
	for raw, want := range map[string]string{
		"": "", "b=2&a=1": "a=1&b=2", "a=2&a=1": "a=1&a=2", "a": "a=", "t=2026-11-22T09:00:00%2B0800": "t=2026-11-22T09%3A00%3A00%2B0800", "a=x+y": "a=x%20y",
	} {
		require.Equal(t, want, canonicalQuery(raw), raw)
	}
}

func TestIdentifiersAreUUIDsAndDiffer(t *testing.T) {
	c, seen := New(Options{}), map[string]bool{}
	for kind := range 3 {
		for range 10000 {
			id := c.nextID(kind)
			require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$`, id)
			require.False(t, seen[id])
			seen[id] = true
		}
	}
}
