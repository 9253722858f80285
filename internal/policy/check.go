package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cedar-policy/cedar-go/types"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/resolved"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
)

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

// valid asks the validator: about the scope, where there is one, and then about the
// conditions as one, as Cedar defines them: what a when has asked for, the unless behind it may
// read. cedar-go's validator takes each by itself.
func (c *checker) valid(tree *ast.Policy) error {
	scope := *tree
	scope.Conditions = nil
	if !unscoped(tree) {
		if c.scopes == nil {
			c.scopes = validate.New(c.schema)
		}
		if err := c.scopes.Policy("", &scope); err != nil {
			return err
		}
	}
	if len(tree.Conditions) == 0 {
		return nil
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
	if !principal {
		one.Principal = ast.ScopeTypeAll{}
	}
	if !resource {
		one.Resource = ast.ScopeTypeAll{}
	}
	one.Conditions = []ast.ConditionType{{Condition: ast.ConditionWhen, Body: all.AsIsNode()}}
	return c.whens(principal, resource).Policy("", &one)
}

// unscoped tells of a rule that is for every principal, action and resource.
func unscoped(tree *ast.Policy) bool {
	all := ast.ScopeTypeAll{}
	return tree.Principal == all && tree.Action == all && tree.Resource == all
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
