// Package proxyalt flips ALT (application lossless and transparent, the keeping
// of sessions across a switchover) of a TaurusDB database proxy.
//
// API page: "Enabling or Disabling ALT for a Proxy Instance". Every toggle
// restarts the proxy, the first enabling reboots the instance, and no API reads
// the position back: only the job list tells whether a call took effect.
package proxyalt

import (
	"context"

	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Options are the options of proxy-alt.
type Options struct {
	// ALTForReadonly tells whether read replicas take part. Missing: as the API
	// has it, which is off.
	ALTForReadonly *bool `json:"alt_for_readonly,omitempty" doc:"Whether ALT is enabled for read replicas too."`
}

// Switch declares proxy-alt.
func Switch() huawei.Switch {
	return huawei.Declaration[huawei.Proxy, Options]{
		About: huawei.About{
			Name: "proxy-alt", Function: "proxyalt",
			Flips: "ALT of a database proxy (sessions survive a switchover); restarts the proxy, the first enabling the instance",
			Page:  "Enabling or Disabling ALT for a Proxy Instance",

			Disturbs: "every flip restarts the proxy, and the first enabling reboots the instance",
		},
		Creates: true,
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy, on bool, o Options) (string, error) {
			return c.SwitchProxyALT(ctx, t.API(), on, o.ALTForReadonly)
		},
	}.Switch()
}
