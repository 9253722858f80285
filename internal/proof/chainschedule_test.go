package proof

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// TestChainSchedules draws one or two chains on an instance, and what
// TestSchedules draws around them; the bus brings back what it was told as
// often and as late as it likes, or the ledger alone goes on.
func TestChainSchedules(t *testing.T) {
	require.NoError(t, flag.Set("rapid.checks", strconv.Itoa(chainSchedules)))
	require.NoError(t, flag.Set("rapid.steps", "60"))
	delivered, own := newLab(t), newLoopedLab(t)
	steps, runs, seen := 0, 0, map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		var found string
		inBubble(t, func() {
			lab := delivered
			if rapid.Bool().Draw(rt, "looped") {
				lab = own
			}
			s := &chainSchedule{schedule: newSchedule(rt, lab), brought: map[string]bool{}}
			s.drawChains()
			defer s.kill()
			rt.Repeat(s.chainActions())
			s.concludeChains(seen)
			found = s.finding()
			steps, runs = steps+s.steps, runs+1
		})
		if found != "" {
			rt.Fatal(found)
		}
	})
	t.Logf("proved: chain schedules: %d runs, %d steps, 0 violations", runs, steps)
	var reached []string
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		reached = append(reached, fmt.Sprintf("%s %d", what, seen[what]))
	}
	t.Logf("reached: %s", strings.Join(reached, ", "))
	if testing.Short() {
		return // too few to come to everything
	}
	for _, what := range []events.StepState{events.StepDone, events.StepUnchanged, events.StepFailed, events.StepNotDone, events.StepUndone} {
		require.Positive(t, seen[string(what)], "the schedules never come to %q", what)
	}
}

type chainSchedule struct {
	*schedule
	roots []event.Event
	// post is what the bus has brought so far, brought its ids.
	post    []event.Event
	brought map[string]bool
}

func (s *chainSchedule) drawChains() {
	for i := range rapid.IntRange(1, 2).Draw(s.rt, "chains") {
		asked := make([]ask, rapid.IntRange(2, 4).Draw(s.rt, "steps"))
		for n := range asked {
			sw := rapid.SampledFrom([]string{ssl, acl, acl, mt, alt}).Draw(s.rt, "switch")
			asked[n] = request(fmt.Sprint("CHAIN-", i+1), sw, rapid.IntRange(0, 3).Draw(s.rt, "enabled") > 0)
		}
		at := asked[0].decided.Add(-time.Duration(rapid.IntRange(0, 300).Draw(s.rt, "seconds ago")) * time.Second)
		asked[0].decided = at
		switch rapid.IntRange(0, 5).Draw(s.rt, "kind") {
		case 0, 1, 2:
			asked[0].ticket = approved(at, nil)
		case 3:
			end := time.Now().Add(90 * time.Second)
			asked[0].ticket = approved(at, &events.Window{End: &end})
		case 4:
			asked[0].decided = time.Time{}
		}
		if asked[0].ticket != nil {
			asked[0].ticket.ID = asked[0].id
		}
		onFailure := rapid.SampledFrom([]events.OnFailure{events.Stop, events.Undo, events.Undo}).Draw(s.rt, "on failure")
		s.roots = append(s.roots, asked[0].chained(onFailure, asked[1:]...))
	}
}

func (s *chainSchedule) chainActions() map[string]func(*rapid.T) {
	all := s.actions()
	for _, name := range []string{"bring", "bring on", "bring further"} {
		all[name] = s.actBring
	}
	for _, name := range []string{"rehearse", "resolve", "follow", "forget"} {
		delete(all, name)
	}
	all["sweep"] = s.actSweepAll
	all["job fails"] = func(rt *rapid.T) {
		s.fault(cloudsim.Fault{Operation: operationOf(rapid.SampledFrom([]string{ssl, mt}).Draw(rt, "switch")), Kind: cloudsim.JobFails, Times: 1})
	}
	return all
}

// actBring delivers an event that asks for a chain, or one that the bus brings
// back.
func (s *chainSchedule) actBring(rt *rapid.T) {
	for _, ev := range s.mail() {
		if !s.brought[ev.ID()] {
			s.brought[ev.ID()] = true
			s.post = append(s.post, ev)
		}
	}
	all := append(s.post[:len(s.post):len(s.post)], s.roots...)
	slices.Reverse(all)
	ev := all[rapid.IntRange(0, 11).Draw(rt, "event")%len(all)]
	worker := rapid.IntRange(0, 2).Draw(rt, "worker")
	if len(s.alive) < mostAlive {
		s.alive = append(s.alive, s.deliver(worker, ev))
		s.look()
	}
}

func (s *chainSchedule) actSweepAll(rt *rapid.T) {
	worker := rapid.IntRange(0, 2).Draw(rt, "worker")
	for _, resume := range append(s.due(worker), s.followed(worker)...) {
		if len(s.alive) < mostAlive {
			s.alive = append(s.alive, resume())
			s.look()
		}
	}
}

// concludeChains ends all trouble, and waits for rest and the end of each chain.
func (s *chainSchedule) concludeChains(seen map[string]int) {
	s.release(succeeds)
	s.calm()
	s.agree()
	all := append(s.events[:len(s.events):len(s.events)], s.roots...)
	s.carryOn(s.acked, all...)
	s.verify()
	for _, root := range s.roots {
		for _, state := range s.verifyChain(root) {
			seen[string(state)]++
		}
	}
}

// agree has whoever is asked say yes.
func (s *chainSchedule) agree() {
	policy, system := s.asked()
	if policy != nil {
		s.decides(grants)
	}
	if system != nil {
		s.says(agrees)
	}
}
