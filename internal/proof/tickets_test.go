package proof

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// pair is two events of one ticket for one switch and target.
type pair struct {
	name string
	// asks are the two. Without, they ask for the same from two sources.
	asks func(first, second *ask)
	// before sets the stage, and between, if any, comes after the first event
	// has come to its end, and before the second is sent.
	before, between func(w *world, shape string)
	// pace is how long after each other the first is delivered; 0: as ever.
	pace time.Duration
	// racing: the first gets so far as a number says when the second comes.
	racing bool
	drift  time.Duration
	swept  bool
	// ends are how they end where nobody dies: effective, or a code.
	ends [2]string
}

const effective = "effective"

func opposite(_, second *ask) { second.on = !second.on }

// pairs are how two events of one ticket can meet.
var pairs = []pair{
	{name: "one after the other", ends: [2]string{effective, "ticket-spent"}},
	{name: "one after the other, opposite", asks: opposite, swept: true, drift: mostAdrift, ends: [2]string{effective, "ticket-spent"}},
	{name: "racing", racing: true, ends: [2]string{effective, "ticket-spent"}},
	{name: "racing, opposite", racing: true, asks: opposite, drift: 5 * time.Second, ends: [2]string{effective, "ticket-spent"}},
	{name: "the owner waits for its window", asks: func(first, second *ask) {
		first.ticket.Window = window(time.Minute, time.Hour)
		second.ticket.Window = first.ticket.Window
	}, ends: [2]string{effective, "ticket-spent"}},
	{name: "the owner's window is over", asks: func(first, _ *ask) {
		first.ticket.Window = window(-2*time.Hour, -time.Hour)
	}, between: nothing, ends: [2]string{"window-over", effective}},
	{name: "the owner is denied", before: func(w *world, _ string) { w.decides(denies) }, between: func(w *world, _ string) { w.decides(grants) },
		ends: [2]string{"denied", effective}},
	{name: "the owner is refused by the cloud, opposite", asks: opposite, before: func(w *world, shape string) {
		w.fault(cloudsim.Fault{Operation: operationOf(shape), Kind: cloudsim.Status, Status: 400})
	}, between: cleared, ends: [2]string{"cloud-refused", effective}},
	{name: "the owner gives up without doubt", pace: 50 * time.Minute, before: func(w *world, shape string) {
		w.fault(cloudsim.Fault{Operation: operationOf(shape), Kind: cloudsim.Status, Status: 403})
	}, between: cleared, ends: [2]string{"gave-up", effective}},
	{name: "the owner fails in doubt", pace: 50 * time.Minute, before: func(w *world, shape string) {
		w.fault(cloudsim.Fault{Operation: operationOf(shape), Kind: cloudsim.CutAfter, Times: 1})
		w.fault(cloudsim.Fault{Kind: cloudsim.Status, Status: 503, Match: func(c cloudsim.Call) bool { return c.Method == "GET" }})
	}, between: cleared, ends: [2]string{"unresolved", "ticket-spent"}},
}

func nothing(*world, string) {}

func cleared(w *world, _ string) {
	w.cloud.ClearFaults()
	w.watch()
}

// TestCrashesOfTickets delivers two events of one ticket, lets a process die or
// a call fail at every gate in every way, at some pairs of gates, and in the
// long form at a third of them, and delivers again or sweeps until all is quiet:
// the owner dies half-way, and so does who takes the ticket over. Where they
// race, the first comes to every gate before the second, who then goes on to its
// end before the first does.
func TestCrashesOfTickets(t *testing.T) {
	for _, shelf := range shelves(t) {
		lab := newLab(t)
		lab.shelf = shelf
		var all []*crashes
		t.Run(shelf.name, func(t *testing.T) {
			for _, shape := range shapes {
				for _, p := range pairs {
					t.Run(shape+"/"+p.name, func(t *testing.T) {
						ends := map[string]int{}
						lead := 0
						c := &crashes{lab: lab, shape: shape, shares: thinned(ticketShares[shelf.name], 11), drawn: 7 * len(all)}
						c.play = func(given []crash) int { return c.playPair(p, lead, given, ends) }
						all = append(all, c)
						t.Parallel()
						inBubble(t, func() {
							for more := true; more; lead++ {
								c.from(nil)
								more = p.racing && c.found == "" && lead < leads
							}
						})
						require.Empty(t, c.found)
						if !thin() {
							require.Greater(t, c.runs[1], 20/c.shares[0])
						}
						require.Equal(t, map[string]int{p.ends[0]: lead, p.ends[1]: lead}, ends)
					})
				}
			}
		})
		gates, runs := counted(all)
		require.Positive(t, runs[1])
		t.Logf("proved: tickets, %s: %d shapes, %d ways to meet, %d gates, %d ways: %d single crashes, %d pairs, 0 violations",
			shelf.name, len(shapes), len(pairs), gates, len(shelf.trouble), runs[1], runs[2])
	}
}

// leads is how many gates the first of two that race may pass before the second
// comes: those of its way to the end, and none.
const leads = 5

// twins are the events of a pair.
func (p pair) twins(shape string) []event.Event {
	first, second := ticketed("CHG-1", shape, true, nil), ticketed("CHG-2", shape, true, nil)
	for _, a := range []*ask{&first, &second} {
		*a.ticket.ApprovedAt = a.decided.Add(-time.Minute) // by every worker's clock
	}
	second.source = "https://tickets.example.com/again"
	if p.asks != nil {
		p.asks(&first, &second)
	}
	return []event.Event{first.event(), second.event()}
}

// playPair is one run. Without crashes it notes how the two end.
func (c *crashes) playPair(p pair, lead int, given []crash, ends map[string]int) int {
	w, gates := c.crashing(given)
	defer w.close()
	w.drift = p.drift
	if p.before != nil {
		p.before(w, c.shape)
	}
	asked := p.twins(c.shape)
	switch {
	case p.racing:
		w.race(asked, lead)
	case p.between != nil:
		if !w.paced(asked[0], p.pace) {
			w.drive(asked[:1], p.swept)
		}
		p.between(w, c.shape)
		asked = asked[1:]
	}
	w.drive(asked, p.swept)
	w.verify()
	took, doubts := 0, 0
	for _, rec := range w.records() {
		end := rec.Outcome.Code
		if rec.Outcome.Doubt {
			doubts++
		}
		if rec.Outcome.Effective {
			took++
			end = effective
		}
		if len(given) == 0 {
			ends[end]++
		}
	}
	if took+doubts != 1 {
		w.wrong("%d of the two are in effect, %d failed in doubt", took, doubts)
	}
	if found := w.finding(); found != "" {
		c.found = fmt.Sprintf("%s\nwith crashes %+v, lead %d", found, given, lead)
	}
	return *gates
}

// paced delivers an event now and then, until it is acknowledged, and tells
// whether it was.
func (w *world) paced(ev event.Event, pace time.Duration) bool {
	for i := 0; pace > 0 && i < 6; i++ {
		if w.handle(ev).Event != nil {
			return true
		}
		w.rest(pace)
	}
	return false
}

// race lets the first of two go through some gates, the second to its end, and
// then the first.
func (w *world) race(asked []event.Event, lead int) {
	count := w.gate
	w.gate = stepwise
	step := func(inv *invocation) {
		synctest.Wait()
		if inv.waits.Load() {
			inv.resume <- count(context.Background(), inv, "")
		} else if !inv.over() {
			w.rest(time.Second)
		}
		synctest.Wait()
	}
	first := w.deliver(0, asked[0])
	for range lead {
		step(first)
	}
	for _, inv := range []*invocation{w.deliver(2, asked[1]), first} {
		for !inv.over() {
			step(inv)
		}
	}
	w.gate = count
}
