package policy

import (
	_ "embed" // the schema
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/schema"
	schemaast "github.com/cedar-policy/cedar-go/x/exp/schema/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

//go:embed interlock.cedarschema
var schemaText string

// checker checks rules and entities against the schema, and notes what is wrong.
//
// Most of it is Cedar's own validator, in strict mode: unknown types, actions
// and attributes, types that do not fit, optional attributes that are read
// without having been asked for. What that lets pass, because it is well typed
// and never true, is checked here: has of an attribute that nothing has, a
// comparison with a word that is never there, the name of a person in a form
// that is never compared.
type checker struct {
	tree    schema.Schema
	schema  *resolved.Schema
	context resolved.RecordType
	// all is the schema beside it in which one action is for everything.
	all *resolved.Schema
	// Validators are made where a rule needs them: scopes knows every action,
	// conditions the one that is for everything; see [checker.whens].
	scopes     *validate.Validator
	conditions map[[2]bool]*validate.Validator
	// words are the values that members of the context have.
	words     map[string][]string
	normalise func(string) string
	problems  Problems
}

func newChecker(o Options, normalise func(string) string) (*checker, error) {
	c := &checker{normalise: normalise, words: map[string][]string{"door": doors}}
	if len(o.Types) > 0 {
		c.words["type"] = o.Types
	}
	for day := range 7 {
		c.words["local.weekday"] = append(c.words["local.weekday"], time.Weekday(day).String())
	}
	if err := c.tree.UnmarshalCedar([]byte(schemaText + "action any appliesTo { principal: [User, Source], resource: [Proxy, Instance, Database], context: Context };")); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	return c, nil
}

// SchemaOf is what a policy may speak of, in Cedar's language for schemas. The
// actions come with the switches: proxy-ssl:on is in proxy-ssl and in on.
func SchemaOf(switches []Switch) string {
	var s strings.Builder
	s.WriteString(schemaText + "\naction \"on\", \"off\";\n")
	for _, one := range switches {
		fmt.Fprintf(&s, "action %q;\n", one.Name)
		for _, to := range []string{"on", "off"} {
			fmt.Fprintf(&s, "action %q in [%q, %q] appliesTo { principal: [User, Source], resource: [%s], context: Context };\n",
				one.Name+":"+to, one.Name, to, one.On)
		}
	}
	return s.String()
}

// read parses documents. A rule's id is its annotation @id, else policy and its
// number, from 0, as Cedar has it.
func (c *checker) read(documents []Text) (all rules) {
	for _, d := range documents {
		list, err := cedar.NewPolicyListFromBytes(d.Name, []byte(d.Text))
		if err != nil {
			c.syntax(d, err)
			continue
		}
		if len(list) == 0 {
			c.problems.add(d, 0, "found no rule, expected at least one permit")
		}
		for i, p := range list {
			notes := p.Annotations()
			r := rule{Policy: p, notes: notes, text: d, end: len(d.Text), reason: string(notes["reason"])}
			if i+1 < len(list) {
				r.end = list[i+1].Position().Offset
			}
			id, annotated := notes["id"]
			r.id = string(id)
			if !annotated {
				r.id = "policy" + strconv.Itoa(len(all))
			}
			switch {
			case !identifies(r.id):
				c.at(r, "@id", "@id: found "+strconv.Quote(r.id)+", expected 1 to 64 letters, digits, dots, hyphens and underscores")
			case all.at(r.id) >= 0:
				c.at(r, "@id", "@id: found "+r.id+" a second time, expected one rule of a name")
			}
			all = append(all, r)
		}
	}
	return all
}

// identifies tells whether an id can stand in logs and events as it is.
func identifies(id string) bool {
	return 1 <= len(id) && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// declared adds the tickets' further members that rules declare to the schema.
func (c *checker) declared(all rules) members {
	m := members{}
	ticket := c.tree.AST().CommonTypes["Ticket"].Type.(schemaast.RecordType)
	own := maps.Clone(ticket)
	for _, r := range all {
		text, ok := r.notes["ticket"]
		if !ok {
			continue
		}
		more, err := c.declarations(string(text))
		if err != nil {
			c.at(r, "@ticket", "@ticket: "+err.Error()+`; expected as in @ticket("risk: String, systems: Set<String>")`)
			continue
		}
		for name, a := range more {
			if _, taken := own[name]; taken {
				c.at(r, "@ticket", "@ticket: "+string(name)+" is there already, and not the ticket's own")
				continue
			}
			if before, twice := ticket[name]; twice && fmt.Sprint(before) != fmt.Sprint(a) {
				c.at(r, "@ticket", "@ticket: "+string(name)+" has another type elsewhere")
			}
			ticket[name], m[string(name)] = a, nil
		}
	}
	return m
}

// everything is the action that is for everything.
func everything() types.EntityUID { return types.NewEntityUID("Action", "any") }

// resolve makes the schema that [SchemaOf] tells, and one beside it in which an
// action is for everything. All actions have the same context: it is resolved
// once, and a condition that is typed for that action is typed for all.
func (c *checker) resolve(switches []Switch) error {
	base, err := c.tree.Resolve()
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	every := base.Actions[everything()].AppliesTo
	c.context = every.Context
	full := *base
	full.Actions = map[types.EntityUID]resolved.Action{}
	for uid, parents := range actionsOf(switches) {
		a := resolved.Action{Entity: types.Entity{UID: uid, Parents: types.NewEntityUIDSet(parents...)}}
		full.Actions[uid] = a
		base.Actions[uid] = a
	}
	for _, s := range switches {
		for _, to := range []string{":on", ":off"} {
			uid := types.NewEntityUID("Action", types.String(s.Name+to))
			a := full.Actions[uid]
			a.AppliesTo = &resolved.AppliesTo{Principals: every.Principals, Resources: []types.EntityType{types.EntityType(s.On)}, Context: every.Context}
			full.Actions[uid] = a
		}
	}
	c.schema, c.all, c.conditions = &full, base, map[[2]bool]*validate.Validator{}
	return nil
}

// whens is the validator of conditions that speak of these. What speaks of no
// principal or resource has one type for all of them, which is less to do at a
// start.
func (c *checker) whens(principal, resource bool) *validate.Validator {
	key := [2]bool{principal, resource}
	if c.conditions[key] == nil {
		narrow := *c.all
		narrow.Actions = maps.Clone(c.all.Actions)
		a := narrow.Actions[everything()]
		to := *a.AppliesTo
		if !principal {
			to.Principals = to.Principals[:1]
		}
		if !resource {
			to.Resources = to.Resources[:1]
		}
		a.AppliesTo = &to
		narrow.Actions[everything()] = a
		c.conditions[key] = validate.New(&narrow)
	}
	return c.conditions[key]
}

// actionsOf are the actions of switches, and what each is in.
func actionsOf(switches []Switch) map[types.EntityUID][]types.EntityUID {
	action := func(name string) types.EntityUID { return types.NewEntityUID("Action", types.String(name)) }
	all := map[types.EntityUID][]types.EntityUID{action("on"): nil, action("off"): nil}
	for _, s := range switches {
		all[action(s.Name)] = nil
		for _, to := range []string{"on", "off"} {
			all[action(s.Name+":"+to)] = []types.EntityUID{action(s.Name), action(to)}
		}
	}
	return all
}
