package proxyssl_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling SSL for a Proxy Instance".
//
// The page's example writes proxyId for proxy in the path; its URI section is
// right.
func TestRequest(t *testing.T) {
	const path = "/v3/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxy/2ec617ba62da4eafb921b69438beed3cpo01/ssl"
	localtest.Flips(t, "proxyssl", "PUT", path, true,
		localtest.Flip("on", `{"ssl_option":true}`),
		localtest.Flip("off", `{"ssl_option":false}`, "data.enabled", false),
	)
}
