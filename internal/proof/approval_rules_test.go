package proof

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// The stories below are the counterexamples by which the rules of approval were
// found: each breaks a promise if its rule is taken out.
func TestRulesOfApproval(t *testing.T) {
	lab := newLab(t)
	for _, s := range approvals {
		t.Run(s.name, func(t *testing.T) { story(t, lab, s.run) })
	}
}

// Where standing changes are approved, a ticket may be used again.
func TestRulesOfReusableTickets(t *testing.T) {
	lab := newLab(t)
	for _, e := range lab.workers {
		e.ReusableTickets = true
	}
	story(t, lab, func(is *require.Assertions, w *world) {
		w.reusable = true
		for i := range 3 {
			is.Equal(engine.Completed, w.handle(ticketed(fmt.Sprint("CHG-", i), acl, i%2 == 0, nil).event()).Kind)
		}
		is.Len(w.flips(), 3)
	})
}

// under is a request under a ticket of that id.
func under(ticket, id, sw string, on bool) ask {
	a := ticketed(id, sw, on, nil)
	a.ticket.ID = ticket
	return a
}

// changing counts how often it is asked, and answers each time as the next says,
// in the end as the last.
func changing(asked *int, minds ...policy) policy {
	return func(d *decision.Decision, now time.Time) (engine.Permission, error) {
		*asked++
		return minds[min(*asked, len(minds))-1](d, now)
	}
}

func saying(asked *int, words ...system) system {
	return func(ctx context.Context, d *decision.Decision) ([]events.Field, time.Duration, error) {
		*asked++
		return words[min(*asked, len(words))-1](ctx, d)
	}
}

// unreadable makes every reading of the cloud fail, so that a doubt stays.
func (w *world) unreadable() {
	w.fault(cloudsim.Fault{Kind: cloudsim.Status, Status: 503, Match: func(c cloudsim.Call) bool { return c.Method == "GET" }})
}

var approvals = []struct {
	name string
	run  func(*require.Assertions, *world)
}{
	// Spent once
	{"a ticket is good for one change of a switch and target", func(is *require.Assertions, w *world) {
		is.Equal(engine.Completed, w.handle(ticketed("CHG-1", ssl, true, nil).event()).Kind)
		w.rest(quiet)
		for _, on := range []bool{true, false} {
			again := ticketed(fmt.Sprint("again-", on), ssl, on, nil).event()
			first, second := w.handle(again), w.handle(again)
			is.Equal(events.TicketSpent, code(first))
			is.Contains(first.Error.Detail, `"CHG-1"`)
			is.Equal(first.Event.ID(), second.Event.ID())
		}
		is.Len(w.flips(), 1)
		elsewhere := ticketed("CHG-3", ssl, true, nil)
		elsewhere.target.ProxyID = proxyB
		is.Equal(engine.Completed, w.handle(elsewhere.event()).Kind, "another target")
		w.rest(quiet)
		is.Equal(engine.Completed, w.handle(ticketed("CHG-4", acl, true, nil).event()).Kind, "another switch")
		is.Equal(engine.Completed, w.handle(under("CHG0031338", "CHG-5", ssl, false).event()).Kind, "another ticket")
		is.Len(w.flips(), 4)
	}},
	{"two spellings of a ticket are one ticket", func(is *require.Assertions, w *world) {
		is.Equal(engine.Completed, w.handle(under("CHG0031337", "CHG-1", acl, true).event()).Kind)
		for i, spelling := range []string{"chg0031337", " CHG0031337 ", "ＣＨＧ００３１３３７"} {
			is.Equal(events.TicketSpent, code(w.handle(under(spelling, fmt.Sprint("again-", i), acl, false).event())), spelling)
		}
		is.Len(w.flips(), 1)
	}},
	{"a ticket in use is waited for", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.Busy, Times: 2})
		is.Equal(events.Busy, code(w.handle(ticketed("CHG-1", acl, true, nil).event())))
		other := ticketed("CHG-2", acl, false, nil).event()
		r := w.handle(other)
		is.Equal(events.Held, code(r))
		is.Contains(r.Error.Detail, `"CHG-1"`)
		is.True(r.Stored)
		w.settle(nil)
		is.Equal(events.TicketSpent, code(w.handle(other)))
		is.Len(w.cloud.Effects(), 1)
	}},
	{"a ticket that had no effect may be used by another, and then by nobody", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.Status, Status: 400, Times: 1})
		is.Equal(events.WindowOver, code(w.handle(ticketed("CHG-1", acl, true, window(-time.Hour, 0)).event())))
		is.Equal(events.CloudRefused, code(w.handle(ticketed("CHG-2", acl, true, nil).event())))
		is.Equal(engine.Completed, w.handle(ticketed("CHG-3", acl, true, nil).event()).Kind)
		for i := range 2 {
			is.Equal(events.TicketSpent, code(w.handle(ticketed(fmt.Sprint("again-", i), acl, false, nil).event())), "who is refused frees nothing")
		}
	}},
	{"who gave up without doubt finds his ticket spent by another", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.Status, Status: 403})
		first, second := ticketed("CHG-1", acl, true, nil).event(), ticketed("CHG-2", acl, false, nil).event()
		is.Equal(events.CloudDenied, code(w.handle(first)))
		w.rest(giveUp + time.Minute)
		is.Equal(events.GaveUp, code(w.handle(first)))
		w.calm()
		is.Equal(engine.Completed, w.handle(second).Kind)
		is.Equal(events.TicketSpent, code(w.handle(first)))
	}},
	{"who may have used a ticket has spent it, until it proves that he has not", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		w.unreadable()
		first := ticketed("CHG-1", ssl, true, window(-time.Minute, 2*time.Hour)).event()
		is.Equal(events.Doubt, code(w.handle(first)))
		w.rest(time.Hour + time.Second)
		is.Equal(events.Unresolved, code(w.handle(first)))
		w.calm()
		is.Equal(events.TicketSpent, code(w.handle(ticketed("CHG-2", ssl, true, nil).event())))
		w.rest(2 * time.Hour)
		is.Equal(events.WindowOver, code(w.handle(first)))
		is.Equal(engine.Completed, w.handle(ticketed("CHG-3", ssl, true, nil).event()).Kind)
		is.Len(w.cloud.Effects(), 1)
	}},
	{"a ticket stays spent when the decision that spent it is forgotten", func(is *require.Assertions, w *world) {
		for _, at := range []string{acl, mt} {
			name := "CHG of " + at
			first := under(name, "first "+name, at, true)
			if at == mt { // without any date it counts as new
				first.decided, first.ticket.ApprovedAt = time.Time{}, nil
			}
			is.Equal(engine.Completed, w.handle(first.event()).Kind)
			w.rest(retention + time.Hour)
			for i := range 6 { // whose marks forget what has expired
				is.Equal(engine.Completed, w.handle(request(fmt.Sprint("sweep ", name, i), audit, true).event()).Kind)
			}
			is.Equal(events.TicketSpent, code(w.handle(first.event())))
			again := under(name, "again "+name, at, false)
			is.Equal(events.TicketSpent, code(w.handle(again.event())))
		}
		is.Len(w.flips(), 2+12)
	}},
	{"an operator's word does not spend a ticket twice", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.Status, Status: 403})
		first, second := ticketed("CHG-1", acl, true, nil).event(), ticketed("CHG-2", acl, false, nil).event()
		is.Equal(events.CloudDenied, code(w.handle(first)))
		w.rest(giveUp + time.Minute)
		is.Equal(events.GaveUp, code(w.handle(first)))
		w.calm()
		is.Equal(engine.Completed, w.handle(second).Kind)
		inv := w.start(1, "resolution of CHG-1", func(ctx context.Context, e *engine.Engine) engine.Result {
			_, err := e.Resolve(ctx, keyOf(first), engine.Resolution{As: engine.WasAbsent, By: "operator"})
			is.ErrorContains(err, "CHG-2")
			return engine.Result{Kind: engine.Ignored}
		})
		<-inv.done
		is.Len(w.cloud.Effects(), 1)
	}},

	// Bound
	{"a ticket that is bound is good for just that", func(is *require.Assertions, w *world) {
		bound := func(id string, on bool) ask {
			a := ticketed(id, acl, on, nil)
			var err error
			a.ticket.Digest, err = digest.Of(a.event().Data())
			is.NoError(err)
			return a
		}
		other := bound("CHG-1", true)
		other.on = false
		r := w.handle(other.event())
		is.Equal(events.NotApproved, code(r))
		is.Equal("data.ticket.digest", r.Error.Fields[0].Path)
		is.Empty(w.flips())
		is.Equal(engine.Completed, w.handle(bound("CHG-2", true).event()).Kind)
	}},

	// Policy
	{"what a policy forbids is never called, and stays so", func(is *require.Assertions, w *world) {
		w.decides(denies)
		for _, a := range []ask{request("CHG-1", ssl, true), ticketed("CHG-2", ssl, true, nil), tagged("CHG-3", ssl, true)} {
			r := w.handle(a.event())
			is.Equal(events.Denied, code(r))
			is.Equal([]string{"freeze"}, r.Error.Policy)
			w.decides(grants)
			again := w.handle(a.event())
			is.Equal(events.Denied, code(again))
			is.Equal(r.Event.ID(), again.Event.ID())
			w.decides(denies)
		}
		is.Empty(w.flips())
	}},
	{"a repeat is not judged again by a policy that has changed its mind", func(is *require.Assertions, w *world) {
		asked := 0
		w.decides(changing(&asked, grants, denies))
		ev := request("CHG-1", ssl, true).event()
		first := w.handle(ev)
		is.Equal(engine.Completed, first.Kind)
		w.rest(time.Hour)
		is.Equal(first.Event.ID(), w.handle(ev).Event.ID())
		is.Equal(1, asked)
	}},
	{"what may have taken effect is looked up before the policy is asked", func(is *require.Assertions, w *world) {
		asked := 0
		w.decides(changing(&asked, grants, denies))
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind, "it was granted when it was sent")
		is.Equal(1, asked)
	}},
	{"what proves absent is judged by the policy as it is now", func(is *require.Assertions, w *world) {
		asked := 0
		w.decides(changing(&asked, grants, denies))
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(events.Denied, code(w.handle(ev)))
		is.Len(w.flips(), 1)
		is.Equal(2, asked)
	}},
	{"a policy that cannot be asked is no yes and no no", func(is *require.Assertions, w *world) {
		w.decides(broken)
		waits, gives := request("CHG-1", ssl, true).event(), request("CHG-2", mt, true)
		gives.target.InstanceID = other
		r := w.handle(waits)
		is.Equal(events.Unavailable, code(r))
		is.True(r.Stored)
		is.Equal(events.Unavailable, code(w.handle(gives.event())))
		w.decides(grants)
		is.Equal(engine.Completed, w.handle(waits).Kind)
		w.decides(broken)
		w.settle(nil)
		rec, err := w.ledger.Get(context.Background(), keyOf(gives.event()))
		is.NoError(err)
		is.Equal(string(events.GaveUp), rec.Outcome.Code)
		is.Len(w.flips(), 1)
	}},
	{"which rules let a call be sent is on record, though its process died", func(is *require.Assertions, w *world) {
		w.decides(grants)
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.decides(denies)
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind)
		for a, err := range w.ledger.Trail(context.Background(), project, instance, 1) {
			is.NoError(err)
			is.Contains(string(a.Body), `"policies":["let it"]`)
		}
	}},

	// Asked at the source
	{"a ticket system that is away is waited for, and its word for how long counts", func(is *require.Assertions, w *world) {
		w.says(away)
		ev := ticketed("CHG-1", ssl, true, nil).event()
		r := w.handle(ev)
		is.Equal(events.Unavailable, code(r))
		is.GreaterOrEqual(r.RetryAfter, 70*time.Second)
		is.True(r.Stored)
		is.Empty(w.flips())
		is.Equal(engine.Completed, w.handle(request("CHG-2", ssl, false).event()).Kind, "what has no ticket does not wait for it")
		w.rest(quiet)
		w.says(agrees)
		acl := ticketed("CHG-3", acl, true, nil).event()
		is.Equal(engine.Completed, w.handle(acl).Kind)
	}},
	{"a ticket system that stays away is given up, and the ticket is not spent", func(is *require.Assertions, w *world) {
		w.says(away)
		first, second := ticketed("CHG-1", acl, true, nil).event(), ticketed("CHG-2", acl, true, nil).event()
		is.Equal(events.Unavailable, code(w.handle(first)))
		w.settle(nil)
		rec, err := w.ledger.Get(context.Background(), keyOf(first))
		is.NoError(err)
		is.Equal(string(events.GaveUp), rec.Outcome.Code)
		is.Empty(w.flips())
		w.says(agrees)
		is.Equal(engine.Completed, w.handle(second).Kind)
		is.Equal(events.TicketSpent, code(w.handle(first)))
	}},
	{"a ticket system that says otherwise is believed, once", func(is *require.Assertions, w *world) {
		asked := 0
		w.says(saying(&asked, disagrees, agrees))
		ev := ticketed("CHG-1", ssl, true, nil).event()
		for range 2 {
			r := w.handle(ev)
			is.Equal(events.NotApproved, code(r))
			is.Equal([]events.Field{{Path: "data.ticket.id", Found: "state canceled", Expected: "state implement"}}, r.Error.Fields)
		}
		is.Equal(1, asked)
		is.Empty(w.flips())
	}},
	{"a repeat does not ask the ticket system again", func(is *require.Assertions, w *world) {
		asked := 0
		w.says(saying(&asked, agrees, disagrees))
		ev := ticketed("CHG-1", ssl, true, nil).event()
		first := w.handle(ev)
		is.Equal(engine.Completed, first.Kind)
		is.Equal(first.Event.ID(), w.handle(ev).Event.ID())
		is.Equal(1, asked)
	}},
	{"a ticket that was taken back meanwhile is no leave to call again", func(is *require.Assertions, w *world) {
		asked := 0
		w.says(saying(&asked, agrees, disagrees))
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := ticketed("CHG-1", alt, true, nil).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.NotEqual(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 1)
		is.Equal(2, asked)
	}},
	{"what took effect is found though the ticket was taken back since", func(is *require.Assertions, w *world) {
		asked := 0
		w.says(saying(&asked, agrees, disagrees))
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutAfter, Times: 1})
		ev := ticketed("CHG-1", alt, true, nil).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(events.Accepted, w.handle(ev).Result)
		is.Equal(1, asked)
	}},
	{"a ticket system that hangs leaves the time to write that down", func(is *require.Assertions, w *world) {
		w.says(hangs)
		began := time.Now()
		r := w.handle(ticketed("CHG-1", ssl, true, nil).event())
		is.Equal(events.Unavailable, code(r))
		is.True(r.Stored)
		is.Less(time.Since(began), lifetime-reserve)
		w.says(agrees)
	}},
	{"a window that ends while the ticket system thinks is over", func(is *require.Assertions, w *world) {
		w.says(func(ctx context.Context, d *decision.Decision) ([]events.Field, time.Duration, error) {
			return nil, 0, wait(ctx, 10*time.Second)
		})
		is.Equal(events.WindowOver, code(w.handle(ticketed("CHG-1", ssl, true, window(-time.Minute, 5*time.Second)).event())))
		is.Empty(w.flips())
	}},

	// Principals
	{"nobody approves for himself in disguise", func(is *require.Assertions, w *world) {
		for i, name := range []string{
			"Requester@Example.com", " requester@example.com ", "mailto:requester@example.com", "ｒequester@example.com",
		} {
			a := ticketed(fmt.Sprint("CHG-", i), ssl, true, nil)
			a.ticket.ApprovedBy = []string{name}
			is.Equal(events.NotApproved, code(w.handle(a.event())), name)
		}
		for i, name := range []string{
			"requester@example\u200b.com", "re\u00adquester@example.com", "requester@example.com\x00", "-", "approver\u2060@example.com",
		} {
			a := ticketed(fmt.Sprint("CHG-1", i), ssl, true, nil)
			a.ticket.ApprovedBy = []string{name}
			is.Equal(events.InvalidData, code(w.handle(a.event())), "%q", name)
		}
		is.Empty(w.flips())
	}},
	{"letters with and without their marks composed are the same", func(is *require.Assertions, w *world) {
		a := ticketed("CHG-1", ssl, true, nil)
		a.ticket.RequestedBy, a.ticket.ApprovedBy = "andr\u00e9@example.com", []string{"ANDRE\u0301@example.com"}
		is.Equal(events.NotApproved, code(w.handle(a.event())))
		b := ticketed("CHG-2", ssl, true, nil)
		b.ticket.RequestedBy, b.ticket.ApprovedBy = "stra\u00dfe@example.com", []string{"STRASSE@example.com"}
		is.Equal(events.NotApproved, code(w.handle(b.event())))
		is.Empty(w.flips())
	}},

	// Together
	{"of many events of one ticket at once one takes effect", func(is *require.Assertions, w *world) {
		var all []event.Event
		var begun []*invocation
		for i := range 12 {
			a := ticketed(fmt.Sprint("CHG-", i), ssl, i%2 == 0, nil)
			*a.ticket.ApprovedAt = a.decided.Add(-time.Minute)
			all = append(all, a.event())
		}
		for i, ev := range all {
			begun = append(begun, w.deliver(i%3, ev))
		}
		for _, inv := range begun {
			<-inv.done
		}
		w.settle(all)
		spent := 0
		for _, rec := range w.records() {
			if rec.Outcome.Code == string(events.TicketSpent) {
				spent++
			}
		}
		is.Equal(11, spent)
		is.Len(w.cloud.Effects(), 1)
	}},
}
