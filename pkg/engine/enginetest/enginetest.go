// Package enginetest is the crash suite that every switch passes: its process
// dies, or loses an answer, at every call of ledger, bus and API, in each way
// in which that can happen, alone and two in one run. Then the event is
// delivered again, or the ledger is only swept, until all is quiet, and the
// change must have taken effect exactly once.
//
// A switch of one's own is tested by a function that makes a fresh world:
//
//	func TestCrashes(t *testing.T) {
//		enginetest.Run(t, 2, func(h *enginetest.Host) enginetest.World {
//			api := &fakeAPI{} // on which the lamp is off
//			return enginetest.World{
//				Switch:  lampSwitch(api).Register(),
//				Event:   turnTheLampOn(h.Now()),
//				Effects: func() int { return api.moves },
//			}
//		})
//	}
//
// The world's clock is the suite's own, and nothing sleeps: a second has room
// for hundreds of worlds.
package enginetest

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// World is a switch on a fake API that nobody has called yet.
type World struct {
	Switch engine.Registered
	// Event asks for a change: it is on and should be off, or the reverse.
	Event event.Event
	// Effects counts how often the change took effect: the jobs that were
	// created, or how often the position has changed.
	Effects func() int
	// Ledger is an empty one, which is closed when the world ends. Default
	// [ledger.NewMemory].
	Ledger ledger.Ledger
}

// Host is the machine that a world's processes run and die on. Its Cleanup is
// called when the world ends.
type Host struct {
	testing.TB
	now      time.Time
	given    []crash
	passed   []gate
	adrift   []landing
	wired    bool
	cleanups []func()
}

// Now is the world's clock, for a fake API that keeps times.
func (h *Host) Now() time.Time { return h.now }

// Cleanup has f called when the world ends.
func (h *Host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Transport is for a switch whose calls are HTTP requests: they go wrong on
// their way, and no longer where the engine makes them, so that what the switch
// makes of errors is tested with it. What is not reached fails with
// [syscall.ECONNREFUSED], and what loses its answer with [io.ErrUnexpectedEOF].
func (h *Host) Transport(over http.RoundTripper) http.RoundTripper {
	h.wired = true
	return wire{h, over}
}

// Run tests the switch of a fresh world for each run, in which up to most calls
// go wrong. Two are enough to find what is not thought through: the second meets
// what the first has left.
func Run(t *testing.T, most int, fresh func(*Host) World) {
	for _, swept := range []bool{false, true} {
		t.Run(map[bool]string{false: "delivered again", true: "swept"}[swept], func(t *testing.T) {
			c := &crashes{TB: t, fresh: fresh, swept: swept, runs: make([]int, most+1)}
			if found := c.from(nil); found != "" {
				t.Fatal(found)
			}
			t.Logf("runs by the number of calls that went wrong: %d", c.runs)
		})
	}
}

// end is the end of a world.
func (h *Host) end() {
	for _, f := range slices.Backward(h.cleanups) {
		f()
	}
}
