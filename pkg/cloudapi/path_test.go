package cloudapi

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever an ID holds, it stays one element of the path.
func TestPathElementsAreEscaped(t *testing.T) {
	for id, escaped := range map[string]string{
		"../../v3/x": "..%2F..%2Fv3%2Fx",
		"a?b=c#d":    "a%3Fb%3Dc%23d",
		"a b+c%2F":   "a%20b%2Bc%252F",
		"é;:@&=$,":   "%C3%A9%3B%3A%40%26%3D%24%2C",
		"...":        "...",
		"~-_.":       "~-_.",
	} {
		c := steps(t, step{
			method: "PUT", uri: "/v3/p/instances/" + escaped + "/multi-tenant", body: `{"multi_tenant_switch":true}`,
			answer: `{"job_id":"a"}`,
			handle: func(w http.ResponseWriter, r *http.Request) {
				if !signedBy(r, "the-access-key", "the-secret-key", `{"multi_tenant_switch":true}`) {
					t.Errorf("%q: the signature is of another request", id)
				}
				_, _ = w.Write([]byte(`{"job_id":"a"}`))
			},
		})
		c.Auth = &AKSK{AccessKey: "the-access-key", SecretKey: "the-secret-key"}
		_, err := c.SwitchMultiTenancy(t.Context(), Instance{ProjectID: "p", InstanceID: id}, true)
		require.NoError(t, err)
	}
}

func TestPathElementsThatClimb(t *testing.T) {
	c := steps(t)
	for _, id := range []string{"", ".", ".."} {
		_, err := c.SwitchProxySSL(t.Context(), Proxy{ProjectID: id, InstanceID: "i", ProxyID: id}, true)
		require.ErrorContains(t, err, "project_id: found")
		require.ErrorContains(t, err, "proxy_id: found")
		require.NotContains(t, err.Error(), "instance_id")
		require.False(t, asError(t, err).MayHaveEffect())

		_, err = c.ProxySSL(t.Context(), Proxy{ProjectID: "p", InstanceID: "i", ProxyID: id})
		require.ErrorContains(t, err, "proxy_id: found")
		_, err = c.ShowJob(t.Context(), "p", id)
		require.ErrorContains(t, err, "job_id: found")
		_, err = c.AuditDatabase(t.Context(), AuditDatabase{ProjectID: "p", InstanceID: "i", DatabaseID: id})
		require.ErrorContains(t, err, "database_id: found")
		err = c.SwitchAuditDatabase(t.Context(), AuditDatabase{ProjectID: "p", InstanceID: "i", DatabaseID: id}, true, nil)
		require.ErrorContains(t, err, "database_id: found")
	}
}

func TestBaseURLWithPath(t *testing.T) {
	c := steps(t, step{method: "GET", uri: "/cloud/v3/p/instances/i/multi-tenant", answer: `{"multi_tenant_switch":true}`})
	c.GaussDB += "/cloud/"
	_, err := c.MultiTenancy(t.Context(), Instance{ProjectID: "p", InstanceID: "i"})
	require.NoError(t, err)
}
