package cloudsim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions/simulations"
	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

// good is written from the pages, apart from the code: the requests that may
// take effect.
var good = map[string]func(body map[string]any) bool{
	`PUT /v3/[0-9A-Za-z]{32}/instances/[0-9A-Za-z]{32}in07/proxy/[0-9A-Za-z]{32}po01/alt`: func(b map[string]any) bool {
		first, second := b["alt_enabled"], b["alt_for_readonly"]
		return (first == "on" || first == "off") && (len(b) == 1 || len(b) == 2 && (second == "on" || second == "off"))
	},
	`PUT /v3/[0-9A-Za-z]{32}/instances/[0-9A-Za-z]{32}in07/proxy/[0-9A-Za-z]{32}po01/ssl`:                    oneBool("ssl_option"),
	`POST /v3/[0-9A-Za-z]{32}/instances/[0-9A-Za-z]{32}in07/proxy/[0-9A-Za-z]{32}po01/access-control-switch`: oneBool("open_access_control"),
	`PUT /v3/[0-9A-Za-z]{32}/instances/[0-9A-Za-z]{32}in07/multi-tenant`:                                     oneBool("multi_tenant_switch"),
	`POST /v3/[0-9A-Za-z]{32,64}/audit/[0-9A-Za-z-]{32,64}/databases/switch`: func(b map[string]any) bool {
		id, isText := b["id"].(string)
		_, isNumber := b["lts_audit_switch"].(float64)
		return isText && id != "" && (b["status"] == "ON" || b["status"] == "OFF") && (len(b) == 2 || len(b) == 3 && isNumber)
	},
}

func oneBool(name string) func(map[string]any) bool {
	return func(b map[string]any) bool {
		_, ok := b[name].(bool)
		return ok && len(b) == 1
	}
}

// FuzzRequest: no request makes it panic, only a good one takes effect, and a
// good one does.
func FuzzRequest(f *testing.F) {
	patterns := map[*regexp.Regexp]func(map[string]any) bool{}
	for pattern, fits := range good {
		patterns[regexp.MustCompile("^"+pattern+"$")] = fits
	}
	for _, s := range switches {
		f.Add(s.method, s.path, "", s.on)
		f.Add(s.method, s.path, "a=b", s.off)
		f.Add("GET", s.path, "", "")
	}
	f.Add("GET", jobsPath, "offset=2&limit=50&start_time=2026-11-22T09:00:00%2B0000", "")
	f.Add("GET", auditedPath, "offset=1&limit=1&status=ON", "")
	f.Add("POST", tokenPath, "nocatalog=true", tokenBody)
	f.Add("PUT", altPath, "", `{"alt_enabled":true}`)
	f.Add("PUT", strings.Replace(altPath, pool, "%2e%2e", 1), "", `{"alt_enabled":"on"}`)
	f.Add("PUT", "//v3/\x00/%zz", "%", strings.Repeat("[", 99))

	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		c := New(Options{Simulations: simulations.All()})
		u := &url.URL{Scheme: "http", Host: "cloud.example", Path: path, RawQuery: query}
		response, err := c.RoundTripper().RoundTrip(&http.Request{Method: method, URL: u, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Auth-Token": {DefaultToken}}})
		require.NoError(t, err)
		require.Contains(t, []int{200, 201, 400, 401, 404, 413}, response.StatusCode)
		require.Len(t, c.Calls(), 1)

		var fits bool
		var members map[string]any
		if json.Unmarshal([]byte(body), &members) == nil && query == "" {
			for pattern, shape := range patterns {
				fits = fits || pattern.MatchString(method+" "+u.EscapedPath()) && shape(members)
			}
		}
		effects := len(c.Effects())
		require.LessOrEqual(t, effects, 1)
		require.True(t, effects == 0 || fits, "took effect: %q %q %q %q", method, path, query, body)
		// encoding/json is kinder than the cloud, so what fits may still be refused.
		require.Equal(t, effects == 1, response.StatusCode == 200 && method != "GET")
	})
}
