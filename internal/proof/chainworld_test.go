package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// chained is an event that asks for several switches: those of the further
// steps, after its own.
func (a ask) chained(onFailure events.OnFailure, further ...ask) event.Event {
	ev := a.event()
	var data map[string]any
	if err := json.Unmarshal(ev.Data(), &data); err != nil {
		panic(err)
	}
	then := make([]events.Step, len(further))
	for i := range further {
		then[i] = events.Step{Switch: further[i].sw, Enabled: &further[i].on, Target: &further[i].target, Options: further[i].options}
	}
	data["then"], data["on_failure"] = then, onFailure
	if err := ev.SetData(event.ApplicationJSON, data); err != nil {
		panic(err)
	}
	return ev
}

// isChain tells whether an event asks for several switches.
func isChain(ev event.Event) bool {
	var data events.TicketApproved
	return ev.Type() != events.TypeTagChanged && ev.DataAs(&data) == nil && len(data.Then) > 0
}

// namedFirst is the switch that an event names itself, whatever follows.
func namedFirst(ev event.Event) string {
	var data struct {
		Switch string `json:"switch"`
	}
	_ = json.Unmarshal(ev.Data(), &data)
	return data.Switch
}

// looped is the bus of a program that gets its own out-events, and has them on
// record before they count as published: what nobody delivers again.
type looped struct{ gated }

func (looped) Publish(ctx context.Context, out ...bus.Event) error {
	if err := (gated{}).Publish(ctx, out...); err != nil {
		return err
	}
	inv := from(ctx)
	e := inv.world.workers[inv.worker]
	for _, ev := range out {
		if err := errors.Join(follower(e).Accept(ctx, ev.Event), e.Accept(ctx, ev.Event)); err != nil {
			return err
		}
	}
	return nil
}

// newLoopedLab is a lab whose bus is looped.
func newLoopedLab(t testing.TB) *lab {
	l := newLab(t)
	for _, e := range l.workers {
		e.Bus = looped{}
	}
	return l
}

// follower is one that has just started: it remembers nothing.
func follower(e *engine.Engine) *engine.Follower {
	f := &engine.Follower{Engine: e}
	if _, own := e.Bus.(looped); own {
		f.Kept = func(*engine.Followed) {}
	}
	return f
}

// follow has a worker look after the job of a completion event.
func (w *world) follow(worker int, ev event.Event) *invocation {
	return w.start(worker, "delivery of "+ev.ID(), func(ctx context.Context, e *engine.Engine) engine.Result {
		return follower(e).Handle(ctx, ev)
	})
}

// goOn goes on with what the ledger has, a decision or a job.
func goOn(ctx context.Context, e *engine.Engine, key ledger.Key) engine.Result {
	if key.Switch == engine.JobFollow {
		return follower(e).Resume(ctx, key)
	}
	return e.Resume(ctx, key)
}

// endedOnce: how a job has ended is told once.
func (w *world) endedOnce(key ledger.Key, before, after *ledger.Outcome) {
	if before != nil && before.Result != after.Result {
		w.wrong("the job of %s ends as %s, and then as %s", key.ID, before.Result, after.Result)
	}
}

// spender is the decision that spends a ticket: of a step, the chain's root.
func spender(d *decision.Decision) ledger.Key {
	if d.Chain != nil {
		return decision.KeyOf(d.Chain.Root)
	}
	return d.Key()
}

// unspentFor: a step is called under a ticket that its root has spent on its
// switch and target, too.
func (w *world) unspentFor(d *decision.Decision, step ledger.Record) string {
	root, err := w.ledger.Get(context.Background(), spender(d))
	switch {
	case err != nil || root.Outcome == nil || !root.Outcome.Effective:
		return "the root of its chain is not in effect"
	case step.Ticket != "":
		return "it has a claim to the ticket beside that of its root"
	case root.Ticket != useOf(d, step).ticket || step.Slot != root.Slot && !slices.Contains(root.Also, step.Slot):
		return "the root of its chain has not spent the ticket on it"
	}
	return ""
}

// mail is what the bus brings back, in the order of the ids: requests for steps,
// and completion events whose jobs are to be followed.
func (w *world) mail() (all []event.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(w.bus)) {
		if !isMail(w.bus[id]) {
			continue
		}
		ev := parsed(w.bus[id])
		var data events.Completed
		switch ev.Type() {
		case events.TypeSwitchRequested:
			all = append(all, ev)
		case events.TypeSwitchCompleted:
			if err := ev.DataAs(&data); err != nil {
				panic(err)
			}
			if data.Result == events.Accepted {
				all = append(all, ev)
			}
		}
	}
	return all
}

func isMail(raw []byte) bool {
	return bytes.Contains(raw, []byte(`"`+events.TypeSwitchRequested+`","subject"`)) || bytes.Contains(raw, []byte(`"result":"accepted"`))
}

func parsed(raw []byte) (ev event.Event) {
	if err := json.Unmarshal(raw, &ev); err != nil {
		panic(err)
	}
	return ev
}

// carry drives a world until each of the chains has come to its end: by
// delivering again whatever was not acknowledged, of the senders' and the bus's,
// or, looped, by what the ledger has.
func (w *world) carry(roots ...event.Event) { w.carryOn(map[string]bool{}, roots...) }

// carryOn is carry where some has been acknowledged.
func (w *world) carryOn(acked map[string]bool, roots ...event.Event) {
	_, own := w.workers[0].Bus.(looped)
	chains := 0
	for _, ev := range roots {
		if isChain(ev) {
			chains++
		}
	}
	for round := 0; ; round++ {
		worker := round % len(w.workers)
		open := 0
		hand := func(ev event.Event) {
			if acked[ev.ID()] {
				return
			}
			inv := w.deliver(worker, ev)
			<-inv.done
			if acked[ev.ID()] = !inv.died && inv.result.Kind != engine.Later; !acked[ev.ID()] {
				open++
			}
		}
		for _, ev := range roots {
			if _, err := w.ledger.Get(context.Background(), keyOf(ev)); err != nil || !own {
				hand(ev)
			}
		}
		if !own {
			for _, ev := range w.mail() {
				hand(ev)
			}
		}
		// What was told its end may wait again, by a delivery that came late.
		if own || open == 0 {
			w.sweepOnce(worker)
		}
		switch {
		case open == 0 && w.atRest() && w.chainEnds() >= chains:
			if w.rest(quiet); w.atRest() { // a claim of the dead may have come yet
				return
			}
		case round == 500:
			w.wrong("it does not come to an end: %s", w.unsettled())
			return
		case round < 60:
			w.rest(11 * time.Second)
		default:
			w.rest(5 * time.Minute)
		}
	}
}

// sweepOnce takes up what is due, and looks after the jobs that are followed,
// as timers do.
func (w *world) sweepOnce(worker int) {
	for _, resume := range append(w.due(worker), w.followed(worker)...) {
		<-resume().done
	}
}

// followed are the jobs that are on record and have not ended, each to be looked
// after.
func (w *world) followed(worker int) (all []func() *invocation) {
	for _, rec := range w.records() {
		if rec.Key.Switch == engine.JobFollow && rec.State != ledger.Settled {
			all = append(all, func() *invocation {
				return w.start(worker, "look after "+rec.Key.ID, func(ctx context.Context, e *engine.Engine) engine.Result {
					return goOn(ctx, e, rec.Key)
				})
			})
		}
	}
	return all
}

// chainEnds is how many chains have said how they ended.
func (w *world) chainEnds() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, raw := range w.bus {
		if bytes.Contains(raw, []byte(events.TypeChainSucceeded)) || bytes.Contains(raw, []byte(events.TypeChainFailed)) {
			n++
		}
	}
	return n
}

// again delivers everything that there was once more: nothing comes of it.
func (w *world) again(roots ...event.Event) {
	before, told := len(w.sends), len(w.bus)
	for i, ev := range append(roots, w.mail()...) {
		inv := w.deliver(i%len(w.workers), ev)
		<-inv.done
	}
	if len(w.sends) != before {
		w.wrong("all was over, and delivered again %d calls are made", len(w.sends)-before)
	}
	if len(w.bus) != told {
		w.wrong("all was over, and delivered again %d events are published", len(w.bus)-told)
	}
}

// verifyJob: a job that is followed has come to its end, and that was told.
func (w *world) verifyJob(rec ledger.Record) {
	if rec.State != ledger.Settled || rec.Emitted.IsZero() {
		w.wrong("job of %s has not come to an end: %s, %s", rec.Key.ID, rec.State, rec.Last.Code)
	}
}

// effectsOf are the effects of each decision.
func (w *world) effectsOf() map[ledger.Key][]cloudsim.Effect {
	keys := map[int]ledger.Key{}
	for _, s := range w.sends {
		keys[s.number] = s.key
	}
	of := map[ledger.Key][]cloudsim.Effect{}
	for _, e := range w.cloud.Effects() {
		of[keys[e.Call]] = append(of[keys[e.Call]], e)
	}
	return of
}

// chainOf is what the bus and the ledger tell of a chain.
type chainOf struct {
	*world
	root event.Event
	// requests are those for its steps, by their place; 0 is the root.
	requests map[int]event.Event
	end      event.Event
	steps    []events.ChainStep
	effects  map[ledger.Key][]cloudsim.Effect
}

// verifyChain holds a chain that has come to its end against what is promised,
// and returns how its steps stand. Whatever it says of them is asked of the
// cloud.
func (w *world) verifyChain(root event.Event) []events.StepState {
	c := chainOf{world: w, root: root, requests: map[int]event.Event{0: root}, effects: w.effectsOf()}
	if !c.read() {
		return nil
	}
	var states []events.StepState
	for i, s := range c.steps {
		states = append(states, s.State)
		c.verifyStep(i, s)
	}
	c.verifyOrder()
	return states
}

// read: one request for each step, and one end; all of one correlation id.
func (c *chainOf) read() bool {
	var ends []event.Event
	id := ""
	for _, raw := range c.bus {
		ev := parsed(raw)
		ext := ev.Extensions()
		if ext["correlationid"] != c.root.ID() {
			continue
		}
		// The events of jobs are not the chain's own.
		own, _ := ext["chainid"].(string)
		if own == "" {
			if ev.Type() != events.TypeJobSucceeded && ev.Type() != events.TypeJobFailed && ev.Type() != events.TypeJobUnknown && !c.afterwards(ev) {
				c.wrong("%s %s is of no chain", ev.Type(), ev.ID())
			}
			continue
		}
		if id == "" {
			id = own
		}
		if own != id {
			c.wrong("one chain has two ids")
		}
		switch ev.Type() {
		case events.TypeChainSucceeded, events.TypeChainFailed:
			ends = append(ends, ev)
		case events.TypeSwitchRequested:
			at, err := strconv.Atoi(fmt.Sprint(ext["chainstep"]))
			if err != nil {
				c.wrong("chainstep: %v", err)
			}
			if was, twice := c.requests[at]; twice {
				c.wrong("step %d is asked for twice: by %s and by %s", at, was.ID(), ev.ID())
			}
			c.requests[at] = ev
		}
	}
	if len(ends) != 1 {
		c.wrong("%s has ended %d times", c.root.ID(), len(ends))
		return false
	}
	c.end = ends[0]
	var data events.ChainEnded
	if err := c.end.DataAs(&data); err != nil {
		panic(err)
	}
	if data.Cause.ID != c.root.ID() || data.Cause.Source != c.root.Source() || data.Cause.Type != c.root.Type() {
		c.wrong("the end of %s names %+v as its cause", c.root.ID(), data.Cause)
	}
	c.steps = data.Steps
	if c.end.Type() == events.TypeChainSucceeded && slices.ContainsFunc(c.steps, func(s events.ChainStep) bool {
		return s.State != events.StepDone && s.State != events.StepUnchanged
	}) {
		c.wrong("%s succeeded: %+v", c.root.ID(), c.steps)
	}
	return true
}

// afterwards tells of the completion of a decision that an operator has resolved
// when its chain had ended.
func (c *chainOf) afterwards(ev event.Event) bool {
	for _, rec := range c.records() {
		if o := rec.Outcome; o != nil && o.By != "" && rec.GaveUp > 0 && ev.Type() == events.TypeSwitchCompleted && ev.Extensions()["causationid"] == rec.Key.ID {
			return true
		}
	}
	return false
}

// of are the record and the effects of the decision in a place of the chain;
// not ok: there was no such place.
func (c *chainOf) of(at int) (rec ledger.Record, effects []cloudsim.Effect, ok bool) {
	ev, ok := c.requests[at]
	if !ok {
		return rec, nil, false
	}
	rec, err := c.ledger.Get(context.Background(), keyOf(ev))
	if err != nil {
		c.wrong("step %d of %s, %s: %v", at, c.root.ID(), ev.ID(), err)
		return rec, nil, false
	}
	return rec, c.effects[rec.Key], true
}

// back is the place in which a step is flipped back.
func (c *chainOf) back(i int) int { return 2*len(c.steps) - 1 - i }

// verifyStep: what the end says of a step is so.
func (c *chainOf) verifyStep(i int, s events.ChainStep) {
	rec, forward, begun := c.of(i)
	undone, backward, turned := c.of(c.back(i))
	bad := func(why string) {
		c.wrong("step %d of %s, %s, is %s, but %s (%s; %+v)", i, c.root.ID(), s.Switch, s.State, why, rec.State, s.Error)
	}
	if begun && (rec.Outcome == nil || c.givenUp[rec.Key]) {
		return // in doubt: it may have had its effect, and may yet
	}
	if begun && !rec.Order.Equal(c.order()) || turned && !undone.Order.Equal(c.order()) {
		bad("its order is not the root's")
	}
	job := c.jobOf(forward)
	switch s.State {
	case events.StepNotDone:
		if begun || turned {
			bad("it was begun")
		}
	case events.StepUnchanged:
		if len(forward) > 0 || turned {
			bad("it had an effect, or was flipped back")
		}
	case events.StepDone:
		// Looked up after a death, what lies as wanted is no effect of its own,
		// and may be: a job that no list shows may have failed, and have changed
		// nothing that was so already.
		if !rec.Outcome.Effective || job != nil && !job.succeeded && rec.Outcome.JobID != "" {
			bad("it had no effect")
		}
		if turned {
			bad("it was flipped back")
		}
		if c.undoes() && (s.Error == nil || s.Error.Code != events.Unresolved) {
			bad("it does not say why it was not flipped back")
		}
	case events.StepFailed:
		if rec.Outcome.Effective && (job == nil || job.succeeded) && !c.lostSight(rec.Key, s) || turned {
			bad("it had an effect, or was flipped back")
		}
	case events.StepUndone:
		if !turned || len(forward) == 0 || !undone.Outcome.Effective && !c.givenUp[undone.Key] {
			bad("it was not flipped back, or had not been changed")
		}
		if j := c.jobOf(backward); j != nil && !j.succeeded {
			bad("the job that flips it back failed")
		}
	case events.StepUndoFailed:
		if !turned || len(forward) == 0 {
			bad("it was not to be flipped back")
		}
	default:
		bad("there is no such state")
	}
}

// patience is how long a job is followed.
const patience = 2 * time.Hour

// lostSight tells of a step whose job could not be read at the end of the time for
// which it was followed: nothing is known of it, and it may have had its effect.
func (c *chainOf) lostSight(step ledger.Key, s events.ChainStep) bool {
	if s.Error == nil || s.Error.Code != events.Unresolved || !strings.Contains(s.Error.Detail, ": not seen not known after ") {
		return false
	}
	return slices.ContainsFunc(c.records(), func(rec ledger.Record) bool {
		var j engine.Followed
		return rec.Key.Switch == engine.JobFollow && json.Unmarshal(rec.Stored, &j) == nil && j.Owner == step &&
			rec.Outcome != nil && rec.Outcome.At.Sub(j.Since) >= patience
	})
}

// undoes tells whether the chain failed, and flips back what it changed.
func (c *chainOf) undoes() bool {
	var data events.TicketApproved
	if err := c.root.DataAs(&data); err != nil {
		panic(err)
	}
	failed := func(s events.ChainStep) bool { return s.State == events.StepUndoFailed }
	return data.OnFailure == events.Undo && c.end.Type() == events.TypeChainFailed && !slices.ContainsFunc(c.steps, failed)
}

// order is the root's.
func (c *chainOf) order() time.Time {
	rec, _, _ := c.of(0)
	return rec.Order
}

// endedJob is a job as the cloud has it.
type endedJob struct {
	succeeded bool
	ended     time.Time
}

// jobOf is the job of the last of some effects; nil if it has none.
func (c *chainOf) jobOf(effects []cloudsim.Effect) *endedJob {
	if len(effects) == 0 || effects[len(effects)-1].JobID == "" {
		return nil
	}
	job, err := c.observer().ShowJob(context.Background(), project, effects[len(effects)-1].JobID)
	if err != nil {
		c.wrong("job: %v", err)
		return nil
	}
	return &endedJob{succeeded: job.FailReason == "", ended: job.Ended}
}

// verifyOrder: no call is sent before what came before has taken effect, job
// and all, and none without a request.
func (c *chainOf) verifyOrder() {
	places := slices.Sorted(maps.Keys(c.requests))
	for n, at := range places {
		if n == 0 {
			continue
		}
		rec, _, ok := c.of(at)
		before, effects, _ := c.of(places[n-1])
		if !ok || c.givenUp[before.Key] {
			continue
		}
		for _, s := range c.sends {
			if s.key != rec.Key {
				continue
			}
			job := c.jobOf(effects)
			switch {
			case len(effects) > 0 && s.began.Before(effects[0].Time):
				c.wrong("step %d of %s is begun before step %d took effect", at, c.root.ID(), places[n-1])
			case job != nil && s.began.Before(job.ended):
				c.wrong("step %d of %s is begun at %s before the job of step %d ended at %s", at, c.root.ID(), clock(s.began), places[n-1], clock(job.ended))
			case len(effects) == 0 && before.Outcome.Result == string(events.Accepted):
				c.wrong("step %d of %s is begun, and step %d had no effect", at, c.root.ID(), places[n-1])
			}
		}
	}
}
