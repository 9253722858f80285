// Package simulation is ALT of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Flip is the operation, as Huawei's SDKs name it. None reads it back.
const Flip = "SwitchGaussMySqlProxyAlt"

// Operation declares proxy-alt. The name of its job is documented nowhere: this
// one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const path = "v3/{project}/instances/{instance}/proxy/{proxy}/alt"
	return cloudsim.Simulation{
		Switch: "proxy-alt", Positions: []string{"alt", "alt_for_readonly"},
		Flip: cloudsim.Operation{Name: Flip, Method: "PUT", Path: path, Job: "GaussDBforMySQLSwitchProxyAlt", Plan: plan},
	}
}

// plan: strings only, "on" and "off". The page's table says so, and so does
// every SDK; its example sends booleans.
func plan(q *cloudsim.Request) cloudsim.Change {
	return cloudsim.Change{
		Enabled: q.Choice("alt_enabled", true, "on", "off"),
		Options: map[string]bool{"alt_for_readonly": q.Choice("alt_for_readonly", false, "on", "off")},
	}
}
