package proof

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// A crash is a gate, counted from a world's first, and what happens there.
type crash struct {
	gate int
	fate fate
}

// trouble is every way in which a single call can go wrong.
var trouble = []fate{diesBefore, diesDuring, diesAfter, loses, unreached}

// setting is what a process dies in.
type setting struct {
	name string
	// drift is how late the call of a dead process takes effect.
	drift time.Duration
	// fault is the cloud's, for the first call of the switch.
	fault *cloudsim.Fault
	// rival is a decision on another switch of the same instance that is
	// delivered as often.
	rival bool
	// swept: nobody delivers anything again.
	swept bool
}

var settings = []setting{
	{name: "delivered again"},
	{name: "swept", swept: true},
	{name: "late effects", drift: mostAdrift},
	{name: "cut after it took effect", fault: &cloudsim.Fault{Kind: cloudsim.CutAfter, Times: 1}},
	{name: "cut, late effect", fault: &cloudsim.Fault{Kind: cloudsim.Late, After: mostAdrift, Times: 1}, swept: true},
	{name: "busy at first", fault: &cloudsim.Fault{Kind: cloudsim.Busy, Times: 1}},
	{name: "a rival", rival: true, drift: 5 * time.Second},
}

// shapes are the switches that differ in how a doubt is resolved: by job and
// state, by job alone, by state alone.
var shapes = []string{"proxy-ssl", "proxy-alt", "access-control"}

// TestCrashes lets a process die, or a call fail, at every gate in every way,
// then delivers again or sweeps until all is quiet. So it does at two gates of
// a run, some of them in the short form and all in the long, which also tries
// some three. It does with each ledger, in the short form less where that is slow.
func TestCrashes(t *testing.T) {
	for _, shelf := range shelves(t) {
		crashOn(t, shelf)
	}
}

func crashOn(t *testing.T, shelf shelf) {
	var all []*crashes
	t.Run(shelf.name, func(t *testing.T) {
		lab := newLab(t)
		lab.shelf = shelf
		for _, shape := range shapes {
			for _, s := range settings {
				c := &crashes{lab: lab, shape: shape, setting: s, shares: thinned(sharesOf[shelf.name], 11), drawn: 7 * len(all)}
				c.play = c.run
				all = append(all, c)
				t.Run(shape+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					inBubble(t, func() { c.from(nil) })
					require.Empty(t, c.found)
					if !thin() {
						require.Greater(t, c.runs[1], 20/c.shares[0])
					}
				})
			}
		}
	})
	gates, runs := counted(all)
	require.Positive(t, runs[1])
	if !thin() {
		require.Greater(t, runs[2], 100)
	}
	t.Logf("proved: crashes, %s: %d shapes, %d settings, %d gates, %d ways: %d single crashes, %d pairs, %d triples, 0 violations",
		shelf.name, len(shapes), len(settings), gates, len(shelf.trouble), runs[1], runs[2], runs[3])
}

// thin: under the race detector, which makes each crash nine times as long and finds in
// the hundredth what it found in the first, and with -short, few crashes are tried.
// `make test` tries all of them without either.
func thin() bool { return raced || testing.Short() }

// thinned are the shares that are tried then: of single crashes one in so many where
// else it is every one, and a fifth where it is a share already, with the pairs that
// begin by them.
func thinned(shares [4]int, one int) [4]int {
	switch {
	case !thin():
	case shares[0] == 1:
		shares[0] = one
	default:
		shares[0] *= 5
	}
	return shares
}

// counted sums up what was tried.
func counted(all []*crashes) (gates int, runs [4]int) {
	for _, c := range all {
		gates += c.gates
		for n := range runs {
			runs[n] += c.runs[n]
		}
	}
	return gates, runs
}

type crashes struct {
	*lab
	shape string
	setting
	// shares are those of crashes that are tried, and play is one run with some:
	// it returns how many gates it passed.
	shares [4]int
	play   func(given []crash) (gates int)
	gates  int
	// runs counts them by their number of crashes.
	runs [4]int
	// drawn counts what a share is of; where each begins elsewhere, it is not the same.
	drawn int
	found string
}

// from runs the world with the given crashes, and then with each further one.
func (c *crashes) from(given []crash) {
	c.runs[len(given)]++
	gates := c.play(given)
	if c.found != "" {
		return
	}
	if len(given) == 0 {
		c.gates += gates
	}
	share := c.shares[len(given)]
	if share == 0 {
		return
	}
	first := 0
	if len(given) > 0 {
		first = given[len(given)-1].gate + 1
	}
	for g := first; g < gates; g++ {
		for _, f := range c.shelf.trouble {
			if c.drawn++; c.drawn%share != 0 {
				continue
			}
			c.from(append(given[:len(given):len(given)], crash{g, f}))
			if c.found != "" {
				return
			}
		}
	}
}

// crashing is a world in which that happens, and counts its gates.
func (c *crashes) crashing(given []crash) (w *world, gates *int) {
	w, gates = c.newWorld(), new(int)
	w.watch()
	w.gate = func(context.Context, *invocation, string) fate {
		w.mu.Lock()
		defer w.mu.Unlock()
		*gates++
		w.steps++
		for _, g := range given {
			if g.gate == *gates-1 {
				return g.fate
			}
		}
		return succeeds
	}
	return w, gates
}

// run is a run in a setting.
func (c *crashes) run(given []crash) int {
	w, gates := c.crashing(given)
	defer w.close()
	w.drift = c.drift
	if c.fault != nil {
		f := *c.fault
		f.Operation = operationOf(c.shape)
		if err := w.cloud.Inject(f); err != nil {
			panic(err)
		}
	}
	asked := []event.Event{request("CHG-1", c.shape, true).event()}
	if c.rival {
		asked = append(asked, request("CHG-2", "multi-tenancy", true).event())
	}
	w.drive(asked, c.swept)
	w.verify()
	if found := w.finding(); found != "" {
		c.found = fmt.Sprintf("%s\nwith crashes %+v", found, given)
	}
	return *gates
}

// drive delivers events until each is acknowledged, or once and then sweeps.
func (w *world) drive(asked []event.Event, swept bool) {
	if !swept {
		w.settle(asked)
		return
	}
	for _, ev := range asked {
		inv := w.deliver(0, ev)
		<-inv.done
		if _, err := w.ledger.Get(context.Background(), keyOf(ev)); err != nil {
			// It died before anybody knew of the event: its sender, who was not
			// told otherwise, has to send it again.
			if inv.died || inv.result.Kind == engine.Later {
				w.settle([]event.Event{ev})
			}
		}
	}
	w.settle(nil)
}
