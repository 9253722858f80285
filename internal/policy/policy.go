// Package policy asks a policy, written in Cedar, whether a switch may be
// flipped.
//
// A [Policy] is read once, at start, by [Load] or [New], and checked against a
// schema: a policy that speaks of what is not there (a misspelt attribute, an
// unknown switch) would hold something back that it does not hold, and is an
// error with its line and column. Afterwards [Policy.Ask] answers a [Question].
// It fails closed: what cannot be evaluated is a "no" that says why.
//
// What Cedar itself leaves open is settled here. A forbid that cannot be
// evaluated forbids, where Cedar would skip it. A ticket's further members are
// seen only by the types that the policy declares for them, and one of another
// type is a "no", so that "high" in a list is not taken for not high. Names of
// people are compared in one form.
//
// It knows nothing of the engine, of events or of the cloud.
package policy

import (
	"context"
	_ "embed" // the schema, and the policy where none is set
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
)

// Default is the policy where none is set.
//
//go:embed default.cedar
var Default string

// Kind is the kind of resource that a switch is flipped on.
type Kind types.EntityType

// Kinds of resources.
const (
	Instance Kind = "Instance"
	Proxy    Kind = "Proxy"
	Database Kind = "Database"
)

// Switch is a switch as a policy sees it.
type Switch struct {
	Name string
	On   Kind
}

// Text is a document and the name that its errors begin with.
type Text struct{ Name, Text string }

// Options are what a [Policy] is made of.
type Options struct {
	// Policies in Cedar, and entities in Cedar's JSON, each in one document or
	// several.
	Policies, Entities []Text
	// Switches are all there are; they give the actions.
	Switches []Switch
	// Types are the types of events that ask; a policy may speak of no other.
	// Empty: of any.
	Types []string
	// Zone is where context.local is. Default UTC.
	Zone *time.Location
	// Normalise gives the form in which the names of people are compared.
	// Default: trimmed and in lower case.
	Normalise func(string) string
}

// Policy answers questions. It is safe for concurrent use.
type Policy struct {
	rules     rules
	entities  types.EntityMap
	kinds     map[string]Kind
	members   members
	zone      *time.Location
	normalise func(string) string
}

// New reads a policy and checks it. What is wrong with its text is
// [Problems].
func New(o Options) (*Policy, error) {
	p := &Policy{kinds: map[string]Kind{}, zone: o.Zone, normalise: o.Normalise}
	if p.zone == nil {
		p.zone = time.UTC
	}
	if p.normalise == nil {
		p.normalise = func(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
	}
	for _, s := range o.Switches {
		p.kinds[s.Name] = s.On
	}
	c, err := newChecker(o, p.normalise)
	if err != nil {
		return nil, err
	}
	if p.rules = c.read(o.Policies); len(c.problems) > 0 {
		return nil, c.problems
	}
	p.members = c.declared(p.rules)
	if err := c.resolve(o.Switches); err != nil {
		return nil, err
	}
	p.members.resolve(c.context)
	c.check(p.rules)
	p.entities = c.entities(o.Entities)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	for uid, action := range c.schema.Actions {
		p.entities[uid] = action.Entity
	}
	return p, nil
}

// Answer is what a policy says.
type Answer struct {
	Permit bool
	// Policies are the ids of the rules that decided: those that permit, or
	// those that forbid or could not be evaluated. Empty where no rule permits.
	Policies []string
	// Reason says it in words.
	Reason string
}

// Ask asks the policy. The error is for a question that cannot be put: an
// unknown switch, a target without its ids, or a context that has ended.
func (p *Policy) Ask(ctx context.Context, q Question) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, fmt.Errorf("policy: %w", err)
	}
	a, err := p.put(q)
	if err != nil {
		return Answer{}, err
	}
	decision, said := cedar.Authorize(p.rules, a, a.request)
	errs := a.wrong
	var ids []string
	for _, e := range said.Errors {
		ids = append(ids, string(e.PolicyID))
		errs = append(errs, string(e.PolicyID)+" cannot be evaluated: "+e.Message)
	}
	if len(errs) > 0 {
		return Answer{Policies: p.inOrder(ids), Reason: strings.Join(errs, "; ")}, nil
	}
	for _, r := range said.Reasons {
		ids = append(ids, string(r.PolicyID))
	}
	ids = p.inOrder(ids)
	return Answer{Permit: decision == cedar.Allow, Policies: ids, Reason: p.reason(bool(decision), ids)}, nil
}

// reason says in words which rules decided.
func (p *Policy) reason(permit bool, ids []string) string {
	if len(ids) == 0 {
		return "no rule of the policy permits it"
	}
	words := slices.Clone(ids)
	for i, id := range ids {
		if said := p.rules[p.rules.at(id)].reason; said != "" {
			words[i] += " (" + said + ")"
		}
	}
	by := "forbidden by "
	if permit {
		by = "permitted by "
	}
	return by + strings.Join(words, ", ")
}

// inOrder sorts ids as their rules stand in the text.
func (p *Policy) inOrder(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int { return p.rules.at(a) - p.rules.at(b) })
	return ids
}

// rules are permits and forbids, in their order.
type rules []rule

// rule is one permit or forbid.
type rule struct {
	*cedar.Policy
	id, reason string
	notes      cedar.Annotations
	// text is the document that it stands in, from its position to end.
	text Text
	end  int
}

// All gives them to Cedar.
func (r rules) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for _, one := range r {
			if !yield(cedar.PolicyID(one.id), one.Policy) {
				return
			}
		}
	}
}

func (r rules) at(id string) int {
	return slices.IndexFunc(r, func(one rule) bool { return one.id == id })
}

// Rules is how many rules the policy has.
func (p *Policy) Rules() int { return len(p.rules) }
