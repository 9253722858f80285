// Package simulation is multi-tenancy of an instance as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Operations, as Huawei's SDKs name them.
const (
	Flip = "UpdateMultiTenant"
	Read = "ShowMultiTenant"
)

// Operation declares multi-tenancy. The name of its job is documented nowhere:
// this one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const (
		on   = "multi_tenancy"
		path = "v3/{project}/instances/{instance}/multi-tenant"
	)
	return cloudsim.Simulation{
		Switch:    "multi-tenancy",
		Positions: []string{on},
		Flip: cloudsim.Operation{
			Name: Flip, Method: "PUT", Path: path, Job: "GaussDBforMySQLModifyMultiTenant",
			Plan: func(q *cloudsim.Request) cloudsim.Change {
				asked := q.Boolean("multi_tenant_switch")
				return cloudsim.Change{Enabled: asked, Set: map[string]bool{on: asked}}
			},
		},
		Reads: []cloudsim.Operation{{
			Name: Read, Method: "GET", Path: path,
			Show: func(q *cloudsim.Request) any {
				return map[string]any{"multi_tenant_switch": q.LooseBool(q.On(q.Target, on))}
			},
		}},
	}
}
