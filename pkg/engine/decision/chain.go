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

// chain reads what follows the first step, or, of a step, the chain that it says
// it is of. The whole is checked before the first call.
func (r *reading) chain(root *jsontree.Node, then []events.StepOf[unread], onFailure events.OnFailure, of *events.ChainOf[unread]) {
	d := &r.decision
	switch {
	case of != nil:
		if len(then) > 0 {
			r.report.add("data.then", "array", "nothing beside chain: what follows is in it")
		}
		d.Chain = new(Chain)
		if err := json.Unmarshal(root.Get("chain").Raw, d.Chain); err != nil {
			r.report.add("data.chain", err.Error(), "the chain of a request of ours")
		}
		if d.Chain.At < 0 || d.Chain.At >= len(d.Chain.Steps) {
			r.report.add("data.chain.at", fmt.Sprint(d.Chain.At), "the place of one of its steps")
		}
		return
	case len(then) == 0:
		if onFailure != "" {
			r.report.add("data.on_failure", found(root.Get("on_failure")), "nothing without then")
		}
		return
	}
	steps := []ChainStep{{Switch: d.Switch, Target: d.Target, Enabled: d.Enabled, Options: d.Options, State: events.StepNotDone}}
	for i := range then {
		before := steps[len(steps)-1]
		steps = append(steps, r.step(&root.Get("then").Items[i], fmt.Sprintf("data.then[%d]", i), then[i], before))
	}
	if r.report.wrong() {
		return
	}
	d.Chain = &Chain{
		Root:  events.Link{Switch: d.Switch, Source: d.Cause.Source, ID: d.Cause.ID},
		Steps: steps, OnFailure: onFailure,
	}
}

// step reads one step that follows another.
func (r *reading) step(n *jsontree.Node, path string, given events.StepOf[unread], before ChainStep) ChainStep {
	s := r.decoder.spec(given.Switch)
	if s == nil {
		r.unknown(n.Get("switch"), path+".switch")
		return before // what follows is held against what is known
	}
	step := ChainStep{Switch: s.Switch, State: events.StepNotDone}
	if target := n.Get("target"); target != nil && target.Kind != jsontree.Null {
		step.Target, _ = r.aim(s, target, path+".target", true)
	} else if inherited, err := jsontree.Parse(before.Target, depth); err == nil {
		step.Target, _ = r.aim(s, &inherited, path+".target", false)
	}
	step.Options = r.options(s, n.Get("options"), path+".options")
	if given.Enabled != nil {
		step.Enabled = *given.Enabled
	}
	return step
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
