package proof

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	auditswitch "github.com/interlock-functions/interlock/functions/auditswitch/simulation"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// story runs a test in a world of its own, and then holds that world against
// everything that is promised.
func story(t *testing.T, lab *lab, run func(*require.Assertions, *world)) {
	t.Helper()
	inBubble(t, func() {
		defer func() {
			if p := recover(); p != nil && p != (cried{}) {
				panic(p)
			}
		}()
		w := lab.newWorld()
		defer w.close()
		w.watch()
		w.rest(time.Hour)
		run(require.New(crier{t}), w)
		w.calm()
		w.settle(nil)
		w.verify()
		if found := w.finding(); found != "" {
			t.Error(found)
		}
	})
}

// crier lets a requirement fail inside a bubble, which only panics leave.
type crier struct{ *testing.T }

// cried is what it panics with, when the test has failed already.
type cried struct{}

func (c crier) FailNow() { panic(cried{}) }

func (w *world) fault(f cloudsim.Fault) {
	if err := w.cloud.Inject(f); err != nil {
		panic(err)
	}
}

// flips are the calls to switches that reached the cloud.
func (w *world) flips() (calls []cloudsim.Call) {
	for _, c := range w.cloud.Calls() {
		if c.Method != http.MethodGet {
			calls = append(calls, c)
		}
	}
	return calls
}

// let tells every gate of one kind of call what becomes of it.
func (w *world) let(what string, f fate) {
	w.gate = func(_ context.Context, _ *invocation, at string) fate {
		if at == what {
			return f
		}
		return succeeds
	}
}

func code(r engine.Result) events.Code {
	if r.Error == nil {
		return ""
	}
	return r.Error.Code
}

// An old decision that is delivered after a newer effective one is superseded,
// without a call, for every switch.
func TestSuperseded(t *testing.T) {
	lab := newLab(t)
	for _, sw := range functions.All() {
		t.Run(sw.Name, func(t *testing.T) {
			story(t, lab, func(is *require.Assertions, w *world) {
				old := request("old", sw.Name, false)
				w.rest(time.Minute)
				is.Equal(engine.Completed, w.handle(request("new", sw.Name, true).event()).Kind)
				w.rest(quiet)
				for range 2 {
					r := w.handle(old.event())
					is.Equal(engine.Rejected, r.Kind)
					is.Equal(events.Superseded, code(r))
				}
				is.Len(w.flips(), 1)
			})
		})
	}
}

// The same event sent forty times at once makes one call, and is answered with
// the completion event, the same each time, or with held and when to come back.
func TestFortyAtOnce(t *testing.T) {
	lab := newLab(t)
	for _, sw := range functions.All() {
		t.Run(sw.Name, func(t *testing.T) {
			story(t, lab, func(is *require.Assertions, w *world) {
				ev := request("CHG-1", sw.Name, true).event()
				var all []*invocation
				for i := range 40 {
					all = append(all, w.deliver(i%3, ev))
				}
				ids := map[string]int{}
				for _, inv := range all {
					<-inv.done
					if inv.result.Kind == engine.Completed {
						ids[inv.result.Event.ID()]++
						continue
					}
					is.Equal(engine.Later, inv.result.Kind)
					is.Equal(events.Held, code(inv.result))
					is.Positive(inv.result.RetryAfter)
				}
				is.Len(ids, 1)
				is.Len(w.flips(), 1)
			})
		})
	}
}

// Of twelve decisions on one target at once, in any order, the newest wins.
func TestTwelveAtOnce(t *testing.T) {
	lab := newLab(t)
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("order ", seed), func(t *testing.T) {
			story(t, lab, func(is *require.Assertions, w *world) {
				var all []event.Event
				for i := range 12 {
					all = append(all, request(fmt.Sprint("CHG-", i), shapes[seed%3], i%2 == 1).event())
					w.rest(time.Second)
				}
				w.rest(5 * time.Second) // to a worker whose clock is behind, a later time is its own now, and the order of two such is lost
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				var begun []*invocation
				for i, ev := range all {
					begun = append(begun, w.deliver(i%3, ev))
				}
				for _, inv := range begun {
					<-inv.done
				}
				w.settle(all)
				for _, rec := range w.records() {
					if rec.Key.ID == "CHG-11" {
						is.True(rec.Outcome.Effective, rec.Outcome.Code)
						on, _ := w.positionOf(decoded(rec))
						is.True(on)
					}
				}
			})
		})
	}
}

// A cloud that applies a change and then cuts the connection has applied it
// once, in the end; where there is a job, it is found.
func TestApplyThenCut(t *testing.T) {
	lab := newLab(t)
	for _, sw := range functions.All() {
		for _, kind := range []cloudsim.Kind{cloudsim.CutAfter, cloudsim.CutBody, cloudsim.Unreadable} {
			t.Run(sw.Name+"/"+string(kind), func(t *testing.T) {
				story(t, lab, func(is *require.Assertions, w *world) {
					w.fault(cloudsim.Fault{Operation: operationOf(sw.Name), Kind: kind, Times: 1})
					ev := request("CHG-1", sw.Name, true).event()
					r := w.handle(ev)
					if r.Kind == engine.Later {
						is.Equal(events.Doubt, code(r))
						is.GreaterOrEqual(r.RetryAfter, quiet)
						is.Equal(events.Doubt, code(w.handle(ev)), "it is looked up only when the cloud has had time to show it")
						w.rest(r.RetryAfter + time.Second)
						r = w.handle(ev)
					}
					is.Equal(engine.Completed, r.Kind)
					is.Len(w.cloud.Effects(), 1)
					var data events.Completed
					is.NoError(r.Event.DataAs(&data))
					is.Equal(w.cloud.Effects()[0].JobID, data.JobID)
					is.Equal(sw.Creates, data.Inferred)
				})
			})
		}
	}
}

// The stories below are the counterexamples by which the rules were found: each
// breaks a promise if its rule is taken out.
func TestRules(t *testing.T) {
	for _, shelf := range shelves(t) {
		lab := newLab(t)
		lab.shelf = shelf
		for _, s := range rules {
			t.Run(shelf.name+"/"+s.name, func(t *testing.T) { story(t, lab, s.run) })
		}
	}
}

const ssl, alt, acl, mt, audit = "proxy-ssl", "proxy-alt", "access-control", "multi-tenancy", "database-audit"

func window(from, to time.Duration) *events.Window {
	start, end := time.Now().Add(from), time.Now().Add(to)
	return &events.Window{Start: &start, End: &end}
}

// ticketed is a request under a ticket that was approved now.
func ticketed(id, sw string, on bool, win *events.Window) ask {
	a := request(id, sw, on)
	a.ticket = approved(a.decided, win)
	return a
}

// tagged says the same by a tag.
func tagged(id, sw string, on bool) ask {
	a := request(id, sw, on)
	a.tag = true
	return a
}

// oddClock: a job of our own is found, and one from before is not taken for it,
// though the cloud's stamps are by another clock.
func oddClock(is *require.Assertions, w *world, ahead time.Duration) {
	w.ahead = ahead
	w.cloud.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: instance, Name: "SomethingNew"})
	w.rest(quiet)
	w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutAfter, Times: 1})
	ev := request("CHG-1", alt, true).event()
	is.Equal(events.Doubt, code(w.handle(ev)))
	w.rest(quiet + time.Second)
	is.Equal(events.Accepted, w.handle(ev).Result)
	is.Len(w.flips(), 1)
}

var rules = []struct {
	name string
	run  func(*require.Assertions, *world)
}{
	{"a repeat is not judged again by a clock that has moved on", func(is *require.Assertions, w *world) {
		ev := ticketed("CHG-1", ssl, true, window(-time.Minute, time.Minute)).event()
		first := w.handle(ev)
		is.Equal(engine.Completed, first.Kind)
		w.rest(time.Hour)
		again := w.handle(ev)
		is.Equal(engine.Completed, again.Kind)
		is.Equal(first.Event.ID(), again.Event.ID())
		is.Len(w.flips(), 1)
	}},
	{"what may have taken effect is looked up before the guard is asked", func(is *require.Assertions, w *world) {
		ev := ticketed("CHG-1", ssl, true, window(-time.Minute, time.Minute)).event()
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(time.Hour)
		is.Equal(engine.Completed, w.handle(ev).Kind, "the window is over, but it was open when it was sent")
	}},
	{"what proves absent is judged by the guard", func(is *require.Assertions, w *world) {
		ev := ticketed("CHG-1", ssl, true, window(-time.Minute, time.Minute)).event()
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(time.Hour)
		is.Equal(events.WindowOver, code(w.handle(ev)))
		is.Len(w.flips(), 1)
	}},
	{"a window that is not open yet is waited for", func(is *require.Assertions, w *world) {
		ev := ticketed("CHG-1", ssl, true, window(10*time.Minute, time.Hour)).event()
		r := w.handle(ev)
		is.Equal(events.NotYet, code(r))
		is.Equal(10*time.Minute, r.RetryAfter)
		w.rest(9 * time.Minute)
		is.Empty(w.due(0))
		w.settle(nil)
		is.Len(w.flips(), 1)
		is.True(w.flips()[0].Time.After(w.began.Add(70 * time.Minute).Add(-2 * skew)))
	}},
	{"a window that is over, a future, a ticket that nobody else approved", func(is *require.Assertions, w *world) {
		is.Equal(events.WindowOver, code(w.handle(ticketed("CHG-1", ssl, true, window(-time.Hour, 0)).event())))
		future := request("CHG-2", ssl, true)
		future.decided = time.Now().Add(5*time.Minute + time.Second)
		is.Equal(events.Future, code(w.handle(future.event())))
		alone := ticketed("CHG-3", ssl, true, nil)
		alone.ticket.ApprovedBy = []string{alone.ticket.RequestedBy}
		is.Equal(events.NotApproved, code(w.handle(alone.event())))
		is.Empty(w.flips())
	}},
	{"nothing is called while calls are halted, and no doubt is looked up", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		doubted, fresh := request("CHG-1", ssl, true).event(), request("CHG-2", mt, true)
		fresh.target.InstanceID = other
		is.Equal(events.Doubt, code(w.handle(doubted)))
		before := len(w.cloud.Calls())
		w.halted.Store(true)
		for range 5 {
			w.rest(2 * time.Hour)
			is.Equal(events.Unavailable, code(w.handle(doubted)))
			is.Equal(events.Unavailable, code(w.handle(fresh.event())), "nor is it given up")
		}
		is.Len(w.cloud.Calls(), before)
		w.halted.Store(false)
		w.rest(2 * quiet)
		is.Equal(engine.Completed, w.handle(fresh.event()).Kind)
	}},
	{"a list that has never shown a job of ours proves nothing by what it lacks", func(is *require.Assertions, w *world) {
		w.unlisted, w.cloud.Unlisted = true, true
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.fault(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.CutBefore, Times: 1})
		lost, cut := request("CHG-1", alt, true).event(), request("CHG-2", mt, true)
		cut.target.InstanceID = other
		is.Equal(events.Doubt, code(w.handle(lost)))
		is.Equal(events.Doubt, code(w.handle(cut.event())))
		for range 29 {
			w.rest(2 * quiet)
			is.Equal(events.Doubt, code(w.handle(lost)), "there may be a job that is not listed")
		}
		w.rest(2 * quiet)
		r := w.handle(lost)
		is.Equal(events.Unresolved, code(r))
		is.Contains(r.Error.Detail, "has never been seen to show one of ours")
		is.Len(w.cloud.CallsOf(proxyalt.Flip), 1, "it took effect, and is not sent again")
		is.Equal(events.Unresolved, code(w.handle(cut.event())), "nor is what might have")
		w.rest(2 * quiet)
		w.unlisted = false // a job of ours has been listed since
		is.Equal(engine.Completed, w.handle(cut.event()).Kind)
	}},
	{"an outcome outlives the time after which decisions are too old", func(is *require.Assertions, w *world) {
		ev := request("CHG-1", alt, true)
		ev.decided = time.Now()
		inv := w.deliver(0, ev.event()) // by the slowest clock
		<-inv.done
		is.Equal(engine.Completed, inv.result.Kind)
		w.rest(retention - skew)
		for range 12 {
			for worker := range w.workers {
				sweep := w.deliver(worker, request(fmt.Sprint("other-", time.Now().Unix(), worker), acl, true).event())
				<-sweep.done // whose mark forgets what has expired
				inv := w.deliver(worker, ev.event())
				<-inv.done
			}
			w.rest(time.Second)
		}
		w.rest(10 * time.Minute)
		is.Equal(engine.Completed, w.handle(request("last", mt, false).event()).Kind)
		is.Equal(events.Expired, code(w.handle(ev.event())))
		count := 0
		for _, c := range w.flips() {
			if c.Operation == proxyalt.Flip {
				count++
			}
		}
		is.Equal(1, count)
	}},
	{"a doubt that is older than the list of jobs is not sent again", func(is *require.Assertions, w *world) {
		for _, sw := range []string{ssl, alt} {
			w.let("cloud.Flip", diesBefore)
			ev := request("CHG-1", sw, true).event()
			w.handle(ev)
			w.calm()
			w.rest(31 * 24 * time.Hour)
			r := w.handle(ev)
			is.Equal(events.Unresolved, code(r))
			is.Contains(r.Error.Detail, "longer ago than the cloud lists jobs")
		}
		is.Empty(w.flips())
	}},
	{"what a decision comes to after it was forgotten is an event of its own", func(is *require.Assertions, w *world) {
		end := time.Now().Add(-time.Hour)
		late := ticketed("CHG-1", acl, true, &events.Window{End: &end}).event()
		undated := request("CHG-2", alt, true)
		undated.decided = time.Time{}
		rejected, first := w.handle(late), w.handle(undated.event())
		is.Equal(events.WindowOver, code(rejected))
		w.rest(quiet)
		is.Equal(engine.Completed, w.handle(request("CHG-3", acl, false).event()).Kind)
		w.rest(retention + time.Hour)
		is.Equal(engine.Completed, w.handle(request("last", mt, false).event()).Kind) // whose mark forgets the others
		w.rest(quiet)
		again, second := w.handle(late), w.handle(undated.event())
		is.Equal(events.Superseded, code(again))
		is.NotEqual(rejected.Event.ID(), again.Event.ID())
		is.Equal(engine.Completed, second.Kind)
		is.NotEqual(first.Event.ID(), second.Event.ID())
		is.Equal(again.Event.ID(), w.handle(late).Event.ID())
		is.Equal(second.Event.ID(), w.handle(undated.event()).Event.ID())
	}},
	{"an outcome that is not published does not expire", func(is *require.Assertions, w *world) {
		ev := request("CHG-1", ssl, true).event()
		w.let("bus.Publish", unreached)
		is.Equal(events.Unavailable, code(w.handle(ev)))
		w.rest(retention + time.Hour)
		is.Equal(events.Unavailable, code(w.handle(ev)))
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 1)
	}},
	{"an id is good for one content", func(is *require.Assertions, w *world) {
		is.Equal(engine.Completed, w.handle(request("CHG-1", ssl, true).event()).Kind)
		reused := request("CHG-1", ssl, false).event()
		first, second := w.handle(reused), w.handle(reused)
		is.Equal(events.IDReused, code(first))
		is.Equal(first.Event.ID(), second.Event.ID())
		is.Equal(engine.Completed, w.handle(request("CHG-1", ssl, true).event()).Kind)
		is.Len(w.flips(), 1)
	}},
	{"of equals neither supersedes the other", func(is *require.Assertions, w *world) {
		a, b := request("CHG-1", acl, true), request("CHG-2", acl, false)
		is.Equal(engine.Completed, w.handle(a.event()).Kind)
		is.Equal(engine.Completed, w.handle(b.event()).Kind)
		is.Len(w.flips(), 2)
	}},
	{"the opening of a window counts, not its approval", func(is *require.Assertions, w *world) {
		early := ticketed("CHG-1", acl, true, window(2*time.Minute, time.Hour))
		w.rest(time.Minute)
		late := request("CHG-2", acl, false)
		is.Equal(engine.Completed, w.handle(late.event()).Kind)
		w.rest(2 * time.Minute)
		is.Equal(engine.Completed, w.handle(early.event()).Kind)
	}},
	{"a date in the future counts as now", func(is *require.Assertions, w *world) {
		a := request("CHG-1", acl, true)
		a.decided = time.Now().Add(4 * time.Minute)
		is.Equal(engine.Completed, w.handle(a.event()).Kind)
		w.rest(time.Minute)
		is.Equal(engine.Completed, w.handle(request("CHG-2", acl, false).event()).Kind)
	}},
	{"the order is that of the first delivery", func(is *require.Assertions, w *world) {
		undated := request("CHG-1", acl, true)
		undated.decided = time.Time{}
		w.halted.Store(true)
		is.Equal(events.Unavailable, code(w.handle(undated.event())))
		w.halted.Store(false)
		w.rest(time.Minute)
		is.Equal(engine.Completed, w.handle(request("CHG-2", acl, false).event()).Kind)
		w.rest(time.Minute)
		is.Equal(events.Superseded, code(w.handle(undated.event())))
	}},
	{"only what took effect supersedes", func(is *require.Assertions, w *world) {
		old := request("CHG-1", ssl, true).event()
		w.rest(time.Second)
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: 400, Times: 1})
		is.Equal(events.CloudRefused, code(w.handle(request("CHG-2", ssl, false).event())))
		is.Equal(engine.Completed, w.handle(old).Kind)
	}},
	{"order is by switch and target", func(is *require.Assertions, w *world) {
		old, elsewhere := request("CHG-1", acl, true), request("CHG-2", acl, false)
		w.rest(time.Second)
		elsewhere.target.ProxyID = proxyB
		is.Equal(engine.Completed, w.handle(elsewhere.event()).Kind)
		is.Equal(engine.Completed, w.handle(request("CHG-3", audit, false).event()).Kind)
		is.Equal(engine.Completed, w.handle(old.event()).Kind)
	}},
	{"one decision at a time works on an instance", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		first := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(first)))
		second := request("CHG-2", acl, true).event()
		is.Equal(events.Held, code(w.handle(second)))
		is.Len(w.flips(), 1)
		elsewhere := request("CHG-3", acl, true)
		elsewhere.target.InstanceID = other
		is.Equal(engine.Completed, w.handle(elsewhere.event()).Kind)
	}},
	{"who meets a lapsed hold finishes it first, whatever its switch", func(is *require.Assertions, w *world) {
		w.let("ledger.Settle", diesBefore)
		w.handle(request("CHG-1", ssl, true).event())
		w.calm()
		second := request("CHG-2", alt, true).event()
		is.Equal(events.Held, code(w.handle(second)))
		w.rest(lifetime + quiet + 2*skew)
		is.Equal(engine.Completed, w.handle(second).Kind)
		for _, rec := range w.records() {
			is.Equal("accepted", rec.Outcome.Result, rec.Key.ID)
		}
		is.Len(w.flips(), 2)
	}},
	{"a lease outlives the request that it covers", func(is *require.Assertions, w *world) {
		w.drift = mostAdrift
		w.let("cloud.Flip", diesDuring)
		ev := request("CHG-1", alt, true).event()
		w.handle(ev)
		w.calm()
		for range 100 {
			w.rest(time.Second)
			w.handle(ev)
		}
		is.Len(w.cloud.Effects(), 1)
	}},
	{"a known effect is never sent again", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.Status, Status: 200, Body: "{}", Times: 1})
		ev := request("CHG-1", alt, true).event()
		for range 8 {
			is.Equal(events.Doubt, code(w.handle(ev)))
			w.rest(quiet + time.Second)
			is.Equal(events.Doubt, code(w.handle(ev)))
			w.rest(quiet + time.Second)
		}
		w.rest(time.Hour)
		is.Equal(events.Unresolved, code(w.handle(ev)))
		is.Len(w.flips(), 1)
	}},
	{"what cannot be looked up for an hour is unresolved, and can be taken up again", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.fault(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 503})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(50 * time.Minute)
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(11 * time.Minute)
		r := w.handle(ev)
		is.Equal(engine.Failed, r.Kind)
		is.Equal(events.Unresolved, code(r))
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 1)
	}},
	{"a state that cannot be read leaves the doubt", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		w.fault(cloudsim.Fault{Operation: proxyssl.Read, Kind: cloudsim.Status, Status: 503, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(events.Doubt, code(w.handle(ev)))
		is.Len(w.flips(), 1)
		is.NotNil(w.holder(instance), "nobody else goes before it is resolved")
	}},
	{"an attempt without the time to look gives nothing up", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		w.handle(ev)
		w.rest(2 * time.Hour)
		w.delay = 27 * time.Second
		w.let("ledger.Claim", slow)
		is.Equal(engine.Later, w.handle(ev).Kind)
		w.calm()
		w.rest(2 * quiet)
		is.Equal(engine.Completed, w.handle(ev).Kind)
	}},
	{"given up, and taken up again as new", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: 403})
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.CloudDenied, code(w.handle(ev)))
		w.rest(giveUp - time.Minute)
		is.Equal(events.CloudDenied, code(w.handle(ev)))
		w.rest(2 * time.Minute)
		first := w.handle(ev)
		is.Equal(events.GaveUp, code(first))
		second := w.handle(ev)
		for range 2 {
			if code(second) == events.CloudDenied {
				w.rest(giveUp)
				second = w.handle(ev)
			}
		}
		is.Equal(events.GaveUp, code(second))
		is.NotEqual(first.Event.ID(), second.Event.ID())
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind)
	}},
	{"busy, throttled, denied and refused connections leave no doubt", func(is *require.Assertions, w *world) {
		for i, f := range []cloudsim.Fault{
			{Kind: cloudsim.Busy}, {Kind: cloudsim.Busy, Status: 403}, {Kind: cloudsim.Status, Status: 429, RetryAfter: "77"},
			{Kind: cloudsim.Status, Status: 401}, {Kind: cloudsim.Status, Status: 403}, {Kind: cloudsim.Refuse},
		} {
			f.Operation, f.Times = proxyalt.Flip, 1
			w.fault(f)
			ev := request(fmt.Sprint("CHG-", i), alt, true).event()
			r := w.handle(ev)
			is.Equal(engine.Later, r.Kind)
			is.Contains([]events.Code{events.Busy, events.Throttled, events.CloudDenied, events.Unavailable}, code(r))
			if f.RetryAfter != "" {
				is.Equal(77*time.Second, r.RetryAfter)
			}
			is.Equal(engine.Completed, w.handle(ev).Kind, "the hold was given back")
			w.rest(quiet)
		}
	}},
	{"waits grow", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 6})
		ev := request("CHG-1", ssl, true).event()
		before := time.Duration(0)
		for range 4 {
			r := w.handle(ev)
			is.Greater(r.RetryAfter, before)
			before = r.RetryAfter
		}
	}},
	{"no call is started whose answer could not be settled", func(is *require.Assertions, w *world) {
		w.delay = lifetime - reserve
		w.let("ledger.Claim", slow)
		ev := request("CHG-1", ssl, true).event()
		is.Equal(events.Unavailable, code(w.handle(ev)))
		is.Empty(w.flips())
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind, "the hold was given back")
	}},
	{"a call that hangs is ended in time to write that down", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Hold: true, Times: 1})
		ev := request("CHG-1", ssl, true).event()
		began := time.Now()
		is.Equal(events.Doubt, code(w.handle(ev)))
		is.Equal(lifetime-reserve, time.Since(began))
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind)
	}},
	{"an event is published again until that is written down", func(is *require.Assertions, w *world) {
		w.let("ledger.Mark", unreached)
		ev := request("CHG-1", ssl, true).event()
		is.Equal(engine.Later, w.handle(ev).Kind)
		is.Equal(engine.Later, w.handle(ev).Kind)
		w.calm()
		r := w.handle(ev)
		is.Equal(engine.Completed, r.Kind)
		is.Equal(3, w.arrivals[r.Event.ID()])
		w.handle(ev)
		is.Equal(3, w.arrivals[r.Event.ID()])
	}},
	{"a tag that asks for what is there changes nothing", func(is *require.Assertions, w *world) {
		for _, sw := range []string{ssl, acl, mt} {
			is.Equal(engine.Completed, w.handle(request("on "+sw, sw, true).event()).Kind)
			w.rest(quiet + time.Second)
			before := len(w.flips())
			r := w.handle(tagged("tag "+sw, sw, true).event())
			is.Equal(events.Unchanged, r.Result)
			is.Len(w.flips(), before)
		}
	}},
	{"a state that a hidden job is about to change is not believed", func(is *require.Assertions, w *world) {
		is.Equal(engine.Completed, w.handle(request("CHG-1", ssl, true).event()).Kind)
		w.rest(time.Second)
		ev := tagged("CHG-2", ssl, false).event()
		is.Equal(engine.Later, w.handle(ev).Kind)
		w.settle([]event.Event{ev})
		is.Len(w.flips(), 2)
	}},
	{"a state that an open job is about to change is not believed", func(is *require.Assertions, w *world) {
		w.cloud.JobRunning = time.Hour
		is.Equal(engine.Completed, w.handle(request("CHG-1", ssl, true).event()).Kind)
		w.rest(2 * quiet)
		is.Equal(events.Busy, code(w.handle(tagged("CHG-2", ssl, false).event())))
		w.cloud.JobRunning = time.Second
	}},
	{"what may have had an effect is not rejected because it cannot be sent again", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.Status, Status: 404})
		w.fault(cloudsim.Fault{Operation: accesscontrol.Read, Kind: cloudsim.Status, Status: 404, Times: 1})
		ev := request("CHG-1", acl, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind)
	}},
	{"an option that cannot be read is sent again, not taken for granted", func(is *require.Assertions, w *world) {
		is.Equal(engine.Completed, w.handle(request("CHG-0", audit, true).event()).Kind)
		w.rest(time.Second)
		w.fault(cloudsim.Fault{Operation: auditswitch.Flip, Kind: cloudsim.CutBefore, Times: 1})
		a := request("CHG-1", audit, true)
		a.options = map[string]any{"lts_audit_switch": 1}
		is.Equal(events.Doubt, code(w.handle(a.event())))
		w.rest(quiet + time.Second)
		is.Equal(events.Applied, w.handle(a.event()).Result)
		is.Len(w.flips(), 3)
	}},
	{"a job that several decisions may have caused is nobody's", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := request("CHG-1", alt, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		for range 2 {
			w.cloud.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: instance, Name: "SomethingNew"})
			w.rest(15 * time.Second)
		}
		w.rest(quiet)
		is.Equal(events.Doubt, code(w.handle(ev)))
		is.Len(w.flips(), 1)
		w.rest(time.Hour)
		is.Equal(events.Unresolved, code(w.handle(ev)))
	}},
	{"a job of a documented other name is not ours, but in the way", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := request("CHG-1", alt, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet - 5*time.Second)
		w.cloud.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: instance, Name: "RebootGaussDBforMySQLInstance", Running: time.Minute})
		w.rest(10 * time.Second)
		is.Equal(events.Doubt, code(w.handle(ev)))
		is.Len(w.flips(), 1)
		w.rest(2 * quiet)
		is.Equal(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 2)
	}},
	{"a job from before the decision is not its own", func(is *require.Assertions, w *world) {
		w.cloud.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: instance, Name: "SomethingNew"})
		w.rest(time.Minute)
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := request("CHG-1", alt, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 2)
	}},
	{"a job on another instance is none of ours", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore, Times: 1})
		ev := request("CHG-1", alt, true).event()
		is.Equal(events.Doubt, code(w.handle(ev)))
		w.cloud.StartJob(cloudsim.ConsoleJob{ProjectID: project, InstanceID: other, Name: "SomethingNew"})
		w.rest(quiet + time.Second)
		is.Equal(engine.Completed, w.handle(ev).Kind)
		is.Len(w.flips(), 2)
	}},
	{"the cloud's clock may be ahead", func(is *require.Assertions, w *world) { oddClock(is, w, 20*time.Minute) }},
	{"the cloud's clock may be behind", func(is *require.Assertions, w *world) { oddClock(is, w, -20*time.Minute) }},
	{"an attempt that may have sent its call gives nothing up", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.Status, Status: 403, Times: 1})
		ev := request("CHG-1", alt, true).event()
		is.Equal(events.CloudDenied, code(w.handle(ev)))
		w.rest(giveUp + time.Minute)
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.Late, After: mostAdrift, Times: 1})
		is.Equal(events.Doubt, code(w.handle(ev)))
		is.NotNil(w.holder(instance))
		w.rest(quiet + time.Second)
		is.Equal(events.Accepted, w.handle(ev).Result)
	}},
	{"a cloud that never says yes or no is not asked for ever", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyalt.Flip, Kind: cloudsim.CutBefore})
		ev := request("CHG-1", alt, true).event()
		for range giveUp / (2 * quiet) {
			is.Equal(events.Doubt, code(w.handle(ev)))
			w.rest(2 * quiet)
		}
		w.rest(2 * quiet)
		is.Equal(events.GaveUp, code(w.handle(ev)))
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind)
	}},
	{"what is held off for too long is given up", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: 503, Effect: true})
		w.fault(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 503})
		is.Equal(events.Doubt, code(w.handle(request("CHG-0", ssl, true).event())))
		waits := request("CHG-2", mt, true).event()
		is.Equal(events.Held, code(w.handle(waits)))
		w.rest(giveUp + time.Minute)
		is.Equal(events.Doubt, code(w.handle(request("CHG-1", ssl, true).event())))
		is.Equal(events.GaveUp, code(w.handle(waits)))
	}},
	{"a job that a failed decision left is not adopted by another", func(is *require.Assertions, w *world) {
		down := cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 503}
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.fault(down)
		first, second := request("CHG-1", ssl, true).event(), request("CHG-2", ssl, true).event()
		for _, ev := range []event.Event{first, second} {
			is.Equal(events.Doubt, code(w.handle(ev)))
			w.rest(time.Hour + time.Second)
			is.Equal(events.Unresolved, code(w.handle(ev)))
		}
		w.calm()
		is.Equal(events.Unchanged, w.handle(first).Result)
		is.Equal(events.Accepted, w.handle(second).Result)
	}},
	{"a decision that was overtaken while it had failed in doubt is not sent", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		w.fault(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 503})
		old := request("CHG-1", ssl, true).event()
		w.handle(old)
		w.rest(time.Hour + time.Second)
		is.Equal(events.Unresolved, code(w.handle(old)))
		w.calm()
		is.Equal(engine.Completed, w.handle(request("CHG-2", ssl, false).event()).Kind)
		w.rest(2 * quiet)
		is.Equal(events.Superseded, code(w.handle(old)))
		is.Len(w.flips(), 2)
	}},
	{"a position that others have moved on tells nothing of what was there before", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.fault(cloudsim.Fault{Operation: accesscontrol.Read, Kind: cloudsim.Status, Status: 503, Times: 1})
		old := request("CHG-1", acl, true).event()
		is.Equal(events.Doubt, code(w.handle(old)))
		w.rest(time.Hour + time.Second)
		is.Equal(events.Unresolved, code(w.handle(old)))
		is.Equal(engine.Completed, w.handle(request("CHG-2", acl, false).event()).Kind)
		w.rest(2 * time.Hour)
		is.NotEqual(engine.Rejected, w.handle(old).Kind, "it was in effect until then")
	}},
	{"what waits for another is taken up without a delivery, and given up in time", func(is *require.Assertions, w *world) {
		w.fault(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1})
		w.handle(request("CHG-1", ssl, true).event())
		is.Equal(events.Held, code(w.handle(request("CHG-2", acl, true).event())))
		w.settle(nil)
		is.Len(w.records(), 2)
		is.Len(w.cloud.Effects(), 2)
	}},
	{"a client that is away at the end finds the same answer later", func(is *require.Assertions, w *world) {
		w.let("ledger.Settle", loses)
		ev := request("CHG-1", ssl, true).event()
		is.Equal(engine.Later, w.handle(ev).Kind)
		w.calm()
		is.Equal(engine.Completed, w.handle(ev).Kind, "it was settled, only the answer was lost")
		is.Len(w.flips(), 1)
	}},
}
