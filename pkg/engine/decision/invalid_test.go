package decision

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// TestWrongFields tells each way of being wrong in the words that people get:
// path, found, expected. "own" stands for the switch that is asked.
func TestWrongFields(t *testing.T) {
	d := decoder(t)
	const (
		ssl    = "proxy-ssl"
		when   = "a time as in 2026-11-22T09:00:00Z (RFC 3339)"
		po01   = "36 letters and digits that end in po01"
		known  = "a known switch: proxy-alt, proxy-ssl, access-control, multi-tenancy or database-audit"
		strict = "JSON, nested at most 32 deep, with each member once"
	)
	approved := func(ticket string) string { return request(ssl, "true", onProxy, `,"ticket":`+ticket) }
	for _, c := range []struct {
		asked, eventType, data string
		want                   []string
	}{
		{ssl, events.TypeSwitchRequested, ``, []string{"data: found nothing, expected object"}},
		{ssl, events.TypeSwitchRequested, `null`, []string{"data: found null, expected object"}},
		{ssl, events.TypeSwitchRequested, `"x"`, []string{`data: found string "x", expected object`}},
		{ssl, events.TypeSwitchRequested, `{"switch"`, []string{"data: found expected a colon at byte 9, expected " + strict}},
		{ssl, events.TypeSwitchRequested, `{"enabled":true,"enabled":false}`, []string{`data: found duplicate member "enabled" at byte 16, expected ` + strict}},
		{ssl, events.TypeSwitchRequested, strings.Repeat("[", 1<<18), []string{"data: found nested too deeply at byte 32, expected " + strict}},
		{ssl, events.TypeSwitchRequested, `{}`, []string{
			`data.switch: found nothing, expected a string that is not empty`,
			`data.enabled: found nothing, expected boolean`,
			`data.target: found nothing, expected object`}},
		{ssl, events.TypeSwitchRequested, `{"switch":null,"enabled":null,"target":null}`, []string{
			`data.switch: found null, expected a string that is not empty`,
			`data.enabled: found null, expected boolean`,
			`data.target: found null, expected object`}},
		{ssl, events.TypeSwitchRequested, request("", "true", onProxy, ""), []string{`data.switch: found string "", expected ` + known}},
		{ssl, events.TypeSwitchRequested, request("proxy_ssl", "true", onProxy, ""), []string{`data.switch: found string "proxy_ssl", expected ` + known + `; did you mean proxy-ssl?`}},
		{ssl, events.TypeSwitchRequested, request("nothing-near", `"on"`, `{`+instance+`,"x":1}`, ""), []string{
			`data.switch: found string "nothing-near", expected ` + known,
			`data.enabled: found string "on", expected boolean`,
			`data.target.x: found number 1, expected no such member; known are region, project_id, instance_id, proxy_id and database_id`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `"yes"`, onProxy, ""), []string{`data.enabled: found string "yes", expected boolean`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `1`, onProxy, ""), []string{`data.enabled: found number 1, expected boolean`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, onProxy, `,"Enabled":false`), []string{`data.Enabled: found boolean false, expected no such member; did you mean enabled?`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, onProxy, `,"we ird\n":[]`), []string{`data["we ird\n"]: found array, expected no such member; known are switch, enabled, target, options, ticket, then, on_failure and chain`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, onProxy, `,"":{}`), []string{`data[""]: found object, expected no such member; known are switch, enabled, target, options, ticket, then, on_failure and chain`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `[]`, ""), []string{`data.target: found array, expected object`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `{}`, ""), []string{
			`data.target.project_id: found nothing, expected 32 letters and digits`,
			`data.target.instance_id: found nothing, expected 36 letters and digits that end in in07`,
			`data.target.proxy_id: found nothing, expected ` + po01}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `{`+project+`,`+instance+`,"proxy_id":"../../2ec617ba62da4eafb921b69438po01"}`, ""), []string{
			`data.target.proxy_id: found string "../../2ec617ba62da4eafb921b69438po01", expected ` + po01}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `{`+project+`,`+instance+`,"proxyid":"`+strings.Repeat("é", 70)+`"}`, ""), []string{
			`data.target.proxyid: found string "` + strings.Repeat("é", 64) + `…", expected no such member; did you mean proxy_id?`,
			`data.target.proxy_id: found nothing, expected ` + po01}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `{"region":"EU West",`+onProxy[1:], ""), []string{`data.target.region: found string "EU West", expected a region's name, as in eu-west-101`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, `{`+database+`,`+onProxy[1:], ""), []string{
			`data.target.database_id: found string "Gadr-Y4B51p4J06s5s5B", expected nothing here: proxy-ssl takes project_id, instance_id and proxy_id`}},
		{"multi-tenancy", events.TypeSwitchRequested, request("multi-tenancy", `true`, `{`+project+`,`+instance+`,"proxy_id":7}`, ""), []string{`data.target.proxy_id: found number 7, expected string`}},
		{ssl, events.TypeSwitchRequested, request(ssl, `true`, onProxy, `,"options":{"alt_for_readonly":true}`), []string{
			`data.options.alt_for_readonly: found boolean true, expected nothing here: proxy-ssl takes no options`}},
		{"proxy-alt", events.TypeSwitchRequested, request("proxy-alt", `true`, onProxy, `,"options":{"alt_for_read_only":"on"}`), []string{
			`data.options.alt_for_read_only: found string "on", expected no such member; did you mean alt_for_readonly?`}},
		{"proxy-alt", events.TypeSwitchRequested, request("proxy-alt", `true`, onProxy, `,"options":{"lts_audit_switch":1,"alt_for_readonly":"on"}`), []string{
			`data.options.lts_audit_switch: found number 1, expected no such member; known are alt_for_readonly`,
			`data.options.alt_for_readonly: found string "on", expected boolean`}},
		{"proxy-alt", events.TypeSwitchRequested, request("proxy-alt", `true`, onProxy, `,"options":[]`), []string{`data.options: found array, expected object`}},
		{"database-audit", events.TypeSwitchRequested, request("database-audit", `true`, `{`+project+`,`+instance+`,`+database+`}`, `,"options":{"lts_audit_switch":2}`), []string{
			`data.options.lts_audit_switch: found number 2, expected 0 or 1`}},
		{"database-audit", events.TypeSwitchRequested, request("database-audit", `true`, `{`+project+`,`+instance+`,`+database+`}`, `,"options":{"lts_audit_switch":0.5}`), []string{
			`data.options.lts_audit_switch: found number 0.5, expected whole number`}},
		{"database-audit", events.TypeSwitchRequested, request("database-audit", `true`, `{`+project+`,`+instance+`,"database_id":"a/b"}`, ""), []string{
			`data.target.database_id: found string "a/b", expected 1 to 64 letters, digits, hyphens and underscores`}},
		{ssl, events.TypeTicketApproved, request(ssl, `true`, onProxy, ""), []string{`data.ticket: found nothing, expected object`}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"1","requested_by":"r","approved_by":["a"],"window":{"start":"2026-11-22T09:00:00Z","ends":"2026-11-22T10:00:00Z"}}`), []string{
			`data.ticket.window.ends: found string "2026-11-22T10:00:00Z", expected no such member; known are start and end`}},
		{ssl, events.TypeTicketApproved, approved(`"CHG1"`), []string{`data.ticket: found string "CHG1", expected object`}},
		{ssl, events.TypeSwitchRequested, approved(`{}`), []string{
			`data.ticket.id: found nothing, expected a string that is not empty`,
			`data.ticket.requested_by: found nothing, expected a string that is not empty`,
			`data.ticket.approved_by: found nothing, expected array`}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"` + strings.Repeat("7", 257) + `","requested_by":" ","approved_by":["a",7]}`), []string{
			`data.ticket.approved_by[1]: found number 7, expected string`,
			`data.ticket.id: found string "` + strings.Repeat("7", 64) + `…", expected at most 256 characters`,
			`data.ticket.requested_by: found string " ", expected a string that is not blank`}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"1","requested_by":"r","approved_by":"a","approved_at":"now","window":{"start":1,"end":"2026-11-22"}}`), []string{
			`data.ticket.approved_by: found string "a", expected array`,
			`data.ticket.approved_at: found string "now", expected ` + when,
			`data.ticket.window.start: found number 1, expected ` + when,
			`data.ticket.window.end: found string "2026-11-22", expected ` + when}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"1","requested_by":"r","approved_by":["a"],"approved_at":"0000-01-01T00:00:00+01:00","window":{"end":"9999-12-31T23:59:59-00:01"}}`), []string{
			`data.ticket.approved_at: found string "0000-01-01T00:00:00+01:00", expected ` + when,
			`data.ticket.window.end: found string "9999-12-31T23:59:59-00:01", expected ` + when}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"1","requested_by":"r","approved_by":["a"],"approved_at":"0001-01-01T00:00:00Z","window":{"start":"1969-12-31T23:59:59.9Z"}}`), []string{
			`data.ticket.approved_at: found string "0001-01-01T00:00:00Z", expected a time from 1970 on`,
			`data.ticket.window.start: found string "1969-12-31T23:59:59.9Z", expected a time from 1970 on`}},
		{ssl, events.TypeTicketApproved, approved(`{"id":"1","requested_by":"r","approved_by":["a"],"window":{"start":"2026-11-22T09:00:01Z","end":"2026-11-22T10:00:00+01:00"}}`), []string{
			`data.ticket.window.end: found string "2026-11-22T10:00:00+01:00", expected a time not before the window's start`}},
		{ssl, events.TypeTagChanged, tagged(``), []string{`data.changes: found array, expected at least 1 items`}},
		{ssl, events.TypeTagChanged, tagged(`7`), []string{`data.changes[0]: found number 7, expected object`}},
		{ssl, events.TypeTagChanged, tagged(`{"new":"on"}`), []string{`data.changes[0].key: found nothing, expected a string that is not empty`}},
		{ssl, events.TypeTagChanged, tagged(`{"key":"interlock:proxy-ssl","new":"ON"}`), []string{`data.changes[0].new: found string "ON", expected on, off, true or false`}},
		{ssl, events.TypeTagChanged, tagged(`{"key":"interlock:proxy-ssl","new":true}`), []string{`data.changes[0].new: found boolean true, expected string`}},
		{ssl, events.TypeTagChanged, tagged(`{"key":"a"},{"key":"interlock:proxy-ssl","new":"on"},{"key":"interlock:proxy-ssl","value":"off"}`), []string{
			`data.changes[2].value: found string "off", expected no such member; known are key, old and new`,
			`data.changes[2].key: found string "interlock:proxy-ssl" again, expected each key once`}},
		{ssl, events.TypeTagChanged, `{"target":{` + project + `,` + instance + `},"changes":[{"key":"interlock:proxy-ssl","new":"on"}],"switch":"proxy-ssl"}`, []string{
			`data.switch: found string "proxy-ssl", expected no such member; known are target and changes`,
			`data.target.proxy_id: found nothing, expected ` + po01}},
	} {
		_, meant, problem := d.Decode(c.asked, eventOf(t, c.eventType, c.data))
		require.True(t, meant, c.data)
		require.NotNil(t, problem, c.data)
		var got []string
		for _, f := range problem.Fields {
			got = append(got, fmt.Sprintf("%s: found %s, expected %s", f.Path, f.Found, f.Expected))
		}
		require.Equal(t, c.want, got, c.data)
		require.EqualError(t, problem, "invalid data: "+strings.Join(c.want, "; "))
	}
}

func TestWrongAttributes(t *testing.T) {
	d := decoder(t)
	good := request("proxy-ssl", "true", onProxy, "")
	for contentType, ok := range map[string]bool{
		"": true, "application/json": true, "Application/JSON; charset=utf-8": true, "text/json": true, "application/vnd.tickets+json": true,
		"application/xml": false, "json": false, "application/jsonp": false, "text/plain; x=application/json": false,
	} {
		ev := eventOf(t, events.TypeSwitchRequested, good)
		ev.SetDataContentType(contentType)
		_, _, problem := d.Decode("proxy-ssl", ev)
		require.Equal(t, ok, problem == nil, contentType)
		if !ok {
			require.Equal(t, events.Field{Path: "datacontenttype", Found: fmt.Sprintf("string %q", contentType), Expected: "application/json"}, problem.Fields[0])
		}
	}
	for text, want := range map[string]string{
		"0000-01-01T00:00:00+01:00": "a time from 1970 on", // before year 0, in UTC
		"0001-01-01T00:00:00Z":      "a time from 1970 on", // Go's zero time
		"1969-12-31T23:59:59.9Z":    "a time from 1970 on",
		"1970-01-01T00:00:00+00:01": "a time from 1970 on",
		"9999-12-31T23:59:59-00:01": "a time before the year 10000",
		"1970-01-01T01:00:00+01:00": "",
		"9999-12-31T23:59:59Z":      "",
	} {
		ev := eventOf(t, events.TypeSwitchRequested, good)
		at, err := time.Parse(time.RFC3339, text)
		require.NoError(t, err)
		ev.Context.(*event.EventContextV1).Time = &types.Timestamp{Time: at} // the setter takes the zero time for none
		dec, _, problem := d.Decode("proxy-ssl", ev)
		if want == "" {
			require.Nil(t, problem, text)
			require.True(t, at.Equal(dec.Time))
			continue
		}
		require.NotNil(t, problem, text)
		require.Equal(t, []events.Field{{Path: "time", Found: text, Expected: want}}, problem.Fields)
		require.Zero(t, problem.Time, "the rejection tells none that is wrong")
		_, meant, _ := d.Decode("proxy-alt", ev)
		require.False(t, meant, "another's time")
	}
	for _, name := range []string{"dryrun", "snapshot"} {
		for given, found := range map[any]string{"yes": `"yes"`, "TRUE": `"TRUE"`, 1: `"1"`, "": `""`} {
			ev := eventOf(t, events.TypeSwitchRequested, good)
			ev.SetExtension(name, given)
			_, _, problem := d.Decode("proxy-ssl", ev)
			require.NotNil(t, problem, "%s %v", name, given)
			require.Equal(t, []events.Field{{Path: name, Found: found, Expected: "true or false"}}, problem.Fields)
			require.False(t, problem.DryRun)
			_, meant, _ := d.Decode("proxy-alt", ev)
			require.False(t, meant, "another's")
		}
		for given, want := range map[any]bool{true: true, "true": true, false: false, "false": false} {
			ev := eventOf(t, events.TypeSwitchRequested, good)
			ev.SetExtension(name, given)
			dec, _, problem := d.Decode("proxy-ssl", ev)
			require.Nil(t, problem)
			require.Equal(t, want, dec.DryRun || dec.Snapshot)
		}
	}
}

// TestWhatIsKnown: the rejected event tells what could be told, and nothing
// that is wrong.
func TestWhatIsKnown(t *testing.T) {
	d := decoder(t)
	ev := eventOf(t, events.TypeTicketApproved, request("proxy-alt", "false", `{"region":"EU",`+project+`,`+instance+`,"proxy_id":"../x"}`,
		`,"options":{"alt_for_readonly":true},"ticket":{"id":"CHG1"}`))
	ev.SetExtension("correlationid", "order-7")
	_, _, p := d.Decode("proxy-alt", ev)
	off := false
	require.Len(t, p.Fields, 4)
	require.Equal(t, "proxy-alt", p.Switch)
	require.Equal(t, &off, p.Enabled)
	require.JSONEq(t, `{`+project+`,`+instance+`}`, string(p.Target))
	require.Equal(t, "096c0fc43e804757b59946b80dc27f8bin07", p.Place.Instance)
	require.Equal(t, map[string]any{"alt_for_readonly": true}, p.Options)
	require.Equal(t, events.Cause{ID: "CHG1-1", Source: "https://tickets.example.com/changes", Type: events.TypeTicketApproved, Ticket: "CHG1"}, p.Cause)
	require.Equal(t, "order-7", p.CorrelationID)

	_, _, p = d.Decode("proxy-alt", eventOf(t, events.TypeSwitchRequested, request("nobody", `"x"`, `{`+instance+`}`, `,"options":{"x":1}`)))
	require.Empty(t, p.Switch)
	require.Nil(t, p.Enabled)
	require.Nil(t, p.Target)
	require.Nil(t, p.Options)
	require.Equal(t, "CHG1-1", p.CorrelationID, "it starts as the event's id")
	require.Equal(t, events.InvalidData, p.Code())

	_, _, p = d.Decode("proxy-alt", eventOf(t, events.TypeSwitchRequested, request("proxy-alt", `true`, onProxy, `,"options":{"alt_for_readonly":true,"x":1}`)))
	require.Nil(t, p.Options, "one of them is wrong")
	require.NotNil(t, p.Target)
}

func TestLogNamesPathsOnly(t *testing.T) {
	_, _, p := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", `"hunter2"`, onProxy, "")))
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("rejected", "error", p)
	require.Contains(t, out.String(), "error.code=invalid-data error.fields=[data.enabled]")
	require.NotContains(t, out.String(), "hunter2")
}

// TestManyWrongFieldsFitAnEvent: a bus takes 64 KiB.
func TestManyWrongFieldsFitAnEvent(t *testing.T) {
	var members strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&members, `,"%s%d":"%s"`, strings.Repeat(`\u0001`, 40), i, strings.Repeat(`\u0001`, 80))
	}
	_, _, p := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", `true`, onProxy, members.String())))
	require.Len(t, p.Fields, 51)
	require.Equal(t, events.Field{Path: "data", Found: "2950 more wrong fields", Expected: "none"}, p.Fields[50])
	require.Less(t, len(p.Error()), 40_000)
}
