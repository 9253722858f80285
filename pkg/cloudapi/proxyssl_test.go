package cloudapi

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSwitchProxySSL(t *testing.T) {
	for body, enabled := range map[string]bool{`{"ssl_option":true}`: true, `{"ssl_option":false}`: false} {
		c := steps(t, step{
			method: "PUT", uri: "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/ssl",
			body: body, answer: `{"job_id":"` + job + `"}`,
		})
		id, err := c.SwitchProxySSL(t.Context(), theProxy, enabled)
		require.NoError(t, err)
		require.Equal(t, job, id)
	}
}

func TestProxySSL(t *testing.T) {
	list := func(value string) string {
		return `{"proxy_list":[{"proxy":{"pool_id":"other","ssl_option":true}},{"proxy":{"pool_id":"` + proxy + `"` + value + `}}]}`
	}
	for _, tt := range []struct {
		answer string
		want   bool
		fails  string
	}{
		{answer: list(`,"ssl_option":true`), want: true},
		{answer: list(`,"ssl_option":"ON"`), want: true},
		{answer: list(`,"ssl_option":"true"`), want: true},
		{answer: list(`,"ssl_option":1`), want: true},
		{answer: list(`,"ssl_option":false`)},
		{answer: list(`,"ssl_option":"off"`)},
		{answer: list(`,"ssl_option":"0"`)},
		{answer: list(``), fails: "ssl_option is missing"},
		{answer: list(`,"ssl_option":null`), fails: "ssl_option is missing"},
		{answer: list(`,"ssl_option":"maybe"`), fails: "expected on or off"},
		{answer: list(`,"ssl_option":{}`), fails: "ssl_option is missing"},
		{answer: `{}`, fails: "proxy_list is missing"},
		{answer: `[]`, fails: "answer: "},
		{answer: ``, fails: "answer: "},
	} {
		c := steps(t, step{method: "GET", uri: proxies + "&offset=0", answer: tt.answer})
		on, err := c.ProxySSL(t.Context(), theProxy)
		if tt.fails == "" {
			require.NoError(t, err, tt.answer)
		} else {
			require.ErrorContains(t, err, tt.fails, tt.answer)
			require.Equal(t, NoEffect, asError(t, err).Effect, tt.answer)
		}
		require.Equal(t, tt.want, on, tt.answer)
	}
}

func TestProxySSLOfNoSuchProxy(t *testing.T) {
	c := steps(t, step{method: "GET", uri: proxies + "&offset=0", answer: `{"proxy_list":[]}`})
	_, err := c.ProxySSL(t.Context(), theProxy)
	require.True(t, asError(t, err).NotFound())
}

const proxies = "/v3/" + project + "/instances/" + instance + "/proxies?limit=100"

// The proxy may be on a later page. The last is one that is not full, or that
// brings nothing new.
func TestProxySSLOnALaterPage(t *testing.T) {
	page := func(from, to int, also string) string {
		var all []string
		for i := range to - from {
			all = append(all, fmt.Sprintf(`{"proxy":{"pool_id":"p%d","ssl_option":false}}`, from+i))
		}
		return `{"proxy_list":[` + strings.Join(append(all, also), ",") + `]}`
	}
	last := step{method: "GET", uri: proxies + "&offset=0", answer: page(0, 99, `{"proxy":{"pool_id":"p99"}}`)}
	ours := `{"proxy":{"pool_id":"` + proxy + `","ssl_option":true}}`
	on, err := steps(t, last, step{method: "GET", uri: proxies + "&offset=100", answer: page(100, 120, ours)}).ProxySSL(t.Context(), theProxy)
	require.NoError(t, err)
	require.True(t, on)
	for _, second := range []string{`{"proxy_list":[]}`, page(100, 120, `{"proxy":{}}`), last.answer} {
		_, err = steps(t, last, step{method: "GET", uri: proxies + "&offset=100", answer: second}).ProxySSL(t.Context(), theProxy)
		require.True(t, asError(t, err).NotFound(), second)
	}
}

// An id is believed only that is one: everything that is known of the job later
// hangs on it.
func TestAJobIDIsChecked(t *testing.T) {
	uri := "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/ssl"
	for _, id := range []string{`12345`, `true`, `{}`, `["` + job + `"]`, `null`, `""`, `" "`, `"a/b"`, `"a b"`, `"jöb"`, `"` + strings.Repeat("a", 65) + `"`} {
		c := steps(t, step{method: "PUT", uri: uri, body: `{"ssl_option":true}`, answer: `{"job_id":` + id + `}`})
		got, err := c.SwitchProxySSL(t.Context(), theProxy, true)
		require.ErrorContains(t, err, "job_id", id)
		require.Equal(t, Had, asError(t, err).Effect, "the cloud took the call")
		require.Empty(t, got)
	}
}
