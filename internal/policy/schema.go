package policy

import (
	_ "embed" // the schema
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
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
	scopes  *validate.Validator
	whens   *validate.Validator
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
			r := rule{Policy: p, text: d, end: len(d.Text), reason: string(p.Annotations()["reason"])}
			if i+1 < len(list) {
				r.end = list[i+1].Position().Offset
			}
			id, annotated := p.Annotations()["id"]
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
		text, ok := r.Annotations()["ticket"]
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

// resolve makes the schema that [SchemaOf] tells, and one beside it in which an
// action is for everything. All actions have the same context: it is resolved
// once, and a condition that is typed for that action is typed for all.
func (c *checker) resolve(switches []Switch) error {
	base, err := c.tree.Resolve()
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	every := base.Actions[types.NewEntityUID("Action", "any")].AppliesTo
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
	c.schema = &full
	c.scopes, c.whens = validate.New(c.schema), validate.New(base)
	return nil
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

// check checks rules.
func (c *checker) check(all rules) {
	for _, r := range all {
		tree := (*ast.Policy)(r.AST())
		if err := c.valid(tree); err != nil {
			texts := strings.Split(err.Error(), "\n")
			for _, text := range texts {
				// Where a type is unknown, this says nothing more.
				if text != inapplicable || len(texts) == 1 {
					c.invalid(r, text)
				}
			}
		}
		for _, scope := range []any{tree.Principal, tree.Resource} {
			c.scope(r, scope)
		}
		for _, condition := range tree.Conditions {
			ast.Inspect(ast.NewNode(condition.Body), func(n ast.IsNode) bool {
				c.node(r, n)
				return true
			})
		}
	}
	c.problems.sort()
}

// valid asks the validator: about the scope, and then about the conditions as
// one, as Cedar defines them: what a when has asked for, the unless behind it may
// read. cedar-go's validator takes each by itself.
func (c *checker) valid(tree *ast.Policy) error {
	scope := *tree
	scope.Conditions = nil
	err := c.scopes.Policy("", &scope)
	if len(tree.Conditions) == 0 || err != nil {
		return err
	}
	all, principal, resource := ast.True(), false, false
	for _, c := range tree.Conditions {
		n := ast.NewNode(c.Body)
		if c.Condition == ast.ConditionUnless {
			n = ast.Not(n)
		}
		all = all.And(n)
	}
	ast.Inspect(all, func(n ast.IsNode) bool {
		v, _ := n.(ast.NodeTypeVariable)
		principal, resource = principal || v.Name == "principal", resource || v.Name == "resource"
		return true
	})
	one := scope
	one.Action = ast.ScopeTypeAll{}
	// What speaks of neither has one type for all of them: less to do at a start.
	if !principal {
		one.Principal = ast.ScopeTypeIs{Type: "User"}
	}
	if !resource {
		one.Resource = ast.ScopeTypeIs{Type: "Instance"}
	}
	one.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: all.AsIsNode()}}
	return c.whens.Policy("", &one)
}

// inapplicable is what the validator says of a rule that no question can meet.
const inapplicable = "unable to find an applicable action given the policy scope constraints"

// invalid notes what the validator says, at the word that it speaks of.
func (c *checker) invalid(r rule, text string) {
	text = regexp.MustCompile("( in context)? for Action::\"[^\"]*\"").ReplaceAllString(text, "$1")
	word := ""
	if m := regexp.MustCompile("`([^`]+)`").FindStringSubmatch(text); m != nil {
		word = m[1][strings.LastIndexByte(m[1], '.')+1:]
	}
	switch {
	case text == inapplicable:
		text = "no switch has such an action with such a principal and resource"
	case strings.Contains(text, " on entity type") && strings.HasSuffix(text, "not found"):
		text = noAttributes(word)
	case strings.HasPrefix(text, "unable to guarantee safety of access to tag"):
		text, _, _ = strings.Cut(text, " on entity type")
		text += "; expected after a test with hasTag"
	case strings.HasPrefix(text, "unable to guarantee safety of access to optional attribute"):
		text += "; expected after a test with has"
	case strings.HasSuffix(text, "in context not found") && ofTicket(r, word):
		text += `; a ticket's further member is declared, as in @ticket("risk: String")`
	}
	c.at(r, word, text)
}

// noAttributes: the schema's entities have none.
func noAttributes(name string) string {
	return "nothing has an attribute `" + name + "`; tags are asked for with hasTag and getTag"
}

// ofTicket tells whether a rule takes an attribute for a ticket's.
func ofTicket(r rule, attribute string) bool {
	text := r.text.Text[r.Position().Offset:r.end]
	return strings.Contains(text, "ticket."+attribute) || strings.Contains(text, "ticket has "+attribute)
}

// at notes a problem at the first place of a word in a rule, or where the rule
// begins.
func (c *checker) at(r rule, word, text string) {
	start := r.Position().Offset
	c.problems.add(r.text, start+max(0, wordIn(r.text.Text[start:r.end], word)), text)
}

// wordIn is where a word stands by itself: outside of comments, and of strings
// if it can be, because an attribute may be written as one.
func wordIn(text, word string) int {
	if word == "" {
		return -1
	}
	pattern := regexp.QuoteMeta(word)
	if identifies(word) {
		pattern = `\b` + pattern + `\b`
	}
	of := regexp.MustCompile(pattern)
	plain := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|//[^\n]*`)
	for _, hidden := range []string{`"/`, "/"} {
		seen := plain.ReplaceAllStringFunc(text, func(s string) string {
			if strings.Contains(hidden, s[:1]) {
				return strings.Repeat(" ", len(s))
			}
			return s
		})
		if at := of.FindStringIndex(seen); at != nil {
			return at[0]
		}
	}
	return -1
}

func (c *checker) scope(r rule, scope any) {
	switch s := scope.(type) {
	case ast.ScopeTypeEq:
		c.uid(r, s.Entity)
	case ast.ScopeTypeIn:
		c.uid(r, s.Entity)
	case ast.ScopeTypeIsIn:
		c.uid(r, s.Entity)
	}
}

// uid notes the name of a person that none is ever compared with.
func (c *checker) uid(r rule, uid types.EntityUID) {
	if name := string(uid.ID); uid.Type == "User" && name != c.normalise(name) {
		c.at(r, uid.String(), fmt.Sprintf("%s is never asked: names are compared as User::%q", uid, c.normalise(name)))
	}
}

// node notes what is well typed but never true.
func (c *checker) node(r rule, n ast.IsNode) {
	switch n := n.(type) {
	case ast.NodeValue:
		if uid, ok := n.Value.(types.EntityUID); ok {
			c.uid(r, uid)
		}
	case ast.NodeTypeHas:
		c.has(r, n)
	case ast.NodeTypeEquals:
		c.word(r, n.Left, n.Right)
		c.word(r, n.Right, n.Left)
	case ast.NodeTypeNotEquals:
		c.word(r, n.Left, n.Right)
		c.word(r, n.Right, n.Left)
	case ast.NodeTypeContains:
		c.word(r, n.Right, n.Left)
	case ast.NodeTypeLike:
		if name, known := path(n.Arg); known && c.words[name] != nil && !slices.ContainsFunc(c.words[name], func(w string) bool { return n.Value.Match(types.String(w)) }) {
			c.at(r, "like", fmt.Sprintf("context.%s is never like that: it is one of %s", name, strings.Join(c.words[name], ", ")))
		}
	}
}

// has notes an attribute that nothing has: Cedar takes that for false.
func (c *checker) has(r rule, n ast.NodeTypeHas) {
	name, rooted := path(n.Arg)
	if !rooted {
		if _, variable := n.Arg.(ast.NodeTypeVariable); variable {
			c.at(r, string(n.Value), noAttributes(string(n.Value)))
		}
		return
	}
	record, ok := c.typeOf(name).(resolved.RecordType)
	if _, known := record[n.Value]; ok && !known {
		c.invalid(r, fmt.Sprintf("attribute `%s` in context for Action::\"\" not found", n.Value))
	}
}

// typeOf is the type of a member of the context, by its path; nil if there is
// none.
func (c *checker) typeOf(name string) resolved.IsType {
	var t resolved.IsType = c.context
	for part := range strings.SplitSeq(name, ".") {
		if record, ok := t.(resolved.RecordType); ok && part != "" {
			t = record[types.String(part)].Type
		}
	}
	return t
}

// path is the path of a member of the context, "" for the context itself.
func path(n ast.IsNode) (name string, rooted bool) {
	switch n := n.(type) {
	case ast.NodeTypeVariable:
		return "", n.Name == "context"
	case ast.NodeTypeAccess:
		in, ok := path(n.Arg)
		return strings.TrimPrefix(in+"."+string(n.Value), "."), ok
	}
	return "", false
}

// word notes a word that a member of the context is compared with, and never is.
func (c *checker) word(r rule, member, with ast.IsNode) {
	name, rooted := path(member)
	known := c.words[name]
	if !rooted || known == nil {
		return
	}
	elements := []ast.IsNode{with}
	if set, ok := with.(ast.NodeTypeSet); ok {
		elements = set.Elements
	}
	for _, e := range elements {
		v, ok := e.(ast.NodeValue)
		word, isText := v.Value.(types.String)
		if ok && isText && !slices.Contains(known, string(word)) {
			c.at(r, strconv.Quote(string(word)), fmt.Sprintf("context.%s is never %q: it is one of %s", name, string(word), strings.Join(known, ", ")))
		}
	}
}
