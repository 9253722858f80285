package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

const (
	chained  = "096c0fc43e804757b59946b80dc27f8bin07"
	ofProxy  = "2ec617ba62da4eafb921b69438beed3cpo01"
	inhabits = "056538411200d4cd2f79c003c7606412"
)

func on(enabled bool) *bool { return &enabled }

// four is a ticket for ALT, then SSL, then access control, then multi-tenancy, on
// one instance.
func four(t *testing.T, id string, change func(*events.TicketApproved)) event.Event {
	now := time.Now()
	data := events.TicketApproved{
		Switch: "proxy-alt", Enabled: on(true),
		Target: &events.Target{ProjectID: inhabits, InstanceID: chained, ProxyID: ofProxy},
		Ticket: &events.Ticket{ID: id, RequestedBy: "r@example.com", ApprovedBy: []string{"a@example.com"}, ApprovedAt: &now},
		Then: []events.Step{
			{Switch: "proxy-ssl", Enabled: on(true)}, {Switch: "access-control", Enabled: on(true)}, {Switch: "multi-tenancy", Enabled: on(true)},
		},
	}
	if change != nil {
		change(&data)
	}
	text, err := json.Marshal(data)
	require.NoError(t, err)
	ev := event.New()
	ev.SetID(id)
	ev.SetSource("https://tickets.example.com/changes")
	ev.SetType(events.TypeTicketApproved)
	ev.SetTime(now)
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(text)))
	return ev
}

// operations are the flips that took effect, in order.
func (w *town) operations() (names []string) {
	for _, e := range w.sim.Effects() {
		names = append(names, e.Operation)
	}
	return names
}

// states are how the steps of the one chain that has ended stand.
func (w *town) states(typ string) (states []events.StepState) {
	ended := w.events(typ)
	require.Len(w.t, ended, 1, typ)
	var data events.ChainEnded
	require.NoError(w.t, ended[0].DataAs(&data))
	for _, s := range data.Steps {
		states = append(states, s.State)
	}
	return states
}

// A chain runs in order, each step once the job before it has ended, under one
// correlation id, whoever dies on the way.
func TestAChainRunsInOrder(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newTown(t, cloudsim.Options{})
			p := w.start(w.bolt(), time.Second)
			require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil)).Result)
			for range 60 {
				time.Sleep(10 * time.Second)
				if restarts {
					p.stop()
					p = w.start(w.bolt(), time.Second)
				}
			}
			effects := w.sim.Effects()
			require.Equal(t, []string{"SwitchGaussMySqlProxyAlt", "SwitchGaussMySqlProxySsl", "SwitchAccessControl", "UpdateMultiTenant"}, w.operations())
			succeeded := w.events(events.TypeJobSucceeded)
			require.Len(t, succeeded, 3)
			for i, after := range []int{0, 1} {
				require.False(t, effects[i+1].Time.Before(succeeded[after].Time()), "begun before the job of the step before has ended")
			}
			require.Equal(t, []events.StepState{events.StepDone, events.StepDone, events.StepDone, events.StepDone}, w.states(events.TypeChainSucceeded))
			require.Len(t, w.events(events.TypeSwitchRequested), 3)
			for _, ev := range w.out {
				require.Equal(t, "CHG1", ev.Extensions()["correlationid"], ev.Type())
			}
			p.stop()
		})
	}
}

// A chain whose step fails goes no further, and says what was not done.
func TestAChainStopsWhereAStepFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault  cloudsim.Fault
		states []events.StepState
	}{
		"refused":        {cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1}, []events.StepState{"done", "failed", "not-done", "not-done"}},
		"its job fails":  {cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.JobFails, Times: 1}, []events.StepState{"done", "failed", "not-done", "not-done"}},
		"the last fails": {cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.JobFails, Times: 1}, []events.StepState{"done", "done", "done", "failed"}},
		"never granted":  {cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusForbidden}, []events.StepState{"done", "failed", "not-done", "not-done"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, cloudsim.Options{})
				p := w.start(config.Place{Kind: "memory"}, time.Minute)
				defer p.stop()
				w.inject(c.fault)
				p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil))
				time.Sleep(30 * time.Hour)
				require.Equal(t, c.states, w.states(events.TypeChainFailed))
				require.Empty(t, w.events(events.TypeChainSucceeded))
				// What failed is not taken up again by whoever delivers it again.
				w.sim.ClearFaults()
				before := len(w.sim.Effects())
				for _, ev := range w.events(events.TypeSwitchRequested) {
					var data events.SwitchRequested
					require.NoError(t, ev.DataAs(&data))
					p.Handle(t.Context(), map[string]string{"proxy-ssl": "proxyssl", "access-control": "accesscontrol", "multi-tenancy": "multitenant"}[data.Switch], ev)
				}
				time.Sleep(time.Hour)
				require.Len(t, w.sim.Effects(), before)
			})
		})
	}
}

// With undo, what is known to have been changed is flipped back, last first. ALT
// cannot be read: that it was changed is not known, and it is let lie.
func TestAChainIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(w.bolt(), time.Second)
		w.inject(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.JobFails, Times: 1})
		p.Handle(t.Context(), "proxyalt", four(t, "CHG1", func(a *events.TicketApproved) { a.OnFailure = events.Undo }))
		for range 60 {
			time.Sleep(10 * time.Second)
			p.stop()
			p = w.start(w.bolt(), time.Second)
		}
		require.Equal(t, []events.StepState{"done", "undone", "undone", "failed"}, w.states(events.TypeChainFailed))
		require.Equal(t, []string{"SwitchGaussMySqlProxyAlt", "SwitchGaussMySqlProxySsl", "SwitchAccessControl", "UpdateMultiTenant",
			"SwitchAccessControl", "SwitchGaussMySqlProxySsl"}, w.operations())
		effects := w.sim.Effects()
		require.False(t, effects[4].Enabled)
		require.False(t, effects[5].Enabled)
		p.stop()
	})
}

// What lay as wanted before is no change of the chain's, and not flipped back.
func TestUndoLeavesWhatWasSoBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		defer p.stop()
		require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyssl", four(t, "CHG0", func(a *events.TicketApproved) {
			a.Switch, a.Then = "proxy-ssl", nil
		})).Result)
		time.Sleep(10 * time.Minute)
		w.inject(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.Status, Status: http.StatusBadRequest, Times: 1})
		p.Handle(t.Context(), "proxyalt", four(t, "CHG1", func(a *events.TicketApproved) { a.OnFailure = events.Undo }))
		time.Sleep(time.Hour)
		require.Equal(t, []events.StepState{"done", "unchanged", "undone", "failed"}, w.states(events.TypeChainFailed))
		require.True(t, w.sim.State(cloudsim.Target{ProjectID: inhabits, InstanceID: chained, ProxyID: ofProxy}).On["ssl"])
	})
}

// A newer decision on a target of the chain supersedes the rest.
func TestANewerDecisionEndsTheChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{JobRunning: 10 * time.Minute})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		defer p.stop()
		p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil))
		time.Sleep(time.Minute)
		// Held by the job of the first step, it waits; the chain's own step comes
		// before or after it, and is older.
		p.Handle(t.Context(), "proxyssl", four(t, "CHG2", func(a *events.TicketApproved) {
			a.Switch, a.Then, a.Enabled = "proxy-ssl", nil, on(false)
		}))
		time.Sleep(3 * time.Hour)
		require.False(t, w.sim.State(cloudsim.Target{ProjectID: inhabits, InstanceID: chained, ProxyID: ofProxy}).On["ssl"], "the newer one stands")
	})
}

// A policy is asked at each step, which has come in by the bus, whoever brought
// what the chain began with.
func TestAChainUnderAPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		states []events.StepState
	}{
		"granted": {`permit (principal, action, resource) when { context.door == (if context.step == 0 then "direct" else "bus") };`,
			[]events.StepState{"done", "done", "done", "done"}},
		"denied at the third": {`permit (principal, action, resource) when { context.step < 2 };`,
			[]events.StepState{"done", "done", "failed", "not-done"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, cloudsim.Options{})
				w.policy = c.policy
				p := w.start(config.Place{Kind: "memory"}, time.Second)
				defer p.stop()
				ctx := admission.With(t.Context(), admission.Admission{Door: admission.Direct})
				require.Equal(t, events.Accepted, p.Handle(ctx, "proxyalt", four(t, "CHG1", nil)).Result)
				time.Sleep(time.Hour)
				typ := events.TypeChainSucceeded
				if c.states[3] != events.StepDone {
					typ = events.TypeChainFailed
				}
				require.Equal(t, c.states, w.states(typ))
			})
		})
	}
}

// Nobody but the ledger makes a step due.
func TestAForgedStepMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		defer p.stop()
		p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil))
		time.Sleep(time.Hour)
		before := len(w.sim.Effects())
		requests := w.events(events.TypeSwitchRequested)
		require.Len(t, requests, 3)
		forge := func(change func(*events.SwitchRequested, *event.Event)) event.Event {
			ev := requests[0].Clone()
			var data events.SwitchRequested
			require.NoError(t, ev.DataAs(&data))
			change(&data, &ev)
			require.NoError(t, ev.SetData(event.ApplicationJSON, data))
			return ev
		}
		for name, ev := range map[string]event.Event{
			"another id":       forge(func(_ *events.SwitchRequested, ev *event.Event) { ev.SetID("another") }),
			"another position": forge(func(d *events.SwitchRequested, ev *event.Event) { d.Enabled = on(false); ev.SetSource("urn:forged") }),
			"another target": forge(func(d *events.SwitchRequested, _ *event.Event) {
				d.Target.ProxyID = "3ec617ba62da4eafb921b69438beed3cpo01"
			}),
			"another record": forge(func(d *events.SwitchRequested, _ *event.Event) { d.Chain.After.ID = "nobody's" }),
			"another order":  forge(func(d *events.SwitchRequested, _ *event.Event) { d.Chain.Order = time.Now() }),
			"another ticket": forge(func(d *events.SwitchRequested, _ *event.Event) { d.Ticket.ApprovedBy = []string{"nobody"} }),
			"another state":  forge(func(d *events.SwitchRequested, _ *event.Event) { d.Chain.Steps[0].State = events.StepUndone }),
		} {
			r := p.Handle(t.Context(), "proxyssl", ev)
			require.Equal(t, engine.Rejected, r.Kind, name)
			require.Equal(t, events.NotApproved, r.Error.Code, name)
		}
		require.Equal(t, engine.Completed, p.Handle(t.Context(), "proxyssl", requests[0]).Kind, "the true one is a repeat")
		time.Sleep(time.Hour)
		require.Len(t, w.sim.Effects(), before)
	})
}

// A ticket's chain is one use of it: another event of the ticket gets none of the
// chain's targets.
func TestAChainSpendsItsTicketOnAllOfItsSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		defer p.stop()
		p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil))
		time.Sleep(time.Hour)
		ev := four(t, "CHG1", func(a *events.TicketApproved) { a.Switch, a.Then = "multi-tenancy", nil; a.Target.ProxyID = "" })
		ev.SetID("again")
		r := p.Handle(t.Context(), "multitenant", ev)
		require.Equal(t, events.TicketSpent, r.Error.Code)
	})
}

// Fifty steps after the first are the most.
func TestALongChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		defer p.stop()
		long := func(n int) event.Event {
			return four(t, fmt.Sprint("CHG", n), func(a *events.TicketApproved) {
				a.Switch, a.Then = "access-control", nil
				for i := range n {
					a.Then = append(a.Then, events.Step{Switch: "access-control", Enabled: on(i%2 == 1)})
				}
			})
		}
		require.Equal(t, events.InvalidData, p.Handle(t.Context(), "accesscontrol", long(51)).Error.Code)
		p.Handle(t.Context(), "accesscontrol", long(50))
		time.Sleep(time.Hour)
		require.Len(t, w.sim.Effects(), 51)
		require.Len(t, w.states(events.TypeChainSucceeded), 51)
	})
}

// A decision that waits is judged by what its first delivery said: a repeat that
// says of its ticket that it was approved since does not make it so.
func TestARepeatDoesNotRefreshItsApproval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		w.policy = `permit (principal, action, resource) when {
			context has ticket && context.ticket has approved_at && context.now.durationSince(context.ticket.approved_at) <= duration("2d") };`
		p := w.start(config.Place{Kind: "memory"}, 100*time.Hour)
		defer p.stop()
		synctest.Wait()
		opens, closes := time.Now().Add(24*time.Hour), time.Now().Add(48*time.Hour)
		delivered := func(approved time.Time) engine.Result {
			ctx := admission.With(t.Context(), admission.Admission{Door: admission.Direct})
			return p.Handle(ctx, "proxyssl", four(t, "CHG1", func(a *events.TicketApproved) {
				a.Switch, a.Then, a.Ticket.ApprovedAt = "proxy-ssl", nil, &approved
				a.Ticket.Window = &events.Window{Start: &opens, End: &closes}
			}))
		}
		old := time.Now().Add(-30 * time.Hour)
		require.Equal(t, engine.Later, delivered(old).Kind)
		time.Sleep(25 * time.Hour)
		r := delivered(time.Now())
		require.Equal(t, engine.Rejected, r.Kind)
		require.Equal(t, events.Denied, r.Error.Code)
		require.Empty(t, w.sim.Effects())
	})
}
