package local

import (
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

var Halted = halted

// Loop is the bus of a program whose events come back to its own functions.
func Loop(b bus.Bus, f *engine.Follower) bus.Bus { return &loop{b, f} }
