package cloudapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSwitchMultiTenancy(t *testing.T) {
	for body, enabled := range map[string]bool{`{"multi_tenant_switch":true}`: true, `{"multi_tenant_switch":false}`: false} {
		c := steps(t, step{
			method: "PUT", uri: "/v3/" + project + "/instances/" + instance + "/multi-tenant",
			body: body, answer: `{"job_id":"` + job + `"}`,
		})
		id, err := c.SwitchMultiTenancy(t.Context(), theInstance, enabled)
		require.NoError(t, err)
		require.Equal(t, job, id)
	}
}

func TestMultiTenancy(t *testing.T) {
	for answer, want := range map[string]bool{`{"multi_tenant_switch":"true"}`: true, `{"multi_tenant_switch":0}`: false} {
		c := steps(t, step{method: "GET", uri: "/v3/" + project + "/instances/" + instance + "/multi-tenant", answer: answer})
		on, err := c.MultiTenancy(t.Context(), theInstance)
		require.NoError(t, err)
		require.Equal(t, want, on)
	}
}
