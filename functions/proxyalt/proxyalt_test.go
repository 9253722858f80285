package proxyalt_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling ALT for a Proxy Instance".
//
// The page's table asks for strings, as the official SDKs send them, though its
// example has booleans: the wrong form would restart the proxy for nothing.
func TestRequest(t *testing.T) {
	const path = "/v3/056538411200d4cd2f79c003c7606412/instances/af315b8e6aaa41799bd9a31f2de15abcin07/proxy/0f46fc46396e4fb19a0cb52f578e9511po01/alt"
	localtest.Flips(t, "proxyalt", "PUT", path, true,
		localtest.Flip("on, read replicas too", `{"alt_enabled":"on","alt_for_readonly":"on"}`),
		localtest.Flip("on, without read replicas", `{"alt_enabled":"on","alt_for_readonly":"off"}`, "data.options.alt_for_readonly", false),
		localtest.Flip("on, as the API has it", `{"alt_enabled":"on"}`, "data.options", localtest.Gone),
		localtest.Flip("off", `{"alt_enabled":"off"}`, "data.enabled", false, "data.options", localtest.Gone),
	)
}
