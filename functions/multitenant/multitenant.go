// Package multitenant flips multi-tenancy of a TaurusDB instance.
//
// API page: "Enabling or Disabling Multi-tenancy". The instance needs kernel
// version 2.0.57.240900 or later.
package multitenant

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switch declares multi-tenancy.
func Switch() engine.Switch {
	return engine.Switch{
		Name:     "multi-tenancy",
		Function: "multitenant",
		Flips:    "multi-tenancy of an instance (kernel 2.0.57.240900 or later)",
		Page:     "Enabling or Disabling Multi-tenancy",
		Target:   decision.Instance,
		Creates:  true,
		Flip: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
			return c.SwitchMultiTenancy(ctx, instance(d), d.Enabled)
		},
		State: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (bool, error) {
			return c.MultiTenancy(ctx, instance(d))
		},
	}
}

func instance(d *decision.Decision) cloudapi.Instance {
	return cloudapi.Instance{ProjectID: d.Target.ProjectID, InstanceID: d.Target.InstanceID}
}
