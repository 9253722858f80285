package proof

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// chainSetting is what a chain is killed in.
type chainSetting struct {
	name  string
	steps []string
	// looped: nobody delivers anything again.
	looped bool
	drift  time.Duration
	// fault is the cloud's, for the last step's call.
	fault *cloudsim.Fault
	undo  bool
	// want is how the steps stand in the end where nothing else goes wrong.
	want []events.StepState
	// most is how many crashes a run may have.
	most int
}

// unlike are three switches that differ in how a doubt is resolved.
var unlike = []string{alt, acl, ssl}

// seen are three whose position can be read, and so be flipped back.
var seen = []string{ssl, acl, mt}

func chainSettings() []chainSetting {
	done := []events.StepState{events.StepDone, events.StepDone, events.StepDone}
	undone := []events.StepState{events.StepUndone, events.StepUndone, events.StepFailed}
	jobFails := &cloudsim.Fault{Kind: cloudsim.JobFails, Times: 1}
	refused := &cloudsim.Fault{Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1}
	return []chainSetting{
		{name: "delivered again", steps: unlike, want: done, most: 2},
		{name: "swept", steps: unlike, looped: true, want: done, most: 2},
		{name: "late effects", steps: unlike, drift: mostAdrift, want: done, most: 2},
		{name: "undone", steps: seen, fault: jobFails, undo: true, want: undone, most: 2},
		{name: "undone, swept", steps: seen, fault: jobFails, looped: true, undo: true, want: undone, most: 2},
		{name: "undone, late effects", steps: seen, fault: refused, drift: mostAdrift, undo: true, want: undone, most: 1},
		{name: "stopped", steps: seen, fault: refused, want: []events.StepState{events.StepDone, events.StepDone, events.StepFailed}, most: 1},
		{name: "four", steps: []string{alt, ssl, acl, mt}, want: append(done[:3:3], events.StepDone), most: 1},
		{name: "four, swept", steps: []string{alt, ssl, acl, mt}, looped: true, want: append(done[:3:3], events.StepDone), most: 1},
	}
}

// TestChainCrashes lets a process die, or a call fail, at every gate of a chain,
// those of whoever follows its jobs among them, in every way; at two gates of a
// run, some of them in the short form and more in the long. It does with each
// ledger, in the short form less where that is slow.
func TestChainCrashes(t *testing.T) {
	for _, shelf := range shelves(t) {
		delivered, own := newLab(t), newLoopedLab(t)
		delivered.shelf, own.shelf = shelf, shelf
		var all []*crashes
		t.Run(shelf.name, func(t *testing.T) {
			for _, s := range chainSettings() {
				c := &chainCrashes{crashes: &crashes{lab: delivered, shares: thinned(chainShares[shelf.name], 61), drawn: 7 * len(all)}, chainSetting: s}
				if s.looped {
					c.lab = own
				}
				if s.most == 1 {
					c.shares[1] = 0
				}
				c.play = c.run
				all = append(all, c.crashes)
				t.Run(s.name, func(t *testing.T) {
					t.Parallel()
					inBubble(t, func() { c.from(nil) })
					require.Empty(t, c.found)
					if !thin() {
						require.Greater(t, c.runs[1], 100/c.shares[0])
					}
				})
			}
		})
		gates, runs := counted(all)
		require.Positive(t, runs[1])
		t.Logf("proved: chains, %s: %d settings, %d gates, %d ways: %d single crashes, %d pairs, 0 violations",
			shelf.name, len(all), gates, len(shelf.trouble), runs[1], runs[2])
	}
}

type chainCrashes struct {
	*crashes
	chainSetting
}

// run is one run, and returns how many gates it passed.
func (c *chainCrashes) run(given []crash) int {
	w, gates := c.crashing(given)
	defer w.close()
	w.drift = c.drift
	if c.fault != nil {
		f := *c.fault
		f.Operation = operationOf(c.steps[len(c.steps)-1])
		w.fault(f)
	}
	root := c.root()
	w.carry(root)
	passed := *gates
	w.again(root)
	w.verify()
	states := w.verifyChain(root)
	if !c.fits(states, given) {
		w.wrong("the steps are %v, and should be %v", states, c.want)
	}
	if found := w.finding(); found != "" {
		c.found = fmt.Sprintf("%s\nwith crashes %+v", found, given)
	}
	return passed
}

// root is the event that asks for the chain.
func (c *chainSetting) root() event.Event {
	steps := make([]ask, len(c.steps))
	for i, sw := range c.steps {
		steps[i] = request("CHG-1", sw, true)
	}
	steps[0].ticket = approved(steps[0].decided, nil)
	onFailure := events.Stop
	if c.undo {
		onFailure = events.Undo
	}
	return steps[0].chained(onFailure, steps[1:]...)
}

// fits tells whether a chain has ended as it should. Each crash may have taken
// with it what was known of one step: that it was changed, and so is to be
// flipped back; or, of the call that was to fail, that it failed, so that it is
// sent again, or that it had an effect at all.
func (c *chainCrashes) fits(states []events.StepState, given []crash) bool {
	if len(states) != len(c.want) {
		return false
	}
	last := len(states) - 1
	if c.fault != nil && len(given) > 0 && states[last] == events.StepDone {
		// The refusal got lost with whoever had it, and the next call was none.
		return c.fault.Kind == cloudsim.Status && !slices.ContainsFunc(states, func(s events.StepState) bool { return s != events.StepDone })
	}
	unlike := 0
	for i := range states {
		switch {
		case states[i] == c.want[i]:
		case c.want[i] == events.StepUndone && states[i] == events.StepDone:
			unlike++
		default:
			return false
		}
	}
	return unlike <= len(given)
}

// A step costs the ledger what an event costs, and one read: of what made it due.
// The end of its job costs what it costs of any.
func TestWhatAStepCosts(t *testing.T) {
	lab := newLab(t)
	inBubble(t, func() {
		w := lab.newWorld()
		w.watch()
		calls := map[string]int{}
		w.gate = func(_ context.Context, _ *invocation, what string) fate {
			if strings.HasPrefix(what, "ledger.") {
				calls[what]++
			}
			return succeeds
		}
		cost := func(ev event.Event) (n int) {
			clear(calls)
			inv := w.deliver(1, ev)
			<-inv.done
			if inv.result.Kind != engine.Completed {
				w.wrong("%s is %s", ev.ID(), inv.result.Kind)
			}
			for _, c := range calls {
				n += c
			}
			return n
		}
		only := func(typ string, after int) (found event.Event) {
			for _, ev := range w.mail() {
				if ev.Type() == typ && ev.Time().After(w.began.Add(time.Duration(after)*time.Hour-time.Minute)) {
					found = ev
				}
			}
			return found
		}
		alone := cost(request("CHG-1", ssl, true).event())
		w.rest(time.Minute)
		job := cost(only(events.TypeSwitchCompleted, 0))
		w.rest(time.Hour)
		root := cost(request("CHG-2", acl, true).chained(events.Stop, request("", ssl, false), request("", acl, false)))
		step := cost(only(events.TypeSwitchRequested, 1))
		w.rest(time.Minute)
		end := cost(only(events.TypeSwitchCompleted, 1))
		if root != alone || step != alone+1 || end != job {
			w.wrong("an event costs %d, the root of a chain %d, a step %d; the end of a job %d, of a step's %d", alone, root, step, job, end)
		}
		if found := w.finding(); found != "" {
			t.Error(found)
		}
	})
}
