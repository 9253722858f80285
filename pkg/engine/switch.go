package engine

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switch declares one on/off feature that is flipped by one API call.
type Switch struct {
	// Name is the switch's name in events, as in "proxy-ssl"; Function that of
	// its function, as in "proxyssl".
	Name, Function string
	// Flips says in a few words what it flips, and what else comes of it; Page
	// is the API page that it follows.
	Flips, Page string
	// Target is the kind of target the API asks for.
	Target decision.Kind
	// Options returns a new pointer to the struct of the switch's options, with
	// json and validate tags. Nil: it has none.
	Options func() any
	// Creates tells that the call creates a job, whose id it returns, and that
	// it disturbs its target: it is never sent again before a look-up has shown
	// that the last one had no effect.
	Creates bool
	// Flip makes the call. It returns the job's id if it Creates one.
	Flip func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (jobID string, err error)
	// State reads the switch's position. Nil: the API has no such read.
	State func(ctx context.Context, c *cloudapi.Client, d *decision.Decision) (enabled bool, err error)
}

// ProxyOf is the proxy that a decision is about, as the client names it.
func ProxyOf(d *decision.Decision) cloudapi.Proxy {
	return cloudapi.Proxy{ProjectID: d.Target.ProjectID, InstanceID: d.Target.InstanceID, ProxyID: d.Target.ProxyID}
}
