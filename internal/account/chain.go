package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Chain is a chain as the ledger's records tell of it.
type Chain struct {
	ID string
	// Members are the decisions that are on record, in the order of the chain.
	Members []Entry
	// stored are the events that followed the end of the last member's step: of
	// its own outcome, or of the end of its job.
	stored []event.Event
	// job is the record of the last member's job, where it is followed here.
	job *ledger.Record
}

// InChain tells whether a text names the chain of a decision: by its id, or by
// the event that asked for it.
func (e *Entry) InChain(name string) bool {
	c := e.Asks.Chain
	return c != nil && (name == c.Root.ID || name == engine.ChainID(c))
}

// ChainID is the id of its chain; "" where it stands alone.
func (e *Entry) ChainID() string {
	if e.Asks.Chain == nil {
		return ""
	}
	return engine.ChainID(e.Asks.Chain)
}

// Place says which step of which chain a decision is; "" where it stands alone.
func (e *Entry) Place() string {
	c := e.Asks.Chain
	if c == nil {
		return ""
	}
	text := fmt.Sprintf("step %d of %d of %s", c.At+1, len(c.Steps), c.Root.ID)
	if c.Undo {
		text += ", back"
	}
	return text
}

// ChainsOf puts the chains together that some decisions are of, from members among
// all. The jobs of those that are last are read.
func ChainsOf(ctx context.Context, r Reader, some, all []Entry) (chains []*Chain, err error) {
	known := map[string]bool{}
	for _, e := range some {
		if e.Asks.Chain == nil || known[engine.ChainID(e.Asks.Chain)] {
			continue
		}
		c := &Chain{ID: engine.ChainID(e.Asks.Chain)}
		known[c.ID] = true
		for _, other := range all {
			if other.InChain(c.ID) {
				c.Members = append(c.Members, other)
			}
		}
		slices.SortFunc(c.Members, func(a, b Entry) int { return a.Asks.Step() - b.Asks.Step() })
		if err := c.follow(ctx, r); err != nil {
			return nil, err
		}
		chains = append(chains, c)
	}
	return chains, nil
}

// Last is the newest member.
func (c *Chain) Last() *Entry { return &c.Members[len(c.Members)-1] }

// follow finds what followed the last member's end.
func (c *Chain) follow(ctx context.Context, r Reader) error {
	o := c.Last().Outcome
	if o == nil {
		return nil
	}
	out, err := EventsOf(o)
	if err != nil {
		return err
	}
	c.stored = out
	if o.JobID == "" || len(out) == 0 {
		return nil
	}
	job, err := r.Decision(ctx, JobKey(out[0]))
	switch {
	case errors.Is(err, ledger.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	c.job = &job
	if job.Outcome != nil {
		if out, err = EventsOf(job.Outcome); err != nil {
			return err
		}
		c.stored = append(c.stored, out...)
	}
	return nil
}

// EventsOf are the out-events of an outcome.
func EventsOf(o *ledger.Outcome) (all []event.Event, err error) {
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
func (c *Chain) ended() (data *events.ChainEndedOf[json.RawMessage], succeeded bool, err error) {
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
func (c *Chain) resolved() bool {
	o := c.Last().Outcome
	return c.Last().GaveUp > 0 && o != nil && !o.Failed
}

// due is the chain as the request for its next step has it, where that is
// stored and nothing is on record yet of what came of it.
func (c *Chain) due() (*decision.Chain, error) {
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

// Story tells where a chain is: in a word, and each step, what waits and why, and
// what will not be done.
func (c *Chain) Story() (where string, facts []Fact, err error) {
	end, succeeded, err := c.ended()
	if err != nil {
		return "", nil, fmt.Errorf("end of chain: %w", err)
	}
	now, err := c.due()
	if err != nil {
		return "", nil, fmt.Errorf("next step: %w", err)
	}
	requested := now != nil
	if now == nil {
		now = c.Last().Asks.Chain
	}
	where = fmt.Sprintf("at step %d of %d", now.At+1, len(now.Steps))
	switch {
	case c.resolved():
		where = fmt.Sprintf("failed, before step %d was resolved", now.At+1)
	case end != nil:
		where = map[bool]string{true: "succeeded", false: "failed"}[succeeded]
	case now.Undo:
		where += ", which is flipped back"
	}
	row := func(name, format string, args ...any) {
		facts = append(facts, Fact{Name: name, Text: fmt.Sprintf(format, args...)})
	}
	row("id", "%s", c.ID)
	row("asked by", "%s %s of %s", now.Root.Switch, now.Root.ID, now.Root.Source)
	if k := c.Last().Asks.Ticket; k != nil {
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
			return "", nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		row(fmt.Sprintf("step %d", i+1), "%s %s, %s: %s", s.Switch, OnOff(s.Enabled), Narrowest(t), how)
	}
	return where, facts, nil
}

// was says how a step of a chain that has ended stands.
// Root is the event that asked for the chain.
func (c *Chain) Root() events.Link { return c.Members[0].Asks.Chain.Root }

func (c *Chain) was(i int, s decision.ChainStep) string {
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
func (c *Chain) stands(i int, now *decision.Chain, requested bool) string {
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
func (c *Chain) atWork() string {
	e := c.Last()
	switch o := e.Outcome; {
	case o != nil && o.JobID != "" && c.job != nil:
		return fmt.Sprintf("%s, job %s is followed, until %s at most", o.Result, o.JobID, Stamp(c.job.Due))
	case o != nil && o.JobID != "": // on AWS only its end is written down
		return fmt.Sprintf("%s, job %s has not ended", o.Result, o.JobID)
	case o != nil && o.By != "":
		return e.Words() + ", as " + o.By + " says"
	case e.State == ledger.Waiting && e.Last.Code != "":
		return fmt.Sprintf("waiting, due at %s: %s: %s", Stamp(e.Due), e.Last.Code, e.Last.Detail)
	case e.Last.Code != "":
		return fmt.Sprintf("%s: %s", e.Words(), e.Last.Detail)
	}
	return e.Words()
}
