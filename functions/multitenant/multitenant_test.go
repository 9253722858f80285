package multitenant_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Multi-tenancy".
//
// The switch is the instance's: a proxy_id has no place in it.
func TestRequest(t *testing.T) {
	const path = "/v3/056538411200d4cd2f79c003c7606412/instances/cb2f0d6a5e4b4a0f8f3d0c1b2a394857in07/multi-tenant"
	localtest.Flips(t, "multitenant", "PUT", path, true,
		localtest.Flip("on", `{"multi_tenant_switch":true}`),
		localtest.Flip("off", `{"multi_tenant_switch":false}`, "data.enabled", false),
	)
}
