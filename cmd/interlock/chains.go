package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// chain is a chain as the ledger's records tell of it.
type chain struct {
	id string
	// members are the decisions that are on record, in the order of the chain.
	members []entry
	// stored are the events that followed the end of the last member's step: of
	// its own outcome, or of the end of its job.
	stored []event.Event
	// job is the record of the last member's job, where it is followed here.
	job *ledger.Record
}

// inChain tells whether a text names the chain of a decision: by its id, or by
// the event that asked for it.
func (e *entry) inChain(name string) bool {
	c := e.asks.Chain
	return c != nil && (name == c.Root.ID || name == engine.ChainID(c))
}

// place says which step of which chain a decision is; "" where it stands alone.
func (e *entry) place() string {
	c := e.asks.Chain
	if c == nil {
		return ""
	}
	text := fmt.Sprintf("step %d of %d of %s", c.At+1, len(c.Steps), c.Root.ID)
	if c.Undo {
		text += ", back"
	}
	return text
}

// chainsOf puts the chains together that some decisions are of.
func chainsOf(some []entry, all []entry) (chains []*chain, err error) {
	known := map[string]bool{}
	for _, e := range some {
		if e.asks.Chain == nil || known[engine.ChainID(e.asks.Chain)] {
			continue
		}
		c := &chain{id: engine.ChainID(e.asks.Chain)}
		known[c.id] = true
		for _, other := range all {
			if other.inChain(c.id) {
				c.members = append(c.members, other)
			}
		}
		slices.SortFunc(c.members, func(a, b entry) int { return a.asks.Step() - b.asks.Step() })
		if err := c.follow(all); err != nil {
			return nil, err
		}
		chains = append(chains, c)
	}
	return chains, nil
}

// last is the newest member.
func (c *chain) last() *entry { return &c.members[len(c.members)-1] }

// follow finds what followed the last member's end.
func (c *chain) follow(all []entry) error {
	o := c.last().Outcome
	if o == nil {
		return nil
	}
	out, err := eventsOf(o)
	if err != nil {
		return err
	}
	c.stored = out
	if o.JobID == "" || len(out) == 0 {
		return nil
	}
	key := ledger.Key{Switch: engine.JobFollow, Source: out[0].Source(), ID: out[0].ID()}
	for _, e := range all {
		if e.Key == key {
			c.job = new(e.Record)
		}
	}
	if c.job != nil && c.job.Outcome != nil {
		if out, err = eventsOf(c.job.Outcome); err != nil {
			return err
		}
		c.stored = append(c.stored, out...)
	}
	return nil
}

func eventsOf(o *ledger.Outcome) (all []event.Event, err error) {
	for _, raw := range o.Events {
		var out event.Event
		if err := json.Unmarshal(raw, &out); err != nil {
			return nil, fmt.Errorf("out-event: %w", err)
		}
		all = append(all, out)
	}
	return all, nil
}

// ended is the data of the chain's end, and whether it succeeded; nil where it
// goes on.
func (c *chain) ended() (data *events.ChainEndedOf[json.RawMessage], succeeded bool, err error) {
	for _, ev := range c.stored {
		if ev.Type() == events.TypeChainSucceeded || ev.Type() == events.TypeChainFailed {
			data = new(events.ChainEndedOf[json.RawMessage])
			return data, ev.Type() == events.TypeChainSucceeded, json.Unmarshal(ev.Data(), data)
		}
	}
	return nil, false, nil
}

// resolved tells that the last member's step has failed, and so has ended the
// chain, and that an operator has settled it since: the end is not on its record
// any more.
func (c *chain) resolved() bool {
	o := c.last().Outcome
	return c.last().GaveUp > 0 && o != nil && !o.Failed
}

// due is the chain as the request for its next step has it, where that is
// stored and nothing is on record yet of what came of it.
func (c *chain) due() (*decision.Chain, error) {
	for _, ev := range c.stored {
		if ev.Type() == events.TypeSwitchRequested {
			var data struct {
				Chain *decision.Chain `json:"chain"`
			}
			return data.Chain, json.Unmarshal(ev.Data(), &data)
		}
	}
	return nil, nil
}

// tell writes where a chain is: each step, what waits and why, and what will not
// be done.
func (c *chain) tell(w io.Writer) error {
	end, succeeded, err := c.ended()
	if err != nil {
		return fmt.Errorf("end of chain: %w", err)
	}
	now, err := c.due()
	if err != nil {
		return fmt.Errorf("next step: %w", err)
	}
	requested := now != nil
	if now == nil {
		now = c.last().asks.Chain
	}
	where := fmt.Sprintf("at step %d of %d", now.At+1, len(now.Steps))
	switch {
	case c.resolved():
		where = fmt.Sprintf("failed, before step %d was resolved", now.At+1)
	case end != nil:
		where = map[bool]string{true: "succeeded", false: "failed"}[succeeded]
	case now.Undo:
		where += ", which is flipped back"
	}
	say(w, "chain of %s: %s", now.Root.ID, where)
	row := func(name, format string, args ...any) { say(w, "  %-9s  %s", name, fmt.Sprintf(format, args...)) }
	row("id", "%s", c.id)
	row("asked by", "%s %s of %s", now.Root.Switch, now.Root.ID, now.Root.Source)
	if k := c.last().asks.Ticket; k != nil {
		row("ticket", "%s, requested by %s, approved by %s", k.ID, k.RequestedBy, strings.Join(k.ApprovedBy, ", "))
	}
	row("failure", "%s", cmp.Or(now.OnFailure, events.Stop))
	for i, s := range now.Steps {
		var how string
		if end != nil {
			how = c.was(i, end.Steps[i])
		} else {
			how = c.stands(i, now, requested)
		}
		var t events.Target
		if err := json.Unmarshal(s.Target, &t); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		row(fmt.Sprintf("step %d", i+1), "%s %s, %s: %s", s.Switch, onOff(s.Enabled), last(t), how)
	}
	return nil
}

// was says how a step of a chain that has ended stands.
func (c *chain) was(i int, s decision.ChainStep) string {
	switch {
	case s.State == events.StepNotDone:
		return "will not be done"
	case s.Error != nil:
		return fmt.Sprintf("%s: %s: %s", withJob(s), s.Error.Code, s.Error.Detail)
	}
	return withJob(s)
}

func withJob(s decision.ChainStep) string {
	if s.JobID == "" {
		return string(s.State)
	}
	return string(s.State) + ", job " + s.JobID
}

// stands says how a step of a chain stands that goes on, at now.
func (c *chain) stands(i int, now *decision.Chain, requested bool) string {
	s := now.Steps[i]
	switch {
	case i == now.At && requested:
		return "due; its request is stored, and nothing came of it yet"
	case i == now.At:
		return c.atWork()
	case c.resolved():
		return c.was(i, s)
	case now.Undo && s.State == events.StepNotDone:
		return "will not be done"
	case now.Undo && i < now.At && s.State == events.StepDone && s.Changed:
		return "done, to be flipped back"
	case now.Undo && s.State == events.StepDone:
		return "done; not flipped back, for it is not known whether it was changed"
	case !now.Undo && i > now.At:
		return fmt.Sprintf("waits for step %d", i)
	}
	return c.was(i, s)
}

// atWork says how the last member fares, whose step has not ended.
func (c *chain) atWork() string {
	e := c.last()
	switch o := e.Outcome; {
	case o != nil && o.JobID != "" && c.job != nil:
		return fmt.Sprintf("%s, job %s is followed, until %s at most", o.Result, o.JobID, stamp(c.job.Due))
	case o != nil && o.JobID != "": // on AWS only its end is written down
		return fmt.Sprintf("%s, job %s has not ended", o.Result, o.JobID)
	case o != nil && o.By != "":
		return e.words() + ", as " + o.By + " says"
	case e.State == ledger.Waiting && e.Last.Code != "":
		return fmt.Sprintf("waiting, due at %s: %s: %s", stamp(e.Due), e.Last.Code, e.Last.Detail)
	case e.Last.Code != "":
		return fmt.Sprintf("%s: %s", e.words(), e.Last.Detail)
	}
	return e.words()
}
