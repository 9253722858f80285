package accesscontrol_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Access Control".
//
// There is no job: the answer is that of a switch in effect at once.
func TestRequest(t *testing.T) {
	const path = "/v3/056538411200d4cd2f79c003c7606412/instances/61a4ea66210545909d74a05c27a7179ein07/proxy/e87088f0b6a345e79db19d57c41fde15po01/access-control-switch"
	localtest.Flips(t, "accesscontrol", "POST", path, false,
		localtest.Flip("on", `{"open_access_control":true}`),
		localtest.Flip("off", `{"open_access_control":false}`, "data.enabled", false),
	)
}
