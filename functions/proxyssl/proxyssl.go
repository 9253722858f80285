// Package proxyssl flips SSL of a TaurusDB database proxy.
//
// API page: "Enabling or Disabling SSL for a Proxy Instance".
package proxyssl

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switch declares proxy-ssl.
func Switch() engine.Switch {
	return engine.Switch{
		Name:     "proxy-ssl",
		Function: "proxyssl",
		Flips:    "SSL of a database proxy",
		Page:     "Enabling or Disabling SSL for a Proxy Instance",
		Target:   decision.Proxy,
		Creates:  true,
		Flip: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
			return c.SwitchProxySSL(ctx, engine.ProxyOf(d), d.Enabled)
		},
		State: func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (bool, error) {
			return c.ProxySSL(ctx, engine.ProxyOf(d))
		},
	}
}
