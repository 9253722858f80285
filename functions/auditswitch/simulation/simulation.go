// Package simulation is the audit of a database as the cloud has it.
package simulation

import (
	"strconv"

	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// Flip and Read are the operations, as Huawei's SDKs name them.
const Flip, Read = "SwitchAuditDatabaseNew", "ListAuditDatabasesNew"

// Operation declares database-audit.
func Operation() cloudsim.Simulation {
	const instance = "{project}/audit/{instance}/databases"
	return cloudsim.Simulation{
		Switch: "database-audit", Positions: []string{"audit", "lts_audit_off"},
		Flip: cloudsim.Operation{Name: Flip, Service: cloudsim.DBSS, Method: "POST", Path: "v3/" + instance + "/switch", Plan: plan,
			Failure: map[string]string{"status": "FAILED"}},
		Reads: []cloudsim.Operation{{Name: Read, Service: cloudsim.DBSS, Method: "GET", Path: "v2/" + instance, Show: list}},
	}
}

func plan(q *cloudsim.Request) (c cloudsim.Change) {
	q.Target.DatabaseID = q.Text("id")
	c.Enabled = q.Choice("status", true, "ON", "OFF")
	// "1: yes; 0 or others: remain unchanged", of disabling LTS audit.
	if q.Integer("lts_audit_switch") == 1 {
		c.Options = map[string]bool{"lts_audit_off": true}
	}
	// The table says SUCCESS, the example success.
	c.Answer = func() any {
		return map[string]any{"status": q.Loose(true, [2]any{"", "SUCCESS"}, [2]any{"", "success"})}
	}
	return c
}

// list lists an audit instance's databases. Here offset starts at 0 and counts
// databases.
func list(q *cloudsim.Request) any {
	offset, limit, status := 0, 10, ""
	for name, values := range q.Query {
		var err error
		switch value := values[0]; name {
		case "offset":
			offset, err = strconv.Atoi(value)
		case "limit":
			limit, err = strconv.Atoi(value)
		case "status":
			status = value
		default:
			q.Invalid("unknown parameter " + strconv.QuoteToASCII(name))
		}
		if err != nil || len(values) > 1 || offset < 0 || limit < 1 || limit > 1000 {
			q.Invalid(name + " is malformed")
		}
	}
	databases, total := []any{}, 0
	for _, t := range q.Databases() {
		on := q.On(t, "audit")
		if status != "" && (status == "ON") != on {
			continue
		}
		if total >= offset && len(databases) < limit {
			databases = append(databases, map[string]any{"database": map[string]any{
				"id": t.DatabaseID, "name": t.DatabaseID, "type": "MYSQL",
				"status":       q.Loose(on, [2]any{"OFF", "ON"}, [2]any{0, 1}, [2]any{"0", "1"}),
				"audit_status": map[bool]string{false: "SHUTOFF", true: "ACTIVE"}[on],
			}})
		}
		total++
	}
	return map[string]any{"databases": databases, "total": total}
}
