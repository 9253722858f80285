package local

import (
	"context"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

var Halted = halted

// Loop is the bus of a program whose events come back to its own functions.
func Loop(b bus.Bus, f *engine.Follower) bus.Bus { return &loop{b, f} }

// LookAfterJobs takes up what nobody follows, and looks at the jobs that are due.
func (h *Host) LookAfterJobs(ctx context.Context) error {
	err := h.follows.restore(ctx)
	h.follows.sweep(ctx)
	return err
}
