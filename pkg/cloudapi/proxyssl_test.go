package cloudapi

import (
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
		c := steps(t, step{method: "GET", uri: "/v3/" + project + "/instances/" + instance + "/proxies", answer: tt.answer})
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
	c := steps(t, step{method: "GET", uri: "/v3/" + project + "/instances/" + instance + "/proxies", answer: `{"proxy_list":[]}`})
	_, err := c.ProxySSL(t.Context(), theProxy)
	require.True(t, asError(t, err).NotFound())
}
