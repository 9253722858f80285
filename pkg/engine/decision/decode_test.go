package decision

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

type altOptions struct {
	AltForReadonly *bool `json:"alt_for_readonly,omitempty"`
}

type auditOptions struct {
	LTSAuditSwitch *int `json:"lts_audit_switch,omitempty" validate:"omitempty,oneof=0 1"`
}

// instanceTarget, proxyTarget and databaseTarget are targets of three kinds.
type instanceTarget struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"project"`
	InstanceID string `json:"instance_id" validate:"taurus"`
}

func (t instanceTarget) Place() Place {
	return Place{t.ProjectID, t.InstanceID, "projects/" + t.ProjectID + "/instances/" + t.InstanceID}
}

type proxyTarget struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"project"`
	InstanceID string `json:"instance_id" validate:"taurus"`
	ProxyID    string `json:"proxy_id,omitempty" validate:"proxy"`
}

func (t proxyTarget) Place() Place {
	return Place{t.ProjectID, t.InstanceID, "projects/" + t.ProjectID + "/instances/" + t.InstanceID + "/proxies/" + t.ProxyID}
}

type databaseTarget struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"audit"`
	InstanceID string `json:"instance_id" validate:"audit"`
	DatabaseID string `json:"database_id,omitempty" validate:"database"`
}

func (t databaseTarget) Place() Place {
	return Place{t.ProjectID, t.InstanceID, "projects/" + t.ProjectID + "/instances/" + t.InstanceID + "/databases/" + t.DatabaseID}
}

func formed(least, most int, also, end, expected string) Rule {
	return Rule{func(s string) bool { return isFormed(s, least, most, also) && strings.HasSuffix(s, end) }, expected}
}

// specs are like those of five switches.
func specs() []Spec {
	all := []Spec{
		{Switch: "proxy-alt", Target: func() any { return new(proxyTarget) }, Options: func() any { return new(altOptions) }},
		{Switch: "proxy-ssl", Target: func() any { return new(proxyTarget) }},
		{Switch: "access-control", Target: func() any { return new(proxyTarget) }},
		{Switch: "multi-tenancy", Target: func() any { return new(instanceTarget) }},
		{Switch: "database-audit", Target: func() any { return new(databaseTarget) }, Options: func() any { return new(auditOptions) }},
	}
	for i := range all {
		all[i].Rules = map[string]Rule{
			"project":  formed(32, 32, "", "", "32 letters and digits"),
			"taurus":   formed(36, 36, "", "in07", "36 letters and digits that end in in07"),
			"proxy":    formed(36, 36, "", "po01", "36 letters and digits that end in po01"),
			"audit":    formed(32, 64, "_-", "", "32 to 64 letters, digits, hyphens and underscores"),
			"database": formed(1, 64, "_-", "", "1 to 64 letters, digits, hyphens and underscores"),
		}
	}
	return all
}

const ourRegion = "eu-west-101"

func decoder(t testing.TB) *Decoder {
	d, err := New(specs(), ourRegion)
	require.NoError(t, err)
	return d
}

const (
	project  = `"project_id":"056538411200d4cd2f79c003c7606412"`
	instance = `"instance_id":"096c0fc43e804757b59946b80dc27f8bin07"`
	proxy    = `"proxy_id":"2ec617ba62da4eafb921b69438beed3cpo01"`
	database = `"database_id":"Gadr-Y4B51p4J06s5s5B"`
	onProxy  = `{` + project + `,` + instance + `,` + proxy + `}`
	ticket   = `{"id":"CHG1","requested_by":"r@example.com","approved_by":["a@example.com"]}`
)

func eventOf(t testing.TB, eventType, data string) event.Event {
	ev := event.New()
	ev.SetID("CHG1-1")
	ev.SetSource("https://tickets.example.com/changes")
	ev.SetType(eventType)
	ev.SetDataContentType("application/json")
	ev.DataEncoded = []byte(data)
	require.NoError(t, ev.Validate())
	return ev
}

func request(name, enabled, target, rest string) string {
	return `{"switch":"` + name + `","enabled":` + enabled + `,"target":` + target + rest + `}`
}

func TestMeant(t *testing.T) {
	d := decoder(t)
	for what, c := range map[string]struct {
		eventType, data string
		meant           bool
	}{
		"our switch":             {events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, ""), true},
		"another known switch":   {events.TypeSwitchRequested, request("proxy-alt", "true", onProxy, ""), false},
		"another's bad event":    {events.TypeSwitchRequested, request("proxy-alt", "7", `"x"`, ""), false},
		"an unknown switch":      {events.TypeSwitchRequested, request("proxy-tls", "true", onProxy, ""), true},
		"another type":           {events.TypeSwitchCompleted, `{}`, false},
		"our region":             {events.TypeSwitchRequested, request("proxy-ssl", "true", `{"region":"eu-west-101",`+onProxy[1:], ""), true},
		"another region":         {events.TypeSwitchRequested, request("proxy-ssl", "true", `{"region":"cn-north-4",`+onProxy[1:], ""), false},
		"a region that is none":  {events.TypeSwitchRequested, request("proxy-ssl", "true", `{"region":"EU West",`+onProxy[1:], ""), true},
		"our tag":                {events.TypeTagChanged, tagged(`{"key":"interlock:proxy-ssl","new":"on"}`), true},
		"another's tag":          {events.TypeTagChanged, tagged(`{"key":"interlock:proxy-alt","new":"on"}`), false},
		"another's bad tag":      {events.TypeTagChanged, tagged(`{"key":"interlock:proxy-alt","new":"maybe"}`), false},
		"tags of nobody":         {events.TypeTagChanged, tagged(`{"key":"owner","new":"me"},{"key":"Interlock:proxy-ssl","new":"on"}`), false},
		"our tag removed":        {events.TypeTagChanged, tagged(`{"key":"interlock:proxy-ssl","old":"on"}`), false},
		"our tag removed, null":  {events.TypeTagChanged, tagged(`{"key":"interlock:proxy-ssl","old":"on","new":null}`), false},
		"who knows whose tags":   {events.TypeTagChanged, `{"target":` + onProxy + `,"changes":7}`, true},
		"who knows what changed": {events.TypeTagChanged, tagged(`{"new":"on"}`), true},
	} {
		_, meant, problem := d.Decode("proxy-ssl", eventOf(t, c.eventType, c.data))
		require.Equal(t, c.meant, meant, what)
		if !meant {
			require.Nil(t, problem, what)
		}
	}
	_, meant, _ := d.Decode("proxy-tls", eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, "")))
	require.False(t, meant, "a switch that the decoder does not know")
	_, meant, _ = d.Decode("proxy-ssl", event.Event{})
	require.False(t, meant)
}

func tagged(changes string) string { return `{"target":` + onProxy + `,"changes":[` + changes + `]}` }

func TestDecision(t *testing.T) {
	d := decoder(t)
	ev := eventOf(t, events.TypeTicketApproved, `{"switch":"proxy-alt","enabled":false,"target":`+onProxy+`,
		"options":{"alt_for_readonly":true},
		"ticket":{"id":"CHG1","requested_by":"r","approved_by":["a"],"approved_at":"2026-11-22t09:59:30+01:00","risk":{"level":3},
			"window":{"start":"2026-11-22T09:00:00Z","end":"2026-11-22T11:00:00Z"}}}`)
	ev.SetExtension("correlationid", "order-7")
	ev.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ev.SetExtension("tracestate", "a=b")
	got, meant, problem := d.Decode("proxy-alt", ev)
	require.Nil(t, problem)
	require.True(t, meant)
	text, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, `{"switch":"proxy-alt","enabled":false,
		"target":`+onProxy+`,"options":{"alt_for_readonly":true},
		"ticket":{"id":"CHG1","requested_by":"r","approved_by":["a"],"approved_at":"2026-11-22T08:59:30Z",
			"window":{"start":"2026-11-22T09:00:00Z","end":"2026-11-22T11:00:00Z"}},
		"ticket_further":{"risk":{"level":3}},"digest":"`+got.Digest+`",
		"cause":{"id":"CHG1-1","source":"https://tickets.example.com/changes","type":"dev.interlock.ticket.approved.v1","ticket":"CHG1"},
		"correlationid":"order-7","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b"}`, string(text))

	again, err := d.Restore(text)
	require.NoError(t, err)
	require.Equal(t, got, again, "the ledger gives back what was stored")
	for stored, want := range map[string]string{
		`{`: "stored decision: unexpected end", `{"switch":"nobody","target":{}}`: `switch "nobody" is not known`,
		`{"switch":"proxy-alt","target":[]}`: "stored decision: target: ",
	} {
		_, err = d.Restore([]byte(stored))
		require.ErrorContains(t, err, want)
	}

	options := new(altOptions)
	require.NoError(t, got.Decode(nil, options))
	require.True(t, *options.AltForReadonly)
}

// TestDryRun: it is asked as a boolean, or as binary mode writes one, and makes
// no other decision of it.
func TestDryRun(t *testing.T) {
	d := decoder(t)
	of := func(data string, dryrun any) (*Decision, *Invalid) {
		ev := eventOf(t, events.TypeSwitchRequested, data)
		if dryrun != nil {
			ev.SetExtension("dryrun", dryrun)
		}
		dec, meant, problem := d.Decode("proxy-ssl", ev)
		require.True(t, meant)
		return dec, problem
	}
	good := request("proxy-ssl", "true", onProxy, "")
	plain, _ := of(good, nil)
	for dryrun, want := range map[any]bool{true: true, "true": true, false: false, "false": false} {
		dec, problem := of(good, dryrun)
		require.Nil(t, problem)
		require.Equal(t, want, dec.DryRun, "%T %v", dryrun, dryrun)
		require.Equal(t, plain.Content(), dec.Content())
		stored, err := json.Marshal(dec)
		require.NoError(t, err)
		require.NotContains(t, strings.ToLower(string(stored)), "dry")
	}
	_, problem := of(`{}`, true)
	require.True(t, problem.DryRun)
}
