package decision

import (
	"encoding/json"
	"fmt"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Chain is a chain as it stands where one of its steps is to be done. Its steps
// have their targets and options in the form that their switches have.
type Chain = events.ChainOf[json.RawMessage]

// ChainStep is a step of a [Chain].
type ChainStep = events.ChainStepOf[json.RawMessage]

// KeyOf is the key that a link names.
func KeyOf(l events.Link) ledger.Key { return ledger.Key(l) }

// IsStep tells whether the decision is a step of a chain that came before: not
// its root, and not alone.
func (d *Decision) IsStep() bool { return d.Chain != nil && (d.Chain.At > 0 || d.Chain.Undo) }

// Step is the decision's place in its chain after the root, from 1; 0 where it
// is no step. What is flipped back counts on beyond all that went forward.
func (d *Decision) Step() int {
	switch {
	case !d.IsStep():
		return 0
	case d.Chain.Undo:
		return 2*len(d.Chain.Steps) - 1 - d.Chain.At
	}
	return d.Chain.At
}

// mostSteps is how many steps may follow the first.
const mostSteps = 50

// chain reads what follows the first step, or, of a step, the chain that it says
// it is of. The whole is checked before the first call.
func (r *reading) chain(root *jsontree.Node, then []events.StepOf[unread], onFailure events.OnFailure, of *events.ChainOf[unread]) {
	d := &r.decision
	r.onFailure(root.Get("on_failure"), "data.on_failure")
	switch {
	case of != nil:
		r.stepOf(root, of)
		return
	case len(then) == 0:
		if onFailure != "" && !r.report.has("data.on_failure") && !r.report.has("data.then") {
			r.report.add("data.on_failure", found(root.Get("on_failure")), "nothing without then")
		}
		return
	case len(then) > mostSteps:
		return // it has been reported, and is to be cut first
	}
	before := d.Target
	if r.report.within(targetPath) {
		before = nil
	}
	steps := []ChainStep{{Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options, State: events.StepNotDone}}
	for i := range then {
		step := r.step(&root.Get("then").Items[i], fmt.Sprintf("data.then[%d]", i), before)
		if enabled := then[i].Enabled; enabled != nil {
			step.Enabled = *enabled
		}
		steps, before = append(steps, step), step.Target
	}
	if r.report.wrong() {
		return
	}
	d.Chain = &Chain{
		Root:  events.Link{Switch: d.Switch, Source: d.Cause.Source, ID: d.Cause.ID},
		Steps: steps, OnFailure: onFailure,
	}
}

// onFailure refuses an empty text, which the validator takes for none.
func (r *reading) onFailure(n *jsontree.Node, path string) {
	if n.Is(jsontree.String) && n.Text == "" {
		r.report.add(path, found(n), "stop or undo")
	}
}

// stepOf reads the chain of a request that says it is a step of one. A chain
// begins with then and nothing else: what is in chain has not been approved, and
// no ticket's digest covers it. It is believed only of what follows a step.
func (r *reading) stepOf(root *jsontree.Node, of *events.ChainOf[unread]) {
	const path, at = "data.chain", "data.chain.at"
	for _, name := range [...]string{"then", "on_failure"} {
		if n := root.Get(name); n != nil && n.Kind != jsontree.Null && (n.Kind != jsontree.Array || len(n.Items) > 0) && !r.report.has("data."+name) {
			r.report.add("data."+name, found(n), "nothing beside chain, which says what follows")
		}
	}
	n := root.Get("chain")
	r.onFailure(n.Get("on_failure"), path+".on_failure")
	first := 1
	if of.Undo {
		first = 0
	}
	if wrong := r.report.has(at) || r.report.has(path+".steps"); !wrong && (of.At < first || of.At >= len(of.Steps)) {
		r.report.add(at, found(n.Get("at")), "the place of a step that follows another")
	}
	c := &Chain{
		Root: of.Root, After: of.After, Type: of.Type, At: of.At, Undo: of.Undo, Order: of.Order, OnFailure: of.OnFailure, Digest: of.Digest,
	}
	for i, given := range of.Steps[:min(len(of.Steps), 1+mostSteps)] {
		step := r.step(&n.Get("steps").Items[i], fmt.Sprintf("%s.steps[%d]", path, i), nil)
		step.Enabled, step.State, step.Changed, step.JobID, step.Error = given.Enabled, given.State, given.Changed, given.JobID, given.Error
		c.Steps = append(c.Steps, step)
	}
	r.decision.Chain = c
}

// step reads a step by its switch's own rules. Its target is that of the step
// before, less what the switch does not use, where it has none; one that is
// wrong is reported once, and not held against the steps that would have it too.
func (r *reading) step(n *jsontree.Node, path string, before json.RawMessage) ChainStep {
	step := ChainStep{State: events.StepNotDone}
	name, target, at := n.Get("switch"), n.Get("target"), path+".target"
	s := r.decoder.spec(text(name))
	if s == nil {
		r.unknown(name, path+".switch")
	}
	if target != nil && target.Kind != jsontree.Null {
		step.Target, _ = r.aim(s, target, at, true)
	} else if inherited, err := jsontree.Parse(before, depth); err == nil && s != nil {
		step.Target, _ = r.aim(s, &inherited, at, false)
	}
	// Nobody would take up a step of another region, and the chain would hang.
	if step.Target != nil && !r.report.within(at) && !r.decoder.Here(step.Target) {
		r.report.add(at+".region", found(target.Get("region")), r.decoder.region+", the region of the whole chain")
	}
	if r.report.within(at) {
		step.Target = nil
	}
	if s != nil {
		step.Switch, step.Options = s.Switch, r.options(s, n.Get("options"), path+".options")
	}
	return step
}

// text is that of a string; "" of anything else.
func text(n *jsontree.Node) string {
	if !n.Is(jsontree.String) {
		return ""
	}
	return n.Text
}

// unknown reports the name of a switch that nobody knows; what is no text has
// been reported already.
func (r *reading) unknown(n *jsontree.Node, path string) {
	if !n.Is(jsontree.String) || r.report.has(path) {
		return
	}
	want := "a known switch: " + listed(r.decoder.names, "or")
	if near := nearest(n.Text, r.decoder.names); near != "" {
		want += "; did you mean " + near + "?"
	}
	r.report.add(path, found(n), want)
}

// Slots are those of all steps of the chain but the decision's own: what its
// ticket is spent on with it.
func (d *Decoder) Slots(c *Chain) (slots []string) {
	for _, s := range c.Steps[1:] {
		if _, at, wrong := d.Aim(s.Switch, s.Target); len(wrong) == 0 {
			slots = append(slots, s.Switch+" "+at.Subject)
		}
	}
	return slots
}
