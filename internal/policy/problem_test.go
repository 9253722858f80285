package policy_test

import (
	"strings"
	"testing"

	"github.com/cedar-policy/cedar-go/x/exp/schema"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/policy"
)

// What is wrong with a policy is told with its line and column, at start. The
// mark ‸ is where.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ text, problem string }{
		{`permit (principal, action, resource) ‸forbid`, "found forbid, expected ;"},
		{"permit (principal, action, resource)\nwhen { context.‸(now) };", "expected ident"},
		{"permit (principal, action, resource)\nwhen { context.door == ‸\"bus };", "literal not terminated"},
		{"permit (principal, action, resource) // so\nwhen { ‸} // not\n;", "invalid primary"},
		{"permit (principal, action, ‸)", "found ), expected resource"},
		{"permit (principal, action, resource) when { context.ticket.contains(\"é\" ‸3) };", "found 3, expected ,"},
		{"‸// nothing\n", "found no rule"},
		{`@id("a") permit (principal, action, resource); ‸@id("a") permit (principal, action, resource);`, "@id: found a a second time"},
		{`‸@id("two words") permit (principal, action, resource);`, `@id: found "two words", expected 1 to 64`},

		{"// context.ticket.aproved_at\npermit (principal, action, resource)\n  when { context has ticket && context.ticket.‸aproved_at < context.now };", "attribute `aproved_at` in context not found; a ticket's further member is declared"},
		{`forbid (principal, action, resource) when { context has ticket && context.ticket has ‸aproved_at && context.ticket.approved_at < context.now };`, "attribute `aproved_at` in context not found"},
		{`forbid (principal, action, resource) when { context has ‸tickets };`, "attribute `tickets` in context not found"},
		{`forbid (principal, action, resource) when { context has ticket.‸windw.end };`, "attribute `windw` in context not found"},
		{`forbid (principal, action, resource) when { resource has ‸env };`, "nothing has an attribute `env`; tags are asked for"},
		{`permit (principal, action, resource) when { resource.‸env == "prod" };`, "nothing has an attribute `env`; tags are asked for with hasTag and getTag"},
		{`permit (principal, action, resource) when { resource is Database && resource.‸env == "prod" };`, "nothing has an attribute `env`"},
		{`permit (principal, action, resource) when { principal is Source && principal.‸name == "crm" };`, "nothing has an attribute `name`"},
		{`permit (principal, action, resource) when { context.‸ticket.bound };`, "optional attribute `ticket` in context; expected after a test with has"},
		{`permit (principal, action, resource) when { resource.getTag(‸"env") == "prod" };`, "access to tag `\"env\"`; expected after a test with hasTag"},

		{`permit (principal == ‸Usr::"a", action, resource);`, "unrecognized entity type `Usr`"},
		{`permit (principal, action, resource) when { principal in ‸Grp::"a" };`, "unrecognized entity type `Grp`"},
		{`permit (principal, action == ‸Action::"proxy-tls:on", resource);`, "unrecognized action `Action::\"proxy-tls:on\"`"},
		{`‸permit (principal, action == Action::"proxy-ssl:on", resource is Database);`, "no switch has such an action with such a principal and resource"},
		{`permit (principal == ‸User::"Head@example.com", action, resource);`, `User::"Head@example.com" is never asked: names are compared as User::"head@example.com"`},
		{`permit (principal, action, resource) when { principal is User && [‸User::"A"].contains(principal) };`, `User::"A" is never asked`},

		{`permit (principal, action, resource) when { context.door == ‸"queu" };`, `context.door is never "queu": it is one of url, bus, queue, direct, local`},
		{`permit (principal, action, resource) when { ‸"tag.changed" != context.type };`, `context.type is never "tag.changed"`},
		{`permit (principal, action, resource) when { context.type ‸like "*.tag.changed" };`, `context.type is never like that`},
		{`permit (principal, action, resource) when { ["Saturday", ‸"Sonntag"].contains(context.local.weekday) };`, `context.local.weekday is never "Sonntag": it is one of Sunday, Monday`},
		{`‸permit (principal, action, resource) when { context.step == "1" };`, "the types Long and String are not compatible"},
		{`permit (principal, action, resource) when { context.now < datetime(‸"2026-13-01") };`, "failed to parse as a datetime"},

		{`‸@ticket("risk String") permit (principal, action, resource);`, "@ticket: "},
		{`‸@ticket("risk: Strng") permit (principal, action, resource);`, "@ticket: "},
		{`‸@ticket("a: Long }; type B = { b: Long") permit (principal, action, resource);`, "@ticket: found more than a record's attributes"},
		{`‸@ticket("bound: Bool") permit (principal, action, resource);`, "@ticket: bound is there already, and not the ticket's own"},
		{`@ticket("risk: String") permit (principal, action, resource); ‸@ticket("risk: Long") permit (principal, action, resource);`, "@ticket: risk has another type elsewhere"},
		{`@ticket("risk: String") permit (principal, action, resource) when { context has ticket && context.ticket.‸risk == "low" };`, "expected after a test with has"},
	} {
		before, after, ok := strings.Cut(c.text, "‸")
		require.True(t, ok)
		_, err := policy.New(options(before + after))
		var problems policy.Problems
		require.ErrorAs(t, err, &problems, c.text)
		require.Len(t, problems, 1, c.text)
		require.Contains(t, problems[0].Text, c.problem, c.text)
		line := strings.Count(before, "\n") + 1
		column := len([]rune(before[strings.LastIndexByte(before, '\n')+1:])) + 1
		require.Equal(t, [2]int{line, column}, [2]int{problems[0].Line, problems[0].Column}, "%s\n%s", c.text, err)
		require.NotContains(t, err.Error(), "\n")
	}
}

// All that is wrong is told, in order; as an error in one line.
func TestManyProblems(t *testing.T) {
	_, err := policy.New(options("permit (principal, action, resource)\nwhen { context.tickt has x || context.dor == \"bus\" };\npermit (principal == Usr::\"a\", action, resource);"))
	var problems policy.Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 3, "%v", []policy.Problem(problems))
	require.Regexp(t, "^p.cedar: line 2, column 16: attribute `tickt` in context not found; and 2 more$", err.Error())
	require.Regexp(t, "^p.cedar: line 3, column 22: unrecognized entity type `Usr`$", problems[2].String())
}

// The same action stands for each switch, and a policy may be longer than a
// document.
func TestSeveralDocuments(t *testing.T) {
	o := options(`@id("a") permit (principal, action == Action::"multi-tenancy:on", resource);`)
	o.Policies = append(o.Policies, policy.Text{Name: "q.cedar", Text: "permit (principal, action == Action::\"proxy-ssl:on\", resource);"})
	require.Equal(t, []string{"policy1"}, ask(t, newPolicy(t, o), question()).Policies)
	o.Policies[1].Text = "\n@id(\"a\") permit (principal, action, resource);"
	_, err := policy.New(o)
	require.EqualError(t, err, "q.cedar: line 2, column 1: @id: found a a second time, expected one rule of a name")
}

func TestEntityProblems(t *testing.T) {
	for _, c := range []struct{ text, problem string }{
		{`[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [] ‸"tags": {}}]`, "expected"},
		{`‸{}`, "expected an array of entities"},
		{`[{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": []},` + "\n" + `‸{"uid": {"type": "Usr", "id": "a"}, "attrs": {}, "parents": []}]`, `uid: found type "Usr", which there is not`},
		{`[‸{"uid": {"type": "User", "id": "a"}, "attrs": {"age": 3}, "parents": []}]`, `User::"a": attrs: expected an object without members`},
		{`[‸{"uid": {"type": "Instance", "id": "a"}, "attrs": {}, "parents": [], "tags": {"env": 1}}]`, `Instance::"a": tags: env: found number, expected string`},
		{`[‸{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [{"type": "Project", "id": "b"}]}]`, `User::"a": parents: found Project::"b", expected one of [Group]`},
		{`[‸{"uid": {"type": "User", "id": "a"}, "attrs": {}}]`, `User::"a": parents: expected an array`},
		{`[‸{"uid": {"type": "User", "id": "a"}, "attrs": {}, "parents": [], "parent": []}]`, `found member "parent", expected uid, attrs, parents and tags`},
		{`[‸{"uid": {"type": "Region", "id": "a"}, "attrs": {}, "parents": [], "tags": {}}]`, `Region::"a": tags: expected none`},
		{`[‸{"uid": "a", "attrs": {}, "parents": []}]`, `uid: expected as in {"type": "User", "id": "…"}`},
		{`[‸3]`, `uid: expected as in`},
		{`[{"uid": {"__entity": {"type": "User", "id": "a"}}, "attrs": {}, "parents": []}, ‸{"uid": {"type": "User", "id": "A"}, "attrs": {}, "parents": []}]`, `User::"a" is there a second time`},
	} {
		before, after, ok := strings.Cut(c.text, "‸")
		require.True(t, ok)
		o := options(policy.Default)
		o.Entities = []policy.Text{{Name: "e.json", Text: before + after}}
		_, err := policy.New(o)
		var problems policy.Problems
		require.ErrorAs(t, err, &problems, c.text)
		require.Len(t, problems, 1, c.text)
		require.Contains(t, problems[0].String(), "e.json: line ")
		require.Contains(t, problems[0].Text, c.problem, c.text)
		require.Equal(t, len(before)-strings.LastIndexByte(before, '\n'), problems[0].Column, "%s\n%s", c.text, err)
	}
}

// What a start makes of the schema in haste is what is printed.
func TestSchema(t *testing.T) {
	o := options(policy.Default)
	var printed schema.Schema
	require.NoError(t, printed.UnmarshalCedar([]byte(policy.SchemaOf(o.Switches))))
	want, err := printed.Resolve()
	require.NoError(t, err)
	got, err := policy.ResolvedSchema(o)
	require.NoError(t, err)
	require.Equal(t, want.Entities, got.Entities)
	require.Len(t, got.Actions, len(want.Actions))
	for uid, a := range want.Actions {
		require.True(t, a.Entity.Equal(got.Actions[uid].Entity), uid)
		require.Equal(t, a.AppliesTo, got.Actions[uid].AppliesTo, uid)
	}
}
