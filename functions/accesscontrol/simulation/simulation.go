// Package simulation is access control of a database proxy as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Operations, as Huawei's SDKs name them.
const (
	Flip = "SwitchAccessControl"
	Read = "ShowProxyIpgroup"
)

// Operation declares access-control.
func Operation() cloudsim.Simulation {
	const on = "access_control"
	return cloudsim.Simulation{
		Switch:    "access-control",
		Positions: []string{on},
		Flip: cloudsim.Operation{
			Name: Flip, Method: "POST", Path: "v3/{project}/instances/{instance}/proxy/{proxy}/access-control-switch",
			Plan: func(q *cloudsim.Request) cloudsim.Change {
				asked := q.Boolean("open_access_control")
				return cloudsim.Change{
					Enabled: asked,
					Set:     map[string]bool{on: asked},
					Answer:  func() any { return map[string]bool{"open_access_control": asked} },
				}
			},
		},
		Reads: []cloudsim.Operation{{
			Name: Read, Method: "GET", Path: "v3/{project}/instances/{instance}/proxy/{proxy}/ipgroup",
			Show: func(q *cloudsim.Request) any {
				return map[string]any{"enable_ip_group": q.LooseBool(q.On(q.Target, on))}
			},
		}},
	}
}
