// Package simulation is ALT of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Flip is the operation, as Huawei's SDKs name it.
const Flip = "SwitchGaussMySqlProxyAlt"

// Operation declares proxy-alt. No API reads it back. The name of its job is
// documented nowhere: this one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const on, readonly = "alt", "alt_for_readonly"
	return cloudsim.Simulation{
		Switch:    "proxy-alt",
		Positions: []string{on, readonly},
		Flip: cloudsim.Operation{
			Name: Flip, Method: "PUT", Path: "v3/{project}/instances/{instance}/proxy/{proxy}/alt", Job: "GaussDBforMySQLSwitchProxyAlt",
			// Strings only, "on" and "off". The page's table says so, and so does
			// every SDK; its example sends booleans.
			Plan: func(q *cloudsim.Request) cloudsim.Change {
				asked := q.Choice("alt_enabled", true, "on", "off")
				return cloudsim.Change{Enabled: asked, Set: map[string]bool{on: asked, readonly: q.Choice("alt_for_readonly", false, "on", "off")}}
			},
		},
	}
}
