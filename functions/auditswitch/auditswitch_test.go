package auditswitch_test

import (
	"testing"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Database".
//
// The page writes ON and OFF in capitals, and there is no job.
func TestRequest(t *testing.T) {
	const path = "/v3/056538411200d4cd2f79c003c7606412/audit/76fabce1b0c84a0d9b0e6d3f2c1a5b4e/databases/switch"
	localtest.Flips(t, "auditswitch", "POST", path, false,
		localtest.Flip("on", `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":0}`),
		localtest.Flip("on, LTS audit off", `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":1}`, "data.options.lts_audit_switch", 1),
		localtest.Flip("on, LTS audit as it is", `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON"}`, "data.options", localtest.Gone),
		localtest.Flip("off", `{"id":"Gadr-Y4B51p4J06s5s5B","status":"OFF"}`, "data.enabled", false, "data.options", localtest.Gone),
	)
}
