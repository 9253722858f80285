package policy_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/policy"
)

func options(text string) policy.Options {
	return policy.Options{
		Policies: []policy.Text{{Name: "p.cedar", Text: text}},
		Switches: []policy.Switch{{Name: "proxy-ssl", On: policy.Proxy}, {Name: "multi-tenancy", On: policy.Instance}, {Name: "database-audit", On: policy.Database}},
		Types:    []string{"dev.interlock.ticket.approved.v1", "dev.interlock.tag.changed.v1", "dev.interlock.switch.requested.v1"},
	}
}

// question is one that has everything, at noon of a Tuesday.
func question() policy.Question {
	return policy.Question{
		Switch: "proxy-ssl", Enabled: true,
		Region: "eu-west-101", Project: "p", Instance: "i", Proxy: "x",
		Ticket: &policy.Ticket{ID: "CHG1", RequestedBy: "requester@example.com", Approvers: []string{"approver@example.com"}},
		Type:   "dev.interlock.ticket.approved.v1", Source: "https://tickets.example.com/changes", Door: "bus", Signer: "servicenow",
		Now: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
}

func newPolicy(t *testing.T, o policy.Options) *policy.Policy {
	t.Helper()
	p, err := policy.New(o)
	require.NoError(t, err)
	return p
}

func ask(t *testing.T, p *policy.Policy, q policy.Question) policy.Answer {
	t.Helper()
	a, err := p.Ask(context.Background(), q)
	require.NoError(t, err)
	return a
}

// Each is true of the question as it is, and false of it as changed.
func TestContext(t *testing.T) {
	at := func(text string) *time.Time {
		v, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		return &v
	}
	cases := []struct {
		when   string
		is     func(*policy.Question)
		change func(*policy.Question)
	}{
		{`principal == User::"requester@example.com"`, nil, func(q *policy.Question) { q.Ticket.RequestedBy = "other@example.com" }},
		{`principal == User::"requester@example.com"`, func(q *policy.Question) { q.Ticket.RequestedBy = " Requester@Example.COM\n" }, func(q *policy.Question) { q.Ticket = nil }},
		{`principal == Source::"https://tickets.example.com/changes"`, func(q *policy.Question) { q.Ticket = nil }, func(q *policy.Question) { q.Source = "urn:x" }},
		{`action == Action::"proxy-ssl:on"`, nil, func(q *policy.Question) { q.Enabled = false }},
		{`action == Action::"proxy-ssl:off"`, func(q *policy.Question) { q.Enabled = false }, func(q *policy.Question) { q.Enabled = true }},
		{`action in Action::"proxy-ssl"`, nil, func(q *policy.Question) { q.Switch = "multi-tenancy" }},
		{`action in Action::"on"`, nil, func(q *policy.Question) { q.Enabled = false }},
		{`resource == Proxy::"x"`, nil, func(q *policy.Question) { q.Proxy = "y" }},
		{`resource in Instance::"i"`, nil, func(q *policy.Question) { q.Instance = "j" }},
		{`resource in Project::"p"`, nil, func(q *policy.Question) { q.Project = "q" }},
		{`resource in Region::"eu-west-101"`, nil, func(q *policy.Question) { q.Region = "" }},
		{`resource == Instance::"i"`, func(q *policy.Question) { q.Switch = "multi-tenancy" }, func(q *policy.Question) { q.Instance = "j" }},
		{`resource == Database::"d" && resource in Instance::"i"`, func(q *policy.Question) { q.Switch, q.Database = "database-audit", "d" }, func(q *policy.Question) { q.Database = "e" }},
		{`context.type == "dev.interlock.ticket.approved.v1"`, nil, func(q *policy.Question) { q.Type = "dev.interlock.tag.changed.v1" }},
		{`context.source like "https://tickets.*"`, nil, func(q *policy.Question) { q.Source = "urn:x" }},
		{`context.door == "bus"`, nil, func(q *policy.Question) { q.Door = "url" }},
		{`context.signer == "servicenow"`, nil, func(q *policy.Question) { q.Signer = "" }},
		{`context.step == 0`, nil, func(q *policy.Question) { q.Step = 1 }},
		{`context.now == datetime("2026-11-24T12:00:00Z")`, nil, func(q *policy.Question) { q.Now = q.Now.Add(time.Millisecond) }},
		{`context has ticket && context.ticket.id == "CHG1"`, nil, func(q *policy.Question) { q.Ticket = nil }},
		{`context has ticket && context.ticket.bound`, func(q *policy.Question) { q.Ticket.Bound = true }, func(q *policy.Question) { q.Ticket.Bound = false }},
		{`context has ticket && context.ticket.approvers.contains(User::"approver@example.com")`, func(q *policy.Question) { q.Ticket.Approvers[0] = "APPROVER@example.com " }, func(q *policy.Question) { q.Ticket.Approvers = nil }},
		{`context has ticket && context.ticket.approvers.contains(User::"requester@example.com")`, func(q *policy.Question) { q.Ticket.Approvers = []string{"Requester@example.com"} }, func(q *policy.Question) { q.Ticket.Approvers = nil }},
		{`context has ticket && context.ticket has approved_at && context.ticket.approved_at == datetime("2026-11-24T11:00:00Z")`, func(q *policy.Question) { q.Ticket.ApprovedAt = at("2026-11-24T12:00:00+01:00") }, func(q *policy.Question) { q.Ticket.ApprovedAt = nil }},
		{`context has ticket && context.ticket has window && context.ticket.window has start && context.ticket.window.start <= context.now`, func(q *policy.Question) { q.Ticket.Start = at("2026-11-24T12:00:00Z") }, func(q *policy.Question) { q.Ticket.Start = nil }},
		{`context has ticket && context.ticket has window && !(context.ticket.window has end)`, func(q *policy.Question) { q.Ticket.Start = at("2026-11-24T12:00:00Z") }, func(q *policy.Question) { q.Ticket.End = at("2026-11-24T12:00:00Z") }},
		{`!(context has ticket && context.ticket has window)`, nil, func(q *policy.Question) { q.Ticket.End = at("2026-11-24T12:00:00Z") }},
	}
	for _, c := range cases {
		t.Run(c.when, func(t *testing.T) {
			p := newPolicy(t, options(`permit (principal, action, resource) when { `+c.when+` };`))
			q := question()
			if c.is != nil {
				c.is(&q)
			}
			require.True(t, ask(t, p, q).Permit)
			c.change(&q)
			require.False(t, ask(t, p, q).Permit)
		})
	}
}

// Approvers count once, in whatever spelling, and the requester never does.
func TestApproverCount(t *testing.T) {
	p := newPolicy(t, options(`permit (principal, action, resource) when { context has ticket && context.ticket.approver_count == 2 };`))
	for _, c := range []struct {
		approvers []string
		two       bool
	}{
		{[]string{"a", "b"}, true},
		{[]string{"a", "b", "A ", "b"}, true},
		{[]string{"a", "b", "Requester@example.com", " "}, true},
		{[]string{"a", "requester@example.com"}, false},
		{[]string{"a", " A"}, false},
		{[]string{"a", ""}, false},
		{[]string{"a", "b", "c"}, false},
		{nil, false},
	} {
		q := question()
		q.Ticket.Approvers = c.approvers
		require.Equal(t, c.two, ask(t, p, q).Permit, "%q", c.approvers)
	}
}

// The form in which names are compared is the caller's.
func TestNormalise(t *testing.T) {
	o := options(`permit (principal == User::"x", action, resource) when { context has ticket && context.ticket.approver_count == 0 };`)
	o.Normalise = func(string) string { return "x" }
	require.True(t, ask(t, newPolicy(t, o), question()).Permit)
	o.Normalise = func(s string) string { return s }
	require.False(t, ask(t, newPolicy(t, o), question()).Permit)
}

// The wall clock is that of the zone, on the days too on which it is put
// forward or back.
func TestLocal(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	kolkata, err := time.LoadLocation("Asia/Kolkata")
	require.NoError(t, err)
	for _, c := range []struct {
		zone         *time.Location
		now          string
		date, day    string
		hour, minute string
	}{
		{nil, "2026-11-24T23:59:59Z", "2026-11-24", "Tuesday", "23", "59"},
		{berlin, "2026-11-24T23:59:59Z", "2026-11-25", "Wednesday", "0", "59"},
		{kolkata, "2026-12-31T18:30:00Z", "2027-01-01", "Friday", "0", "0"},
		// 2027-03-28: from 02:00 to 03:00. 2026-10-25: from 03:00 back to 02:00.
		{berlin, "2027-03-28T00:59:59Z", "2027-03-28", "Sunday", "1", "59"},
		{berlin, "2027-03-28T01:00:00Z", "2027-03-28", "Sunday", "3", "0"},
		{berlin, "2026-10-25T00:30:00Z", "2026-10-25", "Sunday", "2", "30"},
		{berlin, "2026-10-25T01:30:00Z", "2026-10-25", "Sunday", "2", "30"},
		{berlin, "2026-10-25T02:00:00Z", "2026-10-25", "Sunday", "3", "0"},
	} {
		o := options(`permit (principal, action, resource) when { context.local.date == datetime("` + c.date + `") && context.local.weekday == "` + c.day +
			`" && context.local.hour == ` + c.hour + ` && context.local.minute == ` + c.minute + ` };`)
		o.Zone = c.zone
		q := question()
		q.Now, err = time.Parse(time.RFC3339, c.now)
		require.NoError(t, err)
		p := newPolicy(t, o)
		require.True(t, ask(t, p, q).Permit, c.now)
		q.Now = q.Now.Add(-time.Minute)
		require.False(t, ask(t, p, q).Permit, c.now)
	}
}

const entities = `[
	{"uid": {"type": "User", "id": "Approver@example.com"}, "attrs": {}, "parents": [{"type": "Group", "id": "dba"}]},
	{"uid": {"type": "User", "id": "requester@example.com"}, "attrs": {}, "parents": [{"type": "Group", "id": "developers"}], "tags": {"site": "berlin"}},
	{"uid": {"type": "Group", "id": "dba"}, "attrs": {}, "parents": [{"type": "Group", "id": "staff"}]},
	{"uid": {"type": "Group", "id": "staff"}, "attrs": {}, "parents": [{"type": "Group", "id": "dba"}]},
	{"uid": {"type": "Project", "id": "p"}, "attrs": {}, "parents": [], "tags": {"env": "test", "owner": "us"}},
	{"uid": {"type": "Instance", "id": "i"}, "attrs": {}, "parents": [{"type": "Group", "id": "critical"}], "tags": {"env": "prod"}},
	{"uid": {"type": "Proxy", "id": "y"}, "attrs": {}, "parents": [], "tags": {"env": "dev"}}
]`

// Groups of people and of resources, also through groups; and tags, which a
// proxy has of its instance, and that of its project.
func TestEntities(t *testing.T) {
	for when, proxy := range map[string]string{
		`context has ticket && context.ticket.approver_groups.contains(Group::"dba")`:           "x",
		`context has ticket && context.ticket.approver_groups.contains(Group::"staff")`:         "x",
		`principal in Group::"developers"`:                                                      "x",
		`principal is User && principal.hasTag("site") && principal.getTag("site") == "berlin"`: "x",
		`resource in Group::"critical"`:                                                         "x",
		`resource.hasTag("env") && resource.getTag("env") == "prod"`:                            "x",
		`resource.hasTag("env") && resource.getTag("env") == "dev"`:                             "y",
		`resource.hasTag("owner") && resource.getTag("owner") == "us"`:                          "y",
		`resource in Instance::"i" && resource in Project::"p" && true`:                         "x",
		`!(context has ticket && context.ticket.approver_groups.contains(Group::"developers"))`: "x",
	} {
		o := options(`permit (principal, action, resource) when { ` + when + ` };`)
		o.Entities = []policy.Text{{Name: "e.json", Text: entities}}
		q := question()
		q.Proxy = proxy
		q.Ticket.Approvers = append(q.Ticket.Approvers, q.Ticket.RequestedBy)
		require.True(t, ask(t, newPolicy(t, o), q).Permit, when)
	}
	o := options(`permit (principal, action, resource) when { resource.hasTag("env") || principal in Group::"developers" };`)
	require.False(t, ask(t, newPolicy(t, o), question()).Permit, "without entities nobody is in a group")
}

// A further member of a ticket is seen by the type that is declared for it. One
// of another type is a no, whatever the rules say; null is the same as absent.
func TestMembers(t *testing.T) {
	cases := []struct {
		declared, when string
		yes, no, wrong []string
	}{
		{"risk: String", `t has risk && t.risk == "low"`, []string{`"low"`, `"l\u006fw"`}, []string{`"high"`, `null`, `""`}, []string{`1`, `["low"]`, `{}`, `true`, `"`}},
		{"n: Long", `t has n && t.n >= 2`, []string{`2`, `9223372036854775807`}, []string{`1`, `-3`, `null`}, []string{`2.5`, `2.0`, `1e3`, `9223372036854775808`, `"2"`, `1e999999999`}},
		{"b: Bool", `t has b && t.b`, []string{`true`}, []string{`false`}, []string{`"true"`, `1`}},
		{"d: decimal", `t has d && t.d.greaterThan(decimal("1.5"))`, []string{`1.6`, `"1.6"`}, []string{`1.5`, `-2.0`}, []string{`1.23456`, `true`, `"x"`}},
		{"at: datetime", `t has at && t.at < context.now`, []string{`"2026-11-24T12:00:00+01:00"`, `"2026-11-24"`}, []string{`"2026-11-24T12:00:00Z"`}, []string{`"tomorrow"`, `0`}},
		{"for: duration", `t has "for" && t["for"] == duration("2h")`, []string{`"2h"`, `"120m"`}, []string{`"1h"`}, []string{`"2 hours"`, `2`}},
		{"from: ipaddr", `t has from && t.from.isInRange(ip("10.0.0.0/8"))`, []string{`"10.1.2.3"`}, []string{`"192.168.0.1"`}, []string{`"x"`, `10`}},
		{"by: User", `t has by && t.by != principal`, []string{`"other@example.com"`}, []string{`"REQUESTER@example.com"`}, []string{`{"type":"User","id":"a"}`}},
		{"cis: Set<String>", `t has cis && t.cis.contains("db1")`, []string{`["db0","db1"]`}, []string{`[]`, `["db2"]`}, []string{`"db1"`, `["db1",1]`, `["db1",null]`}},
		{`m: { "a": Long, "b"?: String }`, `t has m && t.m.a == 1`, []string{`{"a":1}`, `{"a":1,"b":null,"c":[]}`, `{"b":"","a":1}`}, []string{`{"a":2}`}, []string{`{}`, `{"a":null}`, `{"a":"1"}`, `{"a":1,"b":2}`, `[]`, `{"a":1,"a":2}`}},
	}
	for _, c := range cases {
		name, _, _ := strings.Cut(c.declared, ":")
		text := `@ticket(` + strconv.Quote(c.declared) + `) permit (principal, action, resource) when { context has ticket && ` +
			regexp.MustCompile(`\bt\b`).ReplaceAllString(c.when, "context.ticket") + ` };`
		p := newPolicy(t, options(text))
		for values, want := range map[*[]string]string{&c.yes: "permitted by policy0", &c.no: "no rule of the policy permits it", &c.wrong: "ticket."} {
			for _, v := range *values {
				q := question()
				q.Ticket.More = map[string]json.RawMessage{name: json.RawMessage(v), "other": json.RawMessage(`{"deep":[1.5,null]}`)}
				a := ask(t, p, q)
				require.Equal(t, want == "permitted by policy0", a.Permit, "%s: %s: %s", c.declared, v, a.Reason)
				require.Contains(t, a.Reason, want, "%s: %s", c.declared, v)
			}
		}
	}
}

// A forbid that cannot be evaluated forbids, and so does a permit: nothing is
// skipped.
func TestEvaluationErrors(t *testing.T) {
	p := newPolicy(t, options(`
		@id("all") permit (principal, action, resource);
		@id("steps") forbid (principal, action, resource) when { context.step * 9223372036854775807 > 3 };`))
	q := question()
	require.Equal(t, policy.Answer{Permit: true, Policies: []string{"all"}, Reason: "permitted by all"}, ask(t, p, q))
	q.Step = 2
	a := ask(t, p, q)
	require.False(t, a.Permit)
	require.Equal(t, []string{"steps"}, a.Policies)
	require.Contains(t, a.Reason, "steps cannot be evaluated: ")
}

func TestAnswers(t *testing.T) {
	p := newPolicy(t, options(`
		permit (principal, action in Action::"on", resource);
		@id("b") @reason("no bus") forbid (principal, action, resource) when { context.door == "bus" };
		@id("a") forbid (principal, action, resource) when { context.signer == "servicenow" };`))
	q := question()
	require.Equal(t, policy.Answer{Policies: []string{"b", "a"}, Reason: "forbidden by b (no bus), a"}, ask(t, p, q))
	q.Door, q.Signer = "queue", ""
	require.Equal(t, policy.Answer{Permit: true, Policies: []string{"policy0"}, Reason: "permitted by policy0"}, ask(t, p, q))
	q.Enabled = false
	require.Equal(t, policy.Answer{Reason: "no rule of the policy permits it"}, ask(t, p, q))
}

// What is no question is an error, and neither yes nor no.
func TestNoQuestions(t *testing.T) {
	p := newPolicy(t, options(policy.Default))
	for want, change := range map[string]func(*policy.Question){
		`switch "proxy-tls" is not known`:         func(q *policy.Question) { q.Switch = "proxy-tls" },
		`not all ids of a Proxy`:                  func(q *policy.Question) { q.Proxy = "" },
		`not all ids of a Database`:               func(q *policy.Question) { q.Switch = "database-audit" },
		`not all ids of a Instance`:               func(q *policy.Question) { q.Switch, q.Instance = "multi-tenancy", "" },
		`door "window": expected one of url, bus`: func(q *policy.Question) { q.Door = "window" },
	} {
		q := question()
		change(&q)
		_, err := p.Ask(context.Background(), q)
		require.ErrorContains(t, err, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Ask(ctx, question())
	require.ErrorIs(t, err, context.Canceled)
}

// Where no policy is set, a ticket needs another's approval, and the rest none.
func TestDefault(t *testing.T) {
	p := newPolicy(t, options(policy.Default))
	q := question()
	require.True(t, ask(t, p, q).Permit)
	q.Ticket.Approvers = []string{"Requester@example.com"}
	require.Equal(t, policy.Answer{Policies: []string{"approved-by-another"}, Reason: "forbidden by approved-by-another (nobody but its requester approved the ticket)"}, ask(t, p, q))
	q.Ticket = nil
	require.True(t, ask(t, p, q).Permit)
}

func TestFacts(t *testing.T) {
	o := options(`@ticket("risk: String") permit (principal, action, resource);`)
	o.Entities = []policy.Text{{Name: "e.json", Text: entities}}
	q := question()
	q.Ticket.More = map[string]json.RawMessage{"risk": json.RawMessage(`"low"`), "note": json.RawMessage(`{"x":1}`)}
	seen, unseen, err := newPolicy(t, o).Facts(q)
	require.NoError(t, err)
	for _, f := range []policy.Fact{
		{Name: "principal", Value: `User::"requester@example.com"`}, {Name: "action", Value: `Action::"proxy-ssl:on"`}, {Name: "resource", Value: `Proxy::"x"`},
		{Name: `resource.getTag("env")`, Value: `"prod"`},
		{Name: "context.ticket.approver_count", Value: "1"}, {Name: "context.ticket.risk", Value: `"low"`}, {Name: "context.local.hour", Value: "12"},
		{Name: "context.now", Value: `datetime("2026-11-24T12:00:00.000Z")`},
	} {
		require.Contains(t, seen, f)
	}
	require.Equal(t, []policy.Fact{{Name: "ticket.note", Value: `{"x":1}`}}, unseen)
}
