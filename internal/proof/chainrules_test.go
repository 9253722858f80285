package proof

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// chainRule is a chain into whose middle something comes.
type chainRule struct {
	name  string
	steps []string
	undo  bool
	// bound: the ticket was approved for just this.
	bound bool
	// window is when the ticket's ends, from now; 0: it has none.
	window time.Duration
	// before comes before the chain, between once its first step is done.
	before, between func(w *world)
	want            []events.StepState
	code            events.Code // of the step that failed
}

func chainRules() []chainRule {
	fails := func(sw string) func(*world) {
		return func(w *world) {
			w.fault(cloudsim.Fault{Operation: operationOf(sw), Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1})
		}
	}
	// failsBack fails the second call, which is to flip it back.
	failsBack := func(sw string) func(*world) {
		return func(w *world) {
			calls := 0
			w.fault(cloudsim.Fault{Operation: operationOf(sw), Kind: cloudsim.Status, Status: http.StatusBadRequest, Match: func(cloudsim.Call) bool {
				calls++
				return calls > 1
			}})
		}
	}
	newer := func(sw string) func(*world) {
		return func(w *world) {
			w.rest(quiet)
			w.handle(request("NEWER", sw, false).event())
		}
	}
	both := func(fs ...func(*world)) func(*world) {
		return func(w *world) {
			for _, f := range fs {
				f(w)
			}
		}
	}
	lies := func(sw string) func(*world) {
		return func(w *world) {
			w.handle(request("BEFORE", sw, true).event())
			w.rest(5 * time.Minute)
		}
	}
	return []chainRule{
		{name: "a newer decision on a later target", steps: []string{ssl, acl, mt}, between: newer(acl),
			want: []events.StepState{"done", "failed", "not-done"}, code: events.Superseded},
		{name: "a newer decision on another target of the instance", steps: []string{ssl, acl}, between: newer(mt),
			want: []events.StepState{"done", "done"}},
		{name: "the window is over", steps: []string{ssl, acl, mt}, window: 2 * time.Minute,
			between: func(w *world) { w.rest(3 * time.Minute) },
			want:    []events.StepState{"done", "failed", "not-done"}, code: events.WindowOver},
		{name: "the policy says no", steps: []string{ssl, acl, mt}, between: func(w *world) { w.decides(denies) },
			want: []events.StepState{"done", "failed", "not-done"}, code: events.Denied},
		{name: "the policy says no to the way back, too", steps: []string{ssl, acl}, undo: true, between: func(w *world) { w.decides(denies) },
			want: []events.StepState{"undo-failed", "failed"}, code: events.Denied},
		{name: "a halt, and its end", steps: []string{ssl, acl, mt}, between: func(w *world) {
			w.halted.Store(true)
			for range 20 {
				w.rest(quiet)
				for _, ev := range w.mail() {
					w.handle(ev)
				}
			}
			w.halted.Store(false)
		}, want: []events.StepState{"done", "done", "done"}},
		{name: "undone, last first", steps: seen, undo: true, between: fails(mt),
			want: []events.StepState{"undone", "undone", "failed"}, code: events.CloudRefused},
		{name: "a newer decision on the way back", steps: seen, undo: true, between: both(newer(ssl), fails(mt)),
			want: []events.StepState{"undo-failed", "undone", "failed"}, code: events.CloudRefused},
		{name: "the way back ends where it fails", steps: []string{ssl, acl, mt}, undo: true, between: both(fails(mt), failsBack(acl)),
			want: []events.StepState{"done", "undo-failed", "failed"}, code: events.CloudRefused},
		{name: "what lay so before is not flipped back", steps: seen, undo: true, before: lies(acl), between: fails(mt),
			want: []events.StepState{"undone", "unchanged", "failed"}, code: events.CloudRefused},
		{name: "what cannot be told is not flipped back", steps: []string{alt, acl, mt}, undo: true, between: fails(mt),
			want: []events.StepState{"done", "undone", "failed"}, code: events.CloudRefused},
		{name: "a ticket that is bound to the whole", steps: []string{ssl, acl}, bound: true,
			want: []events.StepState{"done", "done"}},
		{name: "a step on what the chain has switched itself", steps: []string{ssl, acl, acl},
			want: []events.StepState{"done", "done", "done"}},
	}
}

// TestChainRules has something come into the middle of a chain, delivered by
// the bus or gone on with by the ledger.
func TestChainRules(t *testing.T) {
	for _, r := range chainRules() {
		for _, how := range []string{"delivered", "looped"} {
			t.Run(r.name+"/"+how, func(t *testing.T) {
				lab := newLab(t)
				if how == "looped" {
					lab = newLoopedLab(t)
				}
				inBubble(t, func() {
					if found := r.run(lab.newWorld()); found != "" {
						t.Error(found)
					}
				})
			})
		}
	}
}

func (r chainRule) run(w *world) string {
	w.watch()
	w.decides(grants)
	w.rest(time.Hour)
	if r.before != nil {
		r.before(w)
	}
	root := r.root()
	w.handle(root)
	if r.between != nil {
		r.between(w)
	}
	w.carry(root)
	w.again(root)
	w.verify()
	if states := w.verifyChain(root); !equal(states, r.want) {
		w.wrong("the steps are %v, and should be %v", states, r.want)
	}
	if code := w.failedBy(root); code != r.code {
		w.wrong("it failed by %q, and should by %q", code, r.code)
	}
	return w.finding()
}

func (r chainRule) root() event.Event {
	steps := make([]ask, len(r.steps))
	for i, sw := range r.steps {
		steps[i] = request("CHG-1", sw, true)
		if i > 1 && sw == r.steps[i-1] {
			steps[i].on = false
		}
	}
	steps[0].ticket = approved(steps[0].decided, nil)
	if r.window > 0 {
		end := time.Now().Add(r.window)
		steps[0].ticket.Window = &events.Window{End: &end}
	}
	onFailure := events.Stop
	if r.undo {
		onFailure = events.Undo
	}
	if r.bound {
		var err error
		if steps[0].ticket.Digest, err = digest.Of(steps[0].chained(onFailure, steps[1:]...).Data()); err != nil {
			panic(err)
		}
	}
	return steps[0].chained(onFailure, steps[1:]...)
}

func equal(a, b []events.StepState) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// failedBy is the code of the step at which a chain failed.
func (w *world) failedBy(root event.Event) (code events.Code) {
	c := chainOf{world: w, root: root, requests: map[int]event.Event{}, effects: w.effectsOf()}
	if c.read() {
		for _, s := range c.steps {
			if s.State == events.StepFailed && s.Error != nil {
				code = s.Error.Code
			}
		}
	}
	return code
}

// Two chains on one instance: each runs in its own order, and on what both
// switch the newer one has its way, whichever comes first.
func TestTwoChainsOnOneInstance(t *testing.T) {
	for _, olderFirst := range []bool{true, false} {
		lab := newLab(t)
		inBubble(t, func() {
			w := lab.newWorld()
			w.watch()
			w.rest(time.Hour)
			older, newer := request("OLDER", ssl, true), request("NEWER", mt, true)
			older.decided = older.decided.Add(-time.Minute)
			off := request("", acl, false)
			roots := []event.Event{older.chained(events.Stop, request("", acl, true), off), newer.chained(events.Stop, request("", acl, true))}
			if !olderFirst {
				roots[0], roots[1] = roots[1], roots[0]
			}
			w.carry(roots...)
			w.again(roots...)
			w.verify()
			for _, root := range roots {
				w.verifyChain(root)
			}
			if !w.cloud.State(cloudsim.Target{ProjectID: project, InstanceID: instance, ProxyID: proxy}).On[simulationOf(acl).Positions[0]] {
				w.wrong("the newer chain asks for access control to be on, and it is off")
			}
			if found := w.finding(); found != "" {
				t.Error(found)
			}
		})
	}
}

// A step that failed in doubt has ended its chain. That its call is found to have
// had an effect after all, and its job followed to the end, does not take the
// chain on: it has been said that it failed.
func TestAnEndedChainIsNotTakenOn(t *testing.T) {
	for name, lab := range map[string]*lab{"delivered": newLab(t), "looped": newLoopedLab(t)} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func() {
				w := lab.newWorld()
				w.watch()
				w.fault(cloudsim.Fault{Operation: operationOf(ssl), Kind: cloudsim.CutAfter, Times: 1})
				w.fault(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: http.StatusServiceUnavailable})
				root := request("CHG-1", ssl, true).chained(events.Stop, request("", acl, true))
				w.handle(root)
				w.rest(2 * time.Hour)
				w.handle(root)
				w.calm()
				if ends := w.chainEnds(); ends != 1 {
					w.wrong("the chain has ended %d times", ends)
				}
				inv := w.start(1, "resolution", func(ctx context.Context, e *engine.Engine) engine.Result {
					if _, err := e.Resolve(ctx, keyOf(root), engine.Resolution{As: engine.WasAccepted, JobID: w.cloud.Effects()[0].JobID, By: "an operator"}); err != nil {
						w.wrong("resolution: %v", err)
					}
					return engine.Result{Kind: engine.Ignored}
				})
				<-inv.done
				w.carry(root)
				w.again(root)
				w.verify()
				w.verifyChain(root)
				if n := len(w.cloud.Effects()); n != 1 {
					w.wrong("the chain had ended, and %d calls took effect", n)
				}
				if found := w.finding(); found != "" {
					t.Error(found)
				}
			})
		})
	}
}

// A step that is delivered once more when what it follows has expired, and it
// itself has not, gets the answer that it got.
func TestARepeatOfAStepThatOutlivesWhatItFollows(t *testing.T) {
	lab := newLab(t)
	inBubble(t, func() {
		w := lab.newWorld()
		w.watch()
		root := request("CHG-1", acl, true).chained(events.Stop, request("", acl, false))
		w.handle(root)
		w.halted.Store(true)
		w.rest(24 * time.Hour)
		w.calm()
		w.carry(root)
		step := w.mail()[0]
		first := w.handle(step)
		w.rest(retention - 12*time.Hour)
		w.handle(request("CHG-2", mt, true).event()) // what has expired goes when something is written
		if _, err := w.ledger.Get(t.Context(), keyOf(root)); !errors.Is(err, ledger.ErrNotFound) {
			w.wrong("the root has not expired: %v", err)
		}
		if again := w.handle(step); again.Kind != engine.Completed || again.Event.ID() != first.Event.ID() {
			w.wrong("the step is answered by %s, and was by %s", again.Kind, first.Kind)
		}
		if found := w.finding(); found != "" {
			t.Error(found)
		}
	})
}

// The options of a step are those that it was asked for with, and none on the
// way back: they say how to switch on, not how it lay before.
func TestTheOptionsOfAStep(t *testing.T) {
	lab := newLab(t)
	inBubble(t, func() {
		w := lab.newWorld()
		w.watch()
		w.fault(cloudsim.Fault{Operation: operationOf(mt), Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1})
		with := request("", audit, true)
		with.options = map[string]any{"lts_audit_switch": 1}
		root := request("CHG-1", acl, true).chained(events.Undo, with, request("", mt, true))
		w.carry(root)
		w.again(root)
		w.verify()
		if states := w.verifyChain(root); !equal(states, []events.StepState{"undone", "undone", "failed"}) {
			w.wrong("the steps are %v", states)
		}
		var bodies []string
		for _, e := range w.cloud.Effects() {
			if e.Operation == operationOf(audit) {
				bodies = append(bodies, e.Body)
			}
		}
		if len(bodies) != 2 || !strings.Contains(bodies[0], "lts_audit_switch") || strings.Contains(bodies[1], "lts_audit_switch") {
			w.wrong("the calls are %q", bodies)
		}
		if found := w.finding(); found != "" {
			t.Error(found)
		}
	})
}
