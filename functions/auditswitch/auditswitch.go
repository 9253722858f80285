// Package auditswitch flips the audit of a database in Database Security
// Service (DBSS).
//
// API page: "Enabling or Disabling Database". The call creates no job and
// restarts nothing.
package auditswitch

import (
	"context"

	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Options are the options of database-audit.
type Options struct {
	// LTSAuditSwitch is 1 to disable LTS audit, which is for DWS databases; 0
	// leaves it as it is.
	LTSAuditSwitch *int `json:"lts_audit_switch,omitempty" validate:"omitempty,oneof=0 1" doc:"1 disables LTS audit, for DWS databases; 0 leaves it as it is."`
}

// Switch declares database-audit.
func Switch() huawei.Switch {
	return huawei.Declaration[huawei.AuditedDatabase, Options]{
		About: huawei.About{
			Name: "database-audit", Function: "auditswitch",
			Flips: "the audit of a database in DBSS",
			Page:  "Enabling or Disabling Database",
		},
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.AuditedDatabase, on bool, o Options) (string, error) {
			return "", c.SwitchAuditDatabase(ctx, t.API(), on, o.LTSAuditSwitch)
		},
		Read: func(ctx context.Context, c *cloudapi.Client, t huawei.AuditedDatabase) (bool, error) {
			return c.AuditDatabase(ctx, t.API())
		},
	}.Switch()
}
