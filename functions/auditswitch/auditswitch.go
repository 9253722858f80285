// Package auditswitch flips the audit of a database in Database Security
// Service (DBSS).
//
// API page: "Enabling or Disabling Database". The call creates no job and
// restarts nothing.
package auditswitch

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Options are the options of database-audit.
type Options struct {
	// LTSAuditSwitch is 1 to disable LTS audit, which is for DWS databases; 0
	// leaves it as it is.
	LTSAuditSwitch *int `json:"lts_audit_switch,omitempty" validate:"omitempty,oneof=0 1" doc:"1 disables LTS audit, for DWS databases; 0 leaves it as it is."`
}

// Switch declares database-audit.
func Switch() engine.Switch {
	return engine.Switch{
		Name:     "database-audit",
		Function: "auditswitch",
		Flips:    "the audit of a database in DBSS",
		Page:     "Enabling or Disabling Database",
		Target:   decision.AuditedDatabase,
		Options:  func() any { return new(Options) },
		Flip:     flip,
		State: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (bool, error) {
			return c.AuditDatabase(ctx, database(d))
		},
	}
}

func flip(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
	var o Options
	if err := d.DecodeOptions(&o); err != nil {
		return "", err
	}
	return "", c.SwitchAuditDatabase(ctx, database(d), d.Enabled, o.LTSAuditSwitch)
}

func database(d *decision.Decision) cloudapi.AuditDatabase {
	return cloudapi.AuditDatabase{ProjectID: d.Target.ProjectID, InstanceID: d.Target.InstanceID, DatabaseID: d.Target.DatabaseID}
}
