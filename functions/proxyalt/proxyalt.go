// Package proxyalt flips ALT (application lossless and transparent, the keeping
// of sessions across a switchover) of a TaurusDB database proxy.
//
// API page: "Enabling or Disabling ALT for a Proxy Instance". Every toggle
// restarts the proxy, the first enabling reboots the instance, and no API reads
// the position back: only the job list tells whether a call took effect.
package proxyalt

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Options are the options of proxy-alt.
type Options struct {
	// ALTForReadonly tells whether read replicas take part. Missing: as the API
	// has it, which is off.
	ALTForReadonly *bool `json:"alt_for_readonly,omitempty" doc:"Whether ALT is enabled for read replicas too."`
}

// Switch declares proxy-alt.
func Switch() engine.Switch {
	return engine.Switch{
		Name:     "proxy-alt",
		Function: "proxyalt",
		Flips:    "ALT of a database proxy (sessions survive a switchover); restarts the proxy, the first enabling the instance",
		Page:     "Enabling or Disabling ALT for a Proxy Instance",
		Target:   decision.Proxy,
		Options:  func() any { return new(Options) },
		Creates:  true,
		Flip:     flip,
	}
}

func flip(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (string, error) {
	var o Options
	if err := d.DecodeOptions(&o); err != nil {
		return "", err
	}
	return c.SwitchProxyALT(ctx, engine.ProxyOf(d), d.Enabled, o.ALTForReadonly)
}
