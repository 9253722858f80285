package cloudapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSwitchProxyALT(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		name        string
		enabled     bool
		forReadonly *bool
		body        string
	}{
		{"on", true, nil, `{"alt_enabled":"on"}`},
		{"off", false, nil, `{"alt_enabled":"off"}`},
		{"on, replicas too", true, &yes, `{"alt_enabled":"on","alt_for_readonly":"on"}`},
		{"on, replicas not", true, &no, `{"alt_enabled":"on","alt_for_readonly":"off"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{
				method: "PUT", uri: "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/alt",
				body:   tt.body,
				header: http.Header{"X-Auth-Token": {"a-token"}, "X-Language": {"en-us"}, "User-Agent": {"interlock-cloudapi"}},
				answer: `{"job_id":"` + job + `"}`,
			})
			id, err := c.SwitchProxyALT(t.Context(), theProxy, tt.enabled, tt.forReadonly)
			require.NoError(t, err)
			require.Equal(t, job, id)
		})
	}
}

func TestLanguageAndUserAgent(t *testing.T) {
	c := steps(t, step{
		method: "PUT", uri: "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/alt",
		body: `{"alt_enabled":"on"}`, header: http.Header{"X-Language": {"zh-cn"}, "User-Agent": {"me/1"}},
		answer: `{"job_id":"` + job + `"}`,
	})
	c.Language, c.UserAgent = "zh-cn", "me/1"
	_, err := c.SwitchProxyALT(t.Context(), theProxy, true, nil)
	require.NoError(t, err)
}
