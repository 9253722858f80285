// Package simulation is the audit of a database as the cloud has it.
package simulation

import (
	"strconv"

	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// Operations, as Huawei's SDKs name them.
const (
	Flip = "SwitchAuditDatabaseNew"
	Read = "ListAuditDatabasesNew"
)

const on, ltsOff = "audit", "lts_audit_off"

// Operation declares database-audit.
func Operation() cloudsim.Simulation {
	return cloudsim.Simulation{
		Switch:    "database-audit",
		Positions: []string{on, ltsOff},
		Flip: cloudsim.Operation{
			Name: Flip, Service: cloudsim.DBSS, Method: "POST", Path: "v3/{project}/audit/{instance}/databases/switch",
			Failure: map[string]any{"status": "FAILED"},
			Plan:    plan,
		},
		Reads: []cloudsim.Operation{{
			Name: Read, Service: cloudsim.DBSS, Method: "GET", Path: "v2/{project}/audit/{instance}/databases",
			Show: list,
		}},
	}
}

func plan(q *cloudsim.Request) cloudsim.Change {
	q.Target.DatabaseID = q.Text("id")
	asked := q.Choice("status", true, "ON", "OFF")
	set := map[string]bool{on: asked}
	// "1: yes; 0 or others: remain unchanged", of disabling LTS audit.
	if q.Integer("lts_audit_switch") == 1 {
		set[ltsOff] = true
	}
	return cloudsim.Change{Enabled: asked, Set: set, Answer: func() any {
		// The table says SUCCESS, the example success.
		return map[string]any{"status": q.Loose(true, [2]any{"", "SUCCESS"}, [2]any{"", "success"})}
	}}
}

// list lists an audit instance's databases. Its offset starts at 0 and counts
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
	for _, t := range q.Below() {
		audited := q.On(t, on)
		if t.DatabaseID == "" || status != "" && (status == "ON") != audited {
			continue
		}
		if total >= offset && len(databases) < limit {
			databases = append(databases, map[string]any{"database": map[string]any{
				"id": t.DatabaseID, "name": t.DatabaseID, "type": "MYSQL",
				"status":       q.Loose(audited, [2]any{"OFF", "ON"}, [2]any{0, 1}, [2]any{"0", "1"}),
				"audit_status": map[bool]string{false: "SHUTOFF", true: "ACTIVE"}[audited],
			}})
		}
		total++
	}
	return map[string]any{"databases": databases, "total": total}
}
