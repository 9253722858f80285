// Package simulation is multi-tenancy of an instance as the cloud has it.
package simulation

import "github.com/interlock-functions/interlock/internal/cloudsim"

// Flip and Read are the operations, as Huawei's SDKs name them.
const Flip, Read = "UpdateMultiTenant", "ShowMultiTenant"

// Operation declares multi-tenancy. The name of its job is documented nowhere:
// this one is unlike all documented ones.
func Operation() cloudsim.Simulation {
	const path = "v3/{project}/instances/{instance}/multi-tenant"
	return cloudsim.Simulation{
		Switch: "multi-tenancy", Positions: []string{"multi_tenancy"},
		Flip:  cloudsim.Operation{Name: Flip, Method: "PUT", Path: path, Job: "GaussDBforMySQLModifyMultiTenant", Plan: plan},
		Reads: []cloudsim.Operation{{Name: Read, Method: "GET", Path: path, Show: show}},
	}
}

func plan(q *cloudsim.Request) cloudsim.Change {
	return cloudsim.Change{Enabled: q.Boolean("multi_tenant_switch")}
}

func show(q *cloudsim.Request) any {
	return map[string]any{"multi_tenant_switch": q.LooseBool(q.On(q.Target, "multi_tenancy"))}
}
