package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

const (
	// quiet is the engine's default, and rest is past it, and past the lease of
	// an invocation.
	quiet = time.Minute
	rest  = quiet + 31*time.Second
	// rounds are more than two calls that go wrong need until all is quiet.
	rounds = 20
)

// crashes are the runs in which calls go wrong, and what follows is either
// deliveries or sweeps.
type crashes struct {
	testing.TB
	fresh func(*Host) World
	swept bool
	// runs counts them by the number of calls that went wrong.
	runs []int
}

// from makes the run with the given crashes, and then those with each further
// one. It returns what is wrong with the first that ends badly.
func (c *crashes) from(given []crash) (found string) {
	c.runs[len(given)]++
	passed, found := c.run(given)
	if found == "" && !slices.ContainsFunc(passed, func(g gate) bool { return g.own }) {
		found = "calls of the switch: found none, expected its requests to go through the transport of the host"
	}
	if found != "" || len(given) == len(c.runs)-1 {
		return found
	}
	first := 0
	if len(given) > 0 {
		first = given[len(given)-1].at + 1
	}
	for at := first; at < len(passed); at++ {
		for _, f := range passed[at].ways() {
			if found := c.from(append(given[:len(given):len(given)], crash{at, f})); found != "" {
				return found
			}
		}
	}
	return ""
}

// run makes one world, and returns the gates that it passed.
func (c *crashes) run(given []crash) (passed []gate, found string) {
	h := &Host{TB: c.TB, given: given, now: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	defer h.end()
	r := newRun(h, c.fresh(h))
	defer r.ledger.Close()
	if n := r.Effects(); n != 0 {
		return nil, fmt.Sprintf("effects: found %d before anything was called, expected 0", n)
	}
	err := r.drive(c.swept)
	passed = h.passed
	if err == nil {
		err = r.verify()
	}
	if err != nil {
		return nil, err.Error() + "\n" + r.story()
	}
	return passed, ""
}

// run is one world and what happens in it.
type run struct {
	*Host
	World
	engine *engine.Engine
	ledger ledger.Ledger
	bus    *gatedBus
	key    ledger.Key
	// acknowledged are the deliveries that need no other.
	acknowledged []engine.Result
	last         string
}

func newRun(h *Host, w World) *run {
	r := &run{Host: h, World: w, ledger: w.Ledger, bus: &gatedBus{Host: h}}
	if r.ledger == nil {
		r.ledger = ledger.NewMemory()
	}
	sw := w.Switch
	if !h.wired {
		sw = sw.Around(h.hook)
	}
	r.key = ledger.Key{Switch: sw.Name, Source: w.Event.Source(), ID: w.Event.ID()}
	r.engine = &engine.Engine{Switches: []engine.Registered{sw}, Ledger: gatedLedger{h, r.ledger}, Bus: r.bus, Now: h.Now, Quiet: quiet, Sleep: h.sleep}
	if err := r.engine.Init(); err != nil {
		h.Fatal(err)
	}
	return r
}

// process runs until it ends or dies, and tells whether its work is done. One
// that died has told nobody anything.
func (r *run) process(what string, work func(context.Context) engine.Result) (res engine.Result, done bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(death); !ok {
				panic(p)
			}
			r.last, done = what+": died", false
		}
	}()
	res = work(context.Background())
	r.last = what + ": " + string(res.Kind)
	if res.Error != nil {
		r.last += ", " + res.Error.Detail
	}
	return res, res.Kind != engine.Later
}

func (r *run) deliver() (done bool) {
	res, done := r.process("delivered", func(ctx context.Context) engine.Result { return r.engine.Handle(ctx, r.Switch.Name, r.Event) })
	if done {
		r.acknowledged = append(r.acknowledged, res)
	}
	return done
}

// drive delivers the event until that is acknowledged, or until the ledger
// knows of it and then sweeps.
func (r *run) drive(swept bool) error {
	for round := range rounds {
		if r.deliver() {
			return nil
		}
		if _, err := r.ledger.Get(context.Background(), r.key); err == nil && swept {
			return r.sweep()
		}
		if round == 0 {
			// Whoever has lost an answer asks again at once.
			r.rest(time.Second)
		} else {
			r.rest(rest)
		}
	}
	return fmt.Errorf("not acknowledged after %d deliveries; the last: %s", rounds, r.last)
}

// sweep takes up what is due until the decision is settled and published.
func (r *run) sweep() error {
	for range rounds {
		r.rest(rest)
		due, err := r.ledger.Due(context.Background(), r.now, 10)
		if err != nil {
			return err
		}
		for _, d := range due {
			r.process("swept", func(ctx context.Context) engine.Result { return r.engine.Resume(ctx, d.Key) })
		}
		if rec, err := r.ledger.Get(context.Background(), r.key); err != nil || !rec.Emitted.IsZero() {
			return err
		}
	}
	return fmt.Errorf("not settled and published after %d sweeps; the last: %s", rounds, r.last)
}

// verify is what must hold when all is quiet.
func (r *run) verify() error {
	if err := r.settled(); err != nil {
		return err
	}
	r.given = nil
	r.rest(rest)
	if !r.deliver() {
		return fmt.Errorf("a repeat: %s; expected the first delivery's outcome", r.last)
	}
	if n := r.Effects(); n != 1 {
		return fmt.Errorf("effects: found %d, expected 1", n)
	}
	if len(r.bus.taken) == 0 {
		return fmt.Errorf("nothing was published")
	}
	for _, raw := range r.bus.taken {
		if string(raw) != string(r.bus.taken[0]) {
			return fmt.Errorf("two events were published:\n%s\n%s", r.bus.taken[0], raw)
		}
	}
	for _, res := range r.acknowledged {
		if res.Kind != engine.Completed {
			return fmt.Errorf("acknowledged: %s; expected completed", r.last)
		}
		if string(res.Event.JSON) != string(r.bus.taken[0]) {
			return fmt.Errorf("a delivery was answered\n%s\nand this was published:\n%s", res.Event.JSON, r.bus.taken[0])
		}
	}
	return r.settled()
}

// settled is what must hold as soon as a delivery is acknowledged.
func (r *run) settled() error {
	rec, err := r.ledger.Get(context.Background(), r.key)
	switch {
	case err != nil:
		return fmt.Errorf("the ledger, of %s: %w; last, %s", r.key, err, r.last)
	case rec.Outcome == nil || !rec.Outcome.Effective:
		return fmt.Errorf("state: found %s, %+v, expected settled with an effective outcome; last, %s", rec.State, rec.Outcome, r.last)
	case rec.Emitted.IsZero():
		return fmt.Errorf("acknowledged before its event was marked published")
	}
	in, err := r.ledger.Instance(context.Background(), rec.Project, rec.Instance)
	if err == nil && in.Hold != nil {
		err = fmt.Errorf("the instance is still held, until %s", in.Hold.Until)
	}
	return err
}

// story tells the gates that were passed.
func (r *run) story() string {
	var b strings.Builder
	b.WriteString("calls:\n")
	for _, g := range r.passed {
		fmt.Fprintf(&b, "  %s %s\n", g.what, g.fate)
	}
	return b.String()
}
