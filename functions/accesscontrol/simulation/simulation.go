// Package simulation is access control of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Flip and Read are the operations, as Huawei's SDKs name them.
const Flip, Read = "SwitchAccessControl", "ShowProxyIpgroup"

// Operation declares access-control.
func Operation() cloudsim.Simulation {
	const proxy = "v3/{project}/instances/{instance}/proxy/{proxy}"
	return cloudsim.Simulation{
		Switch: "access-control", Positions: []string{"access_control"},
		Flip:  cloudsim.Operation{Name: Flip, Method: "POST", Path: proxy + "/access-control-switch", Plan: plan},
		Reads: []cloudsim.Operation{{Name: Read, Method: "GET", Path: proxy + "/ipgroup", Show: show}},
	}
}

func plan(q *cloudsim.Request) cloudsim.Change {
	on := q.Boolean("open_access_control")
	return cloudsim.Change{Enabled: on, Answer: func() any { return map[string]bool{"open_access_control": on} }}
}

func show(q *cloudsim.Request) any {
	return map[string]any{"enable_ip_group": q.LooseBool(q.On(q.Target, "access_control"))}
}
