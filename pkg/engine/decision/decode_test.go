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

// specs are those of the five switches.
func specs() []Spec {
	return []Spec{
		{Switch: "proxy-alt", Target: Proxy, Options: func() any { return new(altOptions) }},
		{Switch: "proxy-ssl", Target: Proxy},
		{Switch: "access-control", Target: Proxy},
		{Switch: "multi-tenancy", Target: Instance},
		{Switch: "database-audit", Target: AuditedDatabase, Options: func() any { return new(auditOptions) }},
	}
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
	text, err := json.MarshalIndent(got, "", " ")
	require.NoError(t, err)
	require.JSONEq(t, `{"switch":"proxy-alt","enabled":false,
		"target":`+onProxy+`,"options":{"alt_for_readonly":true},
		"ticket":{"id":"CHG1","requested_by":"r","approved_by":["a"],"approved_at":"2026-11-22T08:59:30Z",
			"window":{"start":"2026-11-22T09:00:00Z","end":"2026-11-22T11:00:00Z"}},
		"cause":{"id":"CHG1-1","source":"https://tickets.example.com/changes","type":"dev.interlock.ticket.approved.v1","ticket":"CHG1"},
		"correlationid":"order-7","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","tracestate":"a=b"}`, string(text))

	var again Decision
	require.NoError(t, json.Unmarshal(text, &again))
	require.Equal(t, *got, again, "the ledger gives back what was stored")

	options := new(altOptions)
	require.NoError(t, got.DecodeOptions(options))
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
