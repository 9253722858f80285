// Package accesscontrol flips access control (the IP allow or block list) of a
// TaurusDB database proxy.
//
// API page: "Enabling or Disabling Access Control". The call creates no job and
// restarts nothing.
package accesscontrol

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switch declares access-control.
func Switch() engine.Switch {
	return engine.Switch{
		Name:     "access-control",
		Function: "accesscontrol",
		Flips:    "the IP allow or block list of a database proxy",
		Page:     "Enabling or Disabling Access Control",
		Target:   decision.Proxy,
		Flip: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
			return "", c.SwitchAccessControl(ctx, engine.ProxyOf(d), d.Enabled)
		},
		State: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (bool, error) {
			return c.AccessControl(ctx, engine.ProxyOf(d))
		},
	}
}
