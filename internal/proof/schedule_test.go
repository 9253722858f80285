package proof

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/events"
	proxyalt "github.com/interlock-functions/interlock/functions/proxyalt/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// TestSchedules draws two to four events for one or two switches of an
// instance, some under one ticket, and a schedule: which is delivered when and to which of the three
// workers, which of the invocations takes its next step, which dies how, what
// goes wrong at the cloud, when calls are halted, when an operator says what became
// of a doubt, when an event is rehearsed or a job followed, when a policy or a system of
// tickets changes its mind, how time passes. In the end
// everything is calm and has to come to rest; then all that is promised must
// hold.
func TestSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.steps", "50"))
	for _, shelf := range shelves(t) {
		t.Run(shelf.name, func(t *testing.T) { drawSchedules(t, shelf, schedules[shelf.name]) })
	}
}

func drawSchedules(t *testing.T, shelf shelf, n int) {
	require.NoError(t, flag.Set("rapid.checks", strconv.Itoa(n)))
	lab := newLab(t)
	lab.shelf = shelf
	steps, runs, seen := 0, 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		var found string
		inBubble(t, func() {
			s := newSchedule(rt, lab)
			defer s.kill()
			rt.Repeat(s.actions())
			s.conclude()
			found = s.finding()
			steps, runs = steps+s.steps, runs+1
			for what, n := range s.seen {
				seen[what] += n
			}
		})
		if found != "" {
			rt.Fatal(found)
		}
	})
	t.Logf("proved: schedules, %s: %d runs, %d steps, 0 violations", shelf.name, runs, steps)
	var reached []string
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		reached = append(reached, fmt.Sprintf("%s %d", what, seen[what]))
	}
	t.Logf("reached: %s", strings.Join(reached, ", "))
	if n < schedules[inMemory.name] || testing.Short() {
		return // too few to come to everything
	}
	for _, what := range []string{
		"claim new", "claim resumed", "claim done", "claim superseded", "claim held",
		"lookup adopted", "lookup as wanted", "lookup absent", "lookup unsure",
		"settle accepted", "settle applied", "settle unchanged", "later doubt", "later held", "later busy", "later not-yet",
		"claim spent", "settle ticket-spent", "settle gave-up",
		"settle forgotten",
		"resolve absent", "dryrun call", "settle job-succeeded",
		"policy granted", "policy denied", "policy unavailable", "ticket confirmed", "ticket not confirmed",
	} {
		require.Positive(t, seen[what], "the schedules never come to %q", what)
	}
}

// schedule is a world whose invocations take one step at a time.
type schedule struct {
	*world
	rt     *rapid.T
	asks   []ask
	events []event.Event
	acked  map[string]bool
	alive  []*invocation
}

func newSchedule(rt *rapid.T, lab *lab) *schedule {
	s := &schedule{world: lab.newWorld(), rt: rt, acked: map[string]bool{}}
	s.watch()
	s.gate = stepwise
	if rapid.IntRange(0, 7).Draw(rt, "unlisted") == 7 {
		s.unlisted, s.cloud.Unlisted = true, true
	}
	if rapid.IntRange(0, 2).Draw(rt, "policy") == 0 {
		s.decides(grants)
	}
	if rapid.IntRange(0, 2).Draw(rt, "system") == 0 {
		s.says(agrees)
	}
	// Decisions are older than the world, so that they come in any order.
	s.rest(10 * time.Minute)
	for i := range rapid.IntRange(2, 4).Draw(rt, "events") {
		a := s.drawAsk(fmt.Sprintf("CHG-%d", i+1))
		s.asks, s.events = append(s.asks, a), append(s.events, a.event())
	}
	return s
}

// stepwise holds each invocation up until it is told what becomes of its call.
func stepwise(ctx context.Context, inv *invocation, _ string) fate {
	if strings.HasPrefix(inv.name, resolution) {
		return succeeds
	}
	inv.waits.Store(true)
	defer inv.waits.Store(false)
	select {
	case f := <-inv.resume:
		return f
	case <-ctx.Done():
		return unreached
	}
}

// drawAsk draws from few switches, so that decisions meet, and some under the
// ticket of the one before.
func (s *schedule) drawAsk(id string) ask {
	if n := len(s.asks); n > 0 && s.asks[n-1].ticket != nil && rapid.Bool().Draw(s.rt, "the same ticket") {
		a := s.asks[n-1]
		a.id, a.on = id, rapid.Bool().Draw(s.rt, "enabled")
		a.source = rapid.SampledFrom([]string{"", "https://tickets.example.com/again"}).Draw(s.rt, "source")
		return a
	}
	sw := rapid.SampledFrom([]string{"proxy-ssl", "proxy-ssl", "proxy-alt", "access-control"}).Draw(s.rt, "switch")
	a := request(id, sw, rapid.Bool().Draw(s.rt, "enabled"))
	a.decided = a.decided.Add(-time.Duration(rapid.IntRange(0, 300).Draw(s.rt, "seconds ago")) * time.Second)
	at := a.decided
	switch rapid.IntRange(0, 9).Draw(s.rt, "kind") {
	case 0, 1:
		a.tag = true
	case 2:
		a.decided = time.Time{}
	case 3:
		a.ticket = approved(at, nil)
	case 4:
		start := time.Now().Add(2 * time.Minute)
		a.ticket = approved(at, &events.Window{Start: &start})
	case 5:
		end := time.Now().Add(90 * time.Second)
		a.ticket = approved(at, &events.Window{End: &end})
	case 6:
		a.ticket = approved(at, nil)
		a.ticket.ApprovedBy = []string{a.ticket.RequestedBy}
	}
	if a.ticket != nil {
		a.ticket.ID = rapid.SampledFrom([]string{"CHG0031337", "chg0031337", "CHG0031338"}).Draw(s.rt, "ticket")
	}
	return a
}

// actions are what may happen next. Those that happen most stand there several
// times.
func (s *schedule) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"deliver":       s.actDeliver,
		"deliver again": s.actDeliver,
		"step":          func(rt *rapid.T) { s.step(s.draw(rt), succeeds) },
		"step on":       func(rt *rapid.T) { s.step(s.draw(rt), succeeds) },
		"run":           s.actRun,
		"run on":        s.actRun,
		"trouble":       s.actTrouble,
		"fault":         s.actFault,
		"sweep":         s.actSweep,
		"pass":          s.actPass,
		"forget":        s.actForget,
		"think again":   s.actThinkAgain,
		"rehearse":      s.actRehearse,
		"resolve":       s.actResolve,
		"follow":        s.actFollow,
		"halt": func(rt *rapid.T) {
			s.halted.Store(rapid.IntRange(0, 3).Draw(rt, "halt") == 0)
		},
	}
}

// actThinkAgain changes the policy's mind, and what the ticket system says.
func (s *schedule) actThinkAgain(rt *rapid.T) {
	mind := rapid.IntRange(0, 5).Draw(rt, "mind")
	decides, says := s.asked()
	if decides != nil {
		s.decides([]policy{grants, grants, grants, grants, denies, broken}[mind])
	}
	if says != nil {
		s.says([]system{agrees, agrees, disagrees, away, agrees, agrees}[mind])
	}
}

const mostAlive = 4

func (s *schedule) actDeliver(rt *rapid.T) {
	ev := s.events[rapid.IntRange(0, 3).Draw(rt, "event")%len(s.events)]
	worker := rapid.IntRange(0, 2).Draw(rt, "worker")
	if len(s.alive) < mostAlive {
		s.alive = append(s.alive, s.deliver(worker, ev))
		s.look()
	}
}

func (s *schedule) actSweep(rt *rapid.T) {
	worker := rapid.IntRange(0, 2).Draw(rt, "worker")
	if s.byRequest && rapid.Bool().Draw(rt, "the index lags") {
		s.lag = dynamotest.Stale
	}
	due := s.due(worker)
	s.lag = dynamotest.None
	for _, resume := range due {
		if len(s.alive) < mostAlive {
			s.alive = append(s.alive, resume())
			s.look()
		}
	}
}

// actRun lets one invocation go on to its end.
func (s *schedule) actRun(rt *rapid.T) {
	if inv := s.draw(rt); inv != nil {
		for range 100 {
			if !inv.waits.Load() {
				return
			}
			s.step(inv, succeeds)
		}
	}
}

// actTrouble lets a call go wrong.
func (s *schedule) actTrouble(rt *rapid.T) {
	f := rapid.SampledFrom(append(slices.Clip(s.shelf.trouble), slow)).Draw(rt, "fate")
	s.drift = rapid.SampledFrom([]time.Duration{0, 5 * time.Second, lifetime}).Draw(rt, "drift")
	s.delay = rapid.SampledFrom([]time.Duration{time.Second, 15 * time.Second, 40 * time.Second}).Draw(rt, "delay")
	s.step(s.draw(rt), f)
}

// actFault has one of the next calls to the cloud go wrong.
func (s *schedule) actFault(rt *rapid.T) {
	f := rapid.SampledFrom(faults()).Draw(rt, "fault")
	if err := s.cloud.Inject(f); err != nil {
		panic(err)
	}
}

// faults are the simulated cloud's, for calls to any switch and for reads.
func faults() []cloudsim.Fault {
	flips := func(c cloudsim.Call) bool { return c.Method != "GET" }
	reads := func(c cloudsim.Call) bool { return c.Method == "GET" }
	all := []cloudsim.Fault{
		{Kind: cloudsim.Delay, Delay: 20 * time.Second}, {Kind: cloudsim.Delay, Delay: 45 * time.Second},
		{Kind: cloudsim.Refuse}, {Kind: cloudsim.CutBefore}, {Kind: cloudsim.CutAfter}, {Kind: cloudsim.CutAfter, Hold: true}, {Kind: cloudsim.CutBody},
		{Kind: cloudsim.Late, After: time.Second}, {Kind: cloudsim.Late, After: mostAdrift - lifetime, Hold: true},
		{Kind: cloudsim.Status, Status: 400}, {Kind: cloudsim.Status, Status: 401}, {Kind: cloudsim.Status, Status: 403}, {Kind: cloudsim.Status, Status: 404},
		{Kind: cloudsim.Status, Status: 429}, {Kind: cloudsim.Status, Status: 500}, {Kind: cloudsim.Status, Status: 503, Effect: true},
		{Kind: cloudsim.HTML}, {Kind: cloudsim.HTML, Effect: true}, {Kind: cloudsim.Empty}, {Kind: cloudsim.Busy}, {Kind: cloudsim.Unreadable},
	}
	for i := range all {
		all[i].Times, all[i].Match = 1, flips
	}
	for _, f := range []cloudsim.Fault{
		{Kind: cloudsim.CutBefore}, {Kind: cloudsim.Status, Status: 500}, {Kind: cloudsim.Status, Status: 403}, {Kind: cloudsim.Unreadable}, {Kind: cloudsim.Delay, Delay: 40 * time.Second},
	} {
		f.Times, f.Match = 2, reads
		all = append(all, f)
	}
	return append(all,
		cloudsim.Fault{Kind: cloudsim.NoJob, Operation: proxyssl.Flip, Times: 1},
		cloudsim.Fault{Kind: cloudsim.JobFails, Operation: proxyssl.Flip, Times: 1},
		cloudsim.Fault{Kind: cloudsim.NoJob, Operation: proxyalt.Flip, Times: 1},
	)
}

func (s *schedule) actPass(rt *rapid.T) {
	s.rest(rapid.SampledFrom([]time.Duration{
		time.Second, 3 * time.Second, 10 * time.Second, 31 * time.Second, quiet + 5*time.Second, 10 * time.Minute, time.Hour,
	}).Draw(rt, "time"))
	s.look()
}

// actForget lets, now and then, so much time pass that what has ended is forgotten.
func (s *schedule) actForget(rt *rapid.T) {
	if rapid.IntRange(0, 7).Draw(rt, "forget") == 7 {
		s.rest(retention + time.Hour)
		s.look()
	}
}

// draw picks an invocation that is at work; nil if none is.
func (s *schedule) draw(rt *rapid.T) *invocation {
	i := rapid.IntRange(0, mostAlive-1).Draw(rt, "invocation")
	if len(s.alive) == 0 {
		return nil
	}
	return s.alive[i%len(s.alive)]
}

// step lets an invocation make its call, and go on to the next.
func (s *schedule) step(inv *invocation, f fate) {
	if inv == nil || !inv.waits.Load() {
		return
	}
	s.steps++
	inv.resume <- f
	s.look()
}

// look sees who is still at work.
func (s *schedule) look() {
	synctest.Wait()
	s.alive = slices.DeleteFunc(s.alive, func(inv *invocation) bool {
		if inv.over() && !inv.died && inv.result.Kind != engine.Later && strings.HasPrefix(inv.name, "delivery of ") {
			s.acked[strings.TrimPrefix(inv.name, "delivery of ")] = true
		}
		return inv.over()
	})
}

// conclude ends all trouble and waits for rest: by redelivery if the draw says
// so, else by the sweep.
func (s *schedule) conclude() {
	swept := rapid.Bool().Draw(s.rt, "swept")
	s.release(succeeds)
	s.calm()
	var open []event.Event
	for _, ev := range s.events {
		if _, err := s.ledger.Get(context.Background(), keyOf(ev)); !s.acked[ev.ID()] && (err != nil || !swept) {
			open = append(open, ev)
		}
	}
	s.settle(open)
	s.settle(nil)
	s.verify()
}

// release lets everyone go on who is held up, until nobody is.
func (s *schedule) release(f fate) {
	for round := 0; len(s.alive) > 0; round++ {
		for _, inv := range slices.Clone(s.alive) {
			s.step(inv, f)
		}
		if round > 200 {
			s.rest(time.Second)
		}
		if round > 400 {
			panic("an invocation does not end")
		}
		if len(s.alive) > 0 && !slices.ContainsFunc(s.alive, func(inv *invocation) bool { return inv.waits.Load() }) {
			s.rest(time.Second)
			s.look()
		}
	}
}

// kill ends what a run leaves behind that a failure or a shrinking cut short.
func (s *schedule) kill() {
	s.look()
	s.release(diesBefore)
	s.landing.Wait()
	s.close()
}
