package proof

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// traces is the file that TestModelTraces replays; see tools/model.
var traces = flag.String("traces", filepath.Join("testdata", "traces.json.gz"), "random runs of the model of the protocol, as make model writes them")

// model is the source of the traces.
const model = "../../tools/model/protocol.qnt"

// TestModelTraces does with the engine what the model of the protocol did in each
// of its random runs, process by process and step by step, and holds the ledger,
// the cloud and the bus against the model's after each: what was found out about
// the model is so of the engine.
func TestModelTraces(t *testing.T) {
	file, err := os.Open(*traces)
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	var recorded struct {
		Model  string
		Traces []struct{ States []modelled }
	}
	require.NoError(t, json.NewDecoder(z).Decode(&recorded))
	source, err := os.ReadFile(model)
	require.NoError(t, err)
	sum := sha256.Sum256(source)
	require.Equal(t, hex.EncodeToString(sum[:]), recorded.Model, "the traces are those of another model: run make model")

	lab := newLab(t)
	for _, e := range lab.workers {
		e.GiveUp, e.Unresolved = 10_000*time.Hour, 10_000*time.Hour // the model knows no end of patience
	}
	steps, seen := 0, map[string]int{}
	for i, trace := range recorded.Traces {
		inBubble(t, func() {
			r := newReplay(lab)
			defer r.end()
			var done []string
			for _, s := range trace.States[1:] {
				done = append(done, s.Did.String())
				steps++
				seen[s.Did.What]++
				if err := errors.Join(r.do(s.Did), r.compare(s.S)); err != nil {
					t.Errorf("trace %d: %v\n  after %s\n%s", i, err, strings.Join(done, "\n        "), strings.Join(r.story, "\n"))
					return
				}
			}
		})
		if t.Failed() {
			return
		}
	}
	t.Logf("proved: model: %d traces replayed, %d steps, %d kinds, 0 differences", len(recorded.Traces), steps, len(seen))
	for what := range acts {
		require.Positive(t, seen[what], "the traces never come to %q", what)
	}
}

// modelled is a state of the model in the Informal Trace Format, and what led to it.
type modelled struct {
	Did did
	S   outline
}

// outline is what the model's world is like, as far as it can be seen in ours.
type outline struct {
	Ledger       mapped[row]
	Mark         number
	Owners       ownerships
	Effects      []string
	Bus          set[tuple]
	Acknowledged set[string]
}

// row is a decision in the model's ledger.
type row struct {
	State, Result  string
	Doubt, Emitted bool
}

type did struct{ Who, What, D string }

func (d did) String() string { return strings.TrimSpace(d.Who + " " + d.What + " " + d.D) }

type number int

func (n *number) UnmarshalJSON(text []byte) error {
	var big struct {
		N json.Number `json:"#bigint"`
	}
	if err := json.Unmarshal(text, &big); err != nil {
		return err
	}
	i, err := big.N.Int64()
	*n = number(i)
	return err
}

type set[T any] struct {
	All []T `json:"#set"`
}

type tuple struct {
	Of [2]string `json:"#tup"`
}

// mapped is a map whose keys are texts.
type mapped[V any] map[string]V

func (p *mapped[V]) UnmarshalJSON(text []byte) error {
	var all struct {
		Map [][2]json.RawMessage `json:"#map"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*p = mapped[V]{}
	for _, pair := range all.Map {
		var k string
		var v V
		if err := errors.Join(json.Unmarshal(pair[0], &k), json.Unmarshal(pair[1], &v)); err != nil {
			return err
		}
		(*p)[k] = v
	}
	return nil
}

// ownerships are whose the jobs are, by their places among the effects.
type ownerships map[int]string

func (o *ownerships) UnmarshalJSON(text []byte) error {
	var all struct {
		Map [][2]json.RawMessage `json:"#map"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*o = ownerships{}
	for _, pair := range all.Map {
		var k number
		var v string
		if err := errors.Join(json.Unmarshal(pair[0], &k), json.Unmarshal(pair[1], &v)); err != nil {
			return err
		}
		(*o)[int(k)] = v
	}
	return nil
}

// replay is a world that does as it is told, in which each process is held up
// where the model's is between two steps.
type replay struct {
	*world
	events    map[string]event.Event
	processes map[string]*process
	// current is the process that is at work.
	current *process
	// adrift are the calls of dead processes, by decision.
	adrift map[string]chan struct{}
	acked  map[string]bool
	// effects are whose each of the cloud's effects is.
	effects []string
	// orders are when what has an order in the model was decided.
	orders map[number]time.Time
	// begun is closed once it is known whose the newest invocation is.
	begun chan struct{}
}

// process is one of the model's with its invocation.
type process struct {
	*invocation
	d string
	// at is the gate at which it is held up; "" while it is not.
	at   string
	next chan fate
}

// The gates at which a process rests between two steps of the model, beside those
// of the ledger and the bus: the policy is asked when it is free to call.
const (
	free     = "policy"
	calling  = "cloud.Flip"
	ending   = "ledger.Settle"
	settled  = "bus.Publish"
	marking  = "ledger.Mark"
	claiming = "ledger.Claim"
)

// between passes between two steps: whatever was written or sent shows by then.
const between = 3 * time.Minute

// slotted is the switch that all decisions are on: no API reads it back, so that
// look-ups go by the jobs, as the model's do.
const slotted = "proxy-alt"

func newReplay(lab *lab) *replay {
	w := lab.newWorld()
	w.cloud = cloudsim.New(cloudsim.Options{
		Simulations: simulations.All(), Targets: []cloudsim.Target{{ProjectID: project, InstanceID: instance, ProxyID: proxy}},
		JobVisible: -1, JobPending: -1, JobRunning: -1,
	})
	w.way = w.cloud.RoundTripper()
	w.lasting = 4 * time.Hour
	r := &replay{
		world: w, events: map[string]event.Event{}, processes: map[string]*process{}, adrift: map[string]chan struct{}{}, acked: map[string]bool{},
		begun: make(chan struct{}),
	}
	w.gate = func(_ context.Context, inv *invocation, what string) fate {
		<-r.begun
		for _, p := range r.processes {
			if p.invocation == inv {
				return p.rests(what)
			}
		}
		return succeeds // jobs are followed meanwhile
	}
	w.decides(func(*decision.Decision, time.Time) (engine.Permission, error) {
		switch r.current.rests(free) {
		case diesBefore:
			panic(death{})
		case unreached:
			return denies(nil, time.Time{})
		}
		return grants(nil, time.Time{})
	})
	w.arrival = func(*invocation) <-chan struct{} { return r.adrift[r.current.d] }
	w.rest(10 * time.Minute)
	now := time.Now()
	r.orders = map[number]time.Time{1: now.Add(-2 * time.Minute), 2: now.Add(-time.Minute)}
	for id, a := range map[string]struct {
		order  number
		ticket string
	}{"A": {1, "T1"}, "B": {2, "T2"}, "C": {2, "T2"}} {
		q := request(id, slotted, enabled[id])
		q.ticket = approved(r.orders[a.order], nil)
		q.ticket.ID = a.ticket
		r.events[id] = q.event()
	}
	r.events["A"] = then(r.events["A"], enabled["S"])
	return r
}

// enabled is what each decision asks for.
var enabled = map[string]bool{"A": true, "B": false, "C": true, "S": false}

// then makes an event the root of a chain, whose other step is on the same target.
func then(ev event.Event, on bool) event.Event {
	var data map[string]any
	if err := json.Unmarshal(ev.Data(), &data); err != nil {
		panic(err)
	}
	data["then"] = []any{map[string]any{"switch": slotted, "enabled": on}}
	if err := ev.SetData(event.ApplicationJSON, data); err != nil {
		panic(err)
	}
	return ev
}

func (p *process) rests(what string) fate {
	p.at = what
	f := <-p.next
	p.at = ""
	return f
}

// goes lets a process go on to its next gate.
func (r *replay) goes(p *process, f fate) {
	r.current = p
	p.next <- f
	synctest.Wait()
}

// until lets a process go on to one of some gates. Without any it is to its end.
func (r *replay) until(p *process, gates ...string) error {
	for !p.over() {
		if slices.Contains(gates, p.at) {
			return nil
		}
		if p.at == "" {
			return fmt.Errorf("%s stands still", p.name)
		}
		r.goes(p, succeeds)
	}
	if len(gates) > 0 {
		return fmt.Errorf("%s has ended (%s), expected to come to %s", p.name, p.result.Kind, strings.Join(gates, " or "))
	}
	return nil
}

// begin has a process take up a delivery, and go on to one of some gates.
func (r *replay) begin(who, d string, gates ...string) error {
	ev, ok := r.events[d]
	if !ok {
		if err := r.follow(); err != nil {
			return err
		}
		ev = r.events[d]
	}
	p := &process{d: d, next: make(chan fate)}
	r.processes[who], r.current = p, p
	r.begun = make(chan struct{})
	p.invocation = r.deliver(map[string]int{"one": 0, "two": 1}[who], ev)
	close(r.begun)
	synctest.Wait()
	return r.until(p, gates...)
}

// follow follows the root's job to its end, from which the step comes.
func (r *replay) follow() error {
	rec, err := r.ledger.Get(context.Background(), keyOf(r.events["A"]))
	if err != nil {
		return err
	}
	var completed event.Event
	if err := json.Unmarshal(rec.Outcome.Events[0], &completed); err != nil {
		return err
	}
	inv := r.world.follow(2, completed)
	synctest.Wait()
	if !inv.over() || inv.result.Kind != engine.Completed {
		return fmt.Errorf("the root's job does not end: %+v", inv.result.Error)
	}
	rec, err = r.ledger.Get(context.Background(), keyOf(completed))
	if err != nil {
		return err
	}
	for _, raw := range rec.Outcome.Events {
		var ev event.Event
		if err := json.Unmarshal(raw, &ev); err != nil {
			return err
		}
		if ev.Type() == events.TypeSwitchRequested {
			r.events["S"] = ev
			return nil
		}
	}
	return errors.New("the end of the root's job asks for no step")
}

// acts are what the model does, and what the engine is to do then.
var acts = map[string]func(*replay, *process, did) error{
	"claims":                           func(r *replay, _ *process, d did) error { return r.begin(d.Who, d.D, free) },
	"resumes":                          func(r *replay, _ *process, d did) error { return r.begin(d.Who, d.D, "ledger.Instance") },
	"rejects as superseded":            func(r *replay, _ *process, d did) error { return r.begin(d.Who, d.D, settled) },
	"rejects, its ticket being spent,": func(r *replay, _ *process, d did) error { return r.begin(d.Who, d.D, settled) },
	"acknowledges by its stored outcome": func(r *replay, _ *process, d did) error {
		return errors.Join(r.begin(d.Who, d.D), r.answered(d))
	},
	"finds settled and not published": func(r *replay, _ *process, d did) error { return r.begin(d.Who, d.D, settled) },
	"finds the job of":                func(r *replay, p *process, _ did) error { return r.until(p, ending) },
	"finds no job of":                 func(r *replay, p *process, _ did) error { return r.until(p, free) },
	"is told no by the policy on": func(r *replay, p *process, _ did) error {
		r.goes(p, unreached)
		return r.until(p, ending)
	},
	"calls for":                        func(r *replay, p *process, d did) error { return r.calls(p, d, succeeds, ending) },
	"calls, with the answer lost, for": func(r *replay, p *process, d did) error { return r.calls(p, d, loses) },
	"dies with a call on its way for": func(r *replay, p *process, d did) error {
		r.adrift[d.D] = make(chan struct{})
		return r.calls(p, d, diesDuring)
	},
	"calls, the cloud being busy, for": func(r *replay, p *process, d did) error {
		err := r.cloud.Inject(cloudsim.Fault{Operation: operationOf(slotted), Kind: cloudsim.Busy, Times: 1})
		return errors.Join(err, r.calls(p, d, succeeds))
	},
	"may no longer settle": func(r *replay, p *process, _ did) error {
		if err := r.until(p); err != nil || p.result.Kind == engine.Later {
			return err
		}
		return fmt.Errorf("%s ends as %s, expected %s", p.name, p.result.Kind, engine.Later)
	},
	"settles as accepted": func(r *replay, p *process, _ did) error { r.goes(p, succeeds); return r.until(p, settled) },
	"settles as rejected": func(r *replay, p *process, _ did) error { r.goes(p, succeeds); return r.until(p, settled) },
	"publishes":           func(r *replay, p *process, _ did) error { r.goes(p, succeeds); return r.until(p, marking) },
	"acknowledges":        func(r *replay, p *process, d did) error { return errors.Join(r.until(p), r.answered(d)) },
	"dies with": func(r *replay, p *process, _ did) error {
		r.goes(p, diesBefore)
		return r.until(p)
	},
	"time passes": func(r *replay, _ *process, _ did) error {
		r.rest(r.lasting + quiet + 2*skew + time.Minute)
		return nil
	},
	"arrives the call for": func(r *replay, _ *process, d did) error {
		close(r.adrift[d.D])
		delete(r.adrift, d.D)
		r.effects = append(r.effects, d.D)
		synctest.Wait()
		return nil
	},
}

// answered takes the end of a delivery as its acknowledgement.
func (r *replay) answered(d did) error {
	p := r.processes[d.Who]
	if p.died || p.result.Kind != engine.Completed && p.result.Kind != engine.Rejected {
		return fmt.Errorf("%s is not acknowledged: it ends as %s", p.name, p.result.Kind)
	}
	r.acked[d.D] = true
	return nil
}

// calls lets a process that is free make its call, and go on.
func (r *replay) calls(p *process, d did, f fate, gates ...string) error {
	r.goes(p, succeeds)
	if err := r.until(p, calling); err != nil {
		return err
	}
	before := len(r.cloud.Effects())
	r.goes(p, f)
	if len(r.cloud.Effects()) > before {
		r.effects = append(r.effects, d.D)
	}
	return r.until(p, gates...)
}

// do does one step of the model.
func (r *replay) do(d did) error {
	act := acts[d.What]
	if act == nil {
		return fmt.Errorf("the model %s: nobody knows how", d)
	}
	p := r.processes[d.Who]
	r.current = p
	err := act(r, p, d)
	r.rest(between)
	return err
}

// compare holds the world against a state of the model.
func (r *replay) compare(m outline) (err error) {
	differs := func(what string, found, expected any) {
		if a, b := fmt.Sprint(found), fmt.Sprint(expected); a != b {
			err = errors.Join(err, fmt.Errorf("%s: found %s, in the model %s", what, a, b))
		}
	}
	for _, d := range slices.Sorted(maps.Keys(m.Ledger)) {
		found, failed := r.row(d)
		err = errors.Join(err, failed)
		differs("decision "+d, found, m.Ledger[d])
	}
	in, failed := r.ledger.Instance(context.Background(), project, instance)
	err = errors.Join(err, failed)
	var marks []number
	for _, mark := range in.Marks {
		for order, at := range r.orders {
			if mark.Equal(at) {
				marks = append(marks, order)
			}
		}
	}
	if m.Mark == 0 {
		differs("marks", len(in.Marks), 0)
	} else {
		differs("marks", marks, []number{m.Mark})
	}
	effects := r.cloud.Effects()
	differs("effects", r.effects, m.Effects)
	differs("effects at the cloud", len(effects), len(m.Effects))
	for j, e := range effects[:min(len(effects), len(r.effects))] {
		differs(fmt.Sprintf("effect %d", j), e.Enabled, enabled[r.effects[j]])
		owners, failed := r.ledger.Owners(context.Background(), project, []string{e.JobID})
		err = errors.Join(err, failed)
		differs(fmt.Sprintf("owner of job %d", j), r.named(owners[e.JobID].ID), m.Owners[j])
	}
	differs("bus", r.told(), outcomes(m.Bus.All))
	differs("acknowledged", slices.Sorted(maps.Keys(r.acked)), slices.Sorted(slices.Values(m.Acknowledged.All)))
	return err
}

// row is a decision as the model would have it.
func (r *replay) row(d string) (row, error) {
	ev, known := r.events[d]
	if !known {
		return row{State: "new"}, nil
	}
	rec, err := r.ledger.Get(context.Background(), keyOf(ev))
	if errors.Is(err, ledger.ErrNotFound) {
		return row{State: "new"}, nil
	}
	found := row{State: map[ledger.State]string{ledger.Working: "working", ledger.Waiting: "waiting", ledger.Settled: "settled"}[rec.State], Doubt: rec.Doubt, Emitted: !rec.Emitted.IsZero()}
	if rec.Outcome != nil {
		found.Result = rec.Outcome.Result
	}
	return found, err
}

// named is the model's name of a decision, by the id of its event; "" of none.
func (r *replay) named(id string) string {
	for d, ev := range r.events {
		if ev.ID() == id {
			return d
		}
	}
	return id
}

// told are the outcomes on the bus, of decisions alone.
func (r *replay) told() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, raw := range r.bus {
		var ev event.Event
		var data struct {
			Result string
			Cause  events.Cause
		}
		if err := errors.Join(ev.UnmarshalJSON(raw), ev.DataAs(&data)); err != nil {
			panic(err)
		}
		switch ev.Type() {
		case events.TypeSwitchCompleted:
			all = append(all, r.named(data.Cause.ID)+" "+data.Result)
		case events.TypeSwitchRejected:
			all = append(all, r.named(data.Cause.ID)+" rejected")
		}
	}
	slices.Sort(all)
	return all
}

func outcomes(bus []tuple) (all []string) {
	for _, t := range bus {
		all = append(all, t.Of[0]+" "+t.Of[1])
	}
	slices.Sort(all)
	return all
}

// end lets all that goes on die.
func (r *replay) end() {
	for _, p := range r.processes {
		for !p.over() {
			r.goes(p, diesBefore)
		}
	}
	for _, c := range r.adrift {
		close(c)
	}
	r.landing.Wait()
	r.close()
}
