package decision

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// decided decodes an event that is good.
func decided(t testing.TB, name, eventType, data string) *Decision {
	dec, meant, problem := decoder(t).Decode(name, eventOf(t, eventType, data))
	require.Nil(t, problem, data)
	require.True(t, meant, data)
	return dec
}

func TestNullIsAbsent(t *testing.T) {
	for _, c := range []struct{ name, with, without string }{
		{"proxy-alt",
			request("proxy-alt", "true", onProxy, `,"options":{"alt_for_readonly":null},"ticket":null`),
			request("proxy-alt", "true", onProxy, ``)},
		{"proxy-ssl",
			request("proxy-ssl", "true", `{"region":null,"database_id":null,`+onProxy[1:], `,"options":null`),
			request("proxy-ssl", "true", onProxy, `,"options":{}`)},
		{"proxy-ssl",
			request("proxy-ssl", "true", onProxy, `,"ticket":{"id":"1","requested_by":"r","approved_by":[],"approved_at":null,"window":null}`),
			request("proxy-ssl", "true", onProxy, `,"ticket":{"id":"1","requested_by":"r","approved_by":[]}`)},
	} {
		require.Equal(t, decided(t, c.name, events.TypeSwitchRequested, c.without), decided(t, c.name, events.TypeSwitchRequested, c.with))
	}
}

func TestTagEvent(t *testing.T) {
	all := `{` + project + `,` + instance + `,` + proxy + `,` + database + `}`
	for value, enabled := range map[string]bool{"on": true, "true": true, "off": false, "false": false} {
		dec := decided(t, "multi-tenancy", events.TypeTagChanged,
			`{"target":`+all+`,"changes":[{"key":"owner","old":"a"},{"key":"interlock:multi-tenancy","old":null,"new":"`+value+`"}]}`)
		require.Equal(t, enabled, dec.Enabled)
		require.Equal(t, value, dec.Tag)
		require.Equal(t, "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07", dec.Place.Subject,
			"ids that the switch does not use are dropped")
	}
}

func TestNames(t *testing.T) {
	onSSL := decided(t, "proxy-ssl", events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, ""))
	require.Equal(t, ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com/changes", ID: "CHG1-1"}, onSSL.Key())

	slots := map[string]bool{}
	for _, c := range []struct{ name, target, subject string }{
		{"proxy-ssl", onProxy, "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxies/2ec617ba62da4eafb921b69438beed3cpo01"},
		{"proxy-alt", onProxy, "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxies/2ec617ba62da4eafb921b69438beed3cpo01"},
		{"proxy-ssl", strings.Replace(onProxy, "3cpo01", "4cpo01", 1), "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/proxies/2ec617ba62da4eafb921b69438beed4cpo01"},
		{"multi-tenancy", `{` + project + `,` + instance + `}`, "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07"},
		{"database-audit", `{` + project + `,` + instance + `,` + database + `}`, "projects/056538411200d4cd2f79c003c7606412/instances/096c0fc43e804757b59946b80dc27f8bin07/databases/Gadr-Y4B51p4J06s5s5B"},
	} {
		dec := decided(t, c.name, events.TypeSwitchRequested, request(c.name, "true", c.target, ""))
		require.Equal(t, c.subject, dec.Place.Subject)
		require.False(t, slots[dec.Slot()], dec.Slot())
		slots[dec.Slot()] = true
	}
	there := decided(t, "proxy-ssl", events.TypeSwitchRequested, request("proxy-ssl", "true", `{"region":"eu-west-101",`+onProxy[1:], ""))
	require.Equal(t, onSSL.Slot(), there.Slot(), "naming our own region makes no other target")
}

func TestApproved(t *testing.T) {
	for approvers, want := range map[string]bool{
		`["a@example.com"]`:                       true,
		`["r@example.com","a@example.com"]`:       true,
		`["r@example.com"]`:                       false,
		`[" R@Example.COM\t"]`:                    false,
		`[]`:                                      false,
		`["R@EXAMPLE.COM","\u212aelvin"]`:         true,
		`["r@example.com","\u00a0r@example.com"]`: false,
		`["mailto:R@example.com"]`:                false,
		`["\uff52@example.com"]`:                  false, // fullwidth
		`["\u24e1@example.com"]`:                  false, // circled
		`["r@ex\u0061mple.com"]`:                  false,
		`["MAILTO: r@example.com "]`:              false,
		`["mailto:mailto: r@example.com"]`:        false,
		`["\u0433@example.com"]`:                  true, // another letter, of another script
	} {
		dec := decided(t, "proxy-ssl", events.TypeSwitchRequested,
			request("proxy-ssl", "true", onProxy, `,"ticket":{"id":"1","requested_by":"r@example.com ","approved_by":`+approvers+`}`))
		require.Equal(t, want, dec.Approved(), approvers)
	}
	require.True(t, decided(t, "proxy-ssl", events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, "")).Approved(), "no ticket, no approval")
	accented := decided(t, "proxy-ssl", events.TypeSwitchRequested,
		request("proxy-ssl", "true", onProxy, `,"ticket":{"id":"1","requested_by":"Ren\u00e9 STRAUSS","approved_by":["rene\u0301 strau\u00df"]}`))
	require.False(t, accented.Approved(), "one name, decomposed and with an sz")
}

// A name that shows nothing, or something that cannot be seen, names nobody.
func TestDisguises(t *testing.T) {
	for _, name := range []string{
		``, ` `, `\u00a0`, `-`, `@`, `...`, `\u200br@example.com`, `r@exam\u00adple.com`, `r\u2060@example.com`, `\ufeffr@example.com`,
		`r\u0000@example.com`, `r\u0007`, `r\u001b[0m`, `r\u202e@example.com`, `r\u2066@example.com`, `r\u034f@example.com`, `r\ufe0f@example.com`,
		`r\u3164@example.com`, `r\u115f@example.com`, `r\uffa0@example.com`, `r\u2800@example.com`, `r\u180e@example.com`,
		`r\u2028@example.com`, `r\ue000@example.com`, `mailto:`, `mailto: -`, `r\ufffd`,
		`mailto:mailto:`, `r\uffff`, `r\ufdd0`, `r\ud83f\udfff`, `r\ud834\udd59`, `r\ud80d\udc41`, `r\u0378`,
	} {
		for _, at := range []string{"requested_by", "approved_by[1]"} {
			ticket := `{"id":"1","requested_by":"` + name + `","approved_by":["a"]}`
			if at != "requested_by" {
				ticket = `{"id":"1","requested_by":"r","approved_by":["a","` + name + `"]}`
			}
			_, _, problem := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, `,"ticket":`+ticket)))
			require.NotNil(t, problem, "%q", name)
			require.Equal(t, "data.ticket."+at, problem.Fields[0].Path, "%q", name)
			require.Len(t, problem.Fields, 1)
		}
	}
	for _, id := range []string{`CHG\u200b1`, `CHG1\t`, `mailto:`, `-`} {
		_, _, problem := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, `,"ticket":{"id":"`+id+`","requested_by":"r","approved_by":["a"]}`)))
		require.NotNil(t, problem, id)
		require.Equal(t, "data.ticket.id", problem.Fields[0].Path)
	}
	require.Equal(t, Principal("Ann Smith"), Principal("Ann \u2009 smith"), "one space for several")
}

// A digest binds a ticket to what it was approved for.
func TestBound(t *testing.T) {
	of := func(digest, enabled string) *Decision {
		return decided(t, "proxy-ssl", events.TypeTicketApproved, request("proxy-ssl", enabled, onProxy,
			`,"ticket":{"id":"1","requested_by":"r","approved_by":["a"],"risk":{"level":3}`+digest+`}`))
	}
	d := of("", "true")
	require.False(t, d.Bound())
	require.Regexp(t, "^sha-256:[0-9a-f]{64}$", d.Digest)
	require.JSONEq(t, `{"level":3}`, string(d.Further["risk"]))
	fits := `,"digest":"` + d.Digest + `"`
	require.True(t, of(fits, "true").Bound())
	require.False(t, of(fits, "false").Bound())
	require.Empty(t, decided(t, "proxy-ssl", events.TypeSwitchRequested, request("proxy-ssl", "true", onProxy, "")).Digest, "nothing to bind")
}

func TestOrder(t *testing.T) {
	at := func(s string) *time.Time {
		v, err := time.Parse(time.RFC3339, "2026-11-22T"+s+"Z")
		require.NoError(t, err)
		return &v
	}
	received := *at("09:00:00")
	for what, c := range map[string]struct {
		event, approved, start *time.Time
		decided, order         *time.Time
	}{
		"nothing is known":          {nil, nil, nil, nil, &received},
		"the event's time":          {at("08:00:00"), nil, nil, at("08:00:00"), at("08:00:00")},
		"the approval goes before":  {at("08:00:00"), at("07:00:00"), nil, at("07:00:00"), at("07:00:00")},
		"capped at receipt":         {nil, at("09:04:00"), nil, at("09:04:00"), &received},
		"a window that opens later": {nil, at("07:00:00"), at("10:00:00"), at("07:00:00"), at("10:00:00")},
		"a window that has opened":  {nil, at("07:00:00"), at("06:00:00"), at("07:00:00"), at("07:00:00")},
		"window and no date":        {nil, nil, at("08:00:00"), nil, &received},
	} {
		d := Decision{Ticket: &events.Ticket{ApprovedAt: c.approved}}
		if c.event != nil {
			d.Time = *c.event
		}
		if c.start != nil {
			d.Ticket.Window = &events.Window{Start: c.start}
		}
		got, ok := d.DecidedAt()
		require.Equal(t, c.decided != nil, ok, what)
		if ok {
			require.Equal(t, *c.decided, got, what)
		}
		require.Equal(t, *c.order, d.Order(received), what)
	}
}

// TestContentIsGolden: ledgers keep these hashes. One that changes makes every
// repeat of an older event a reused id.
func TestContentIsGolden(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"proxy-ssl", request("proxy-ssl", "true", onProxy, ""),
			"7eeca5a310281613c4f5c0990e9f5c03f27ebaa623de1720df51a5c08d303447"},
		{"proxy-alt", request("proxy-alt", "false", `{"region":"eu-west-101",`+onProxy[1:], `,"options":{"alt_for_readonly":true},"ticket":{"id":"CHG1","requested_by":"r",
			"approved_by":["a","b"],"approved_at":"2026-11-22T08:59:30Z","window":{"start":"2026-11-22T09:00:00.5Z","end":"2026-11-22T11:00:00Z"}}`),
			"386d88961dd09fc56f1ef57f01963ab65b86f065fd6d3d7c200ac770668c108c"},
		{"database-audit", request("database-audit", "true", `{`+project+`,`+instance+`,`+database+`}`, `,"options":{"lts_audit_switch":1}`),
			"a89db56c6eaccdf819861f9f58c6b7132f31078588a6bbb488cf519b5cf96f40"},
	} {
		require.Equal(t, c.want, decided(t, c.name, events.TypeSwitchRequested, c.data).Content(), c.name)
	}
}

// TestContentIsWhatIsAsked: however it is spelt, and nothing else.
func TestContentIsWhatIsAsked(t *testing.T) {
	audit := `{` + project + `,` + instance + `,` + database + `}`
	full := func(rest string) string { return request("database-audit", "true", audit, rest) }
	const ticket = `,"ticket":{"id":"1","requested_by":"r","approved_by":["a","b"],"window":{"start":"2026-11-22T09:00:00Z"}}`
	base := full(`,"options":{"lts_audit_switch":1}` + ticket)
	content := func(data string) string {
		return decided(t, "database-audit", events.TypeSwitchRequested, data).Content()
	}
	want := content(base)
	for what, data := range map[string]string{
		"order and space":   `{ "options" : {"lts_audit_switch":1}` + ticket + `, "target":{` + database + `,` + instance + `,` + project + "},\n\"enabled\":true,\"switch\":\"database-audit\"}",
		"number":            strings.Replace(base, `_switch":1`, `_switch":10.0e-1`, 1),
		"escapes":           strings.Replace(base, `"database-audit"`, `"\u0064atabase-audit"`, 1),
		"zone":              strings.Replace(base, `09:00:00Z`, `10:00:00.000+01:00`, 1),
		"when approved":     strings.Replace(base, `"window"`, `"approved_at":"2026-11-22T08:00:00Z","window"`, 1),
		"more in a ticket":  strings.Replace(base, `"window"`, `"risk":3,"window"`, 1),
		"null for nothing":  strings.Replace(base, `"start"`, `"end":null,"start"`, 1),
		"proxy that is not": strings.Replace(base, `"target":{`, `"target":{"proxy_id":null,`, 1),
	} {
		require.NotEqual(t, base, data, what)
		require.Equal(t, want, content(data), what)
	}
	seen := map[string]string{want: "base"}
	for what, data := range map[string]string{
		"enabled":     strings.Replace(base, `"enabled":true`, `"enabled":false`, 1),
		"project":     strings.Replace(base, `06412"`, `06413"`, 1),
		"instance":    strings.Replace(base, `8bin07"`, `9bin07"`, 1),
		"database":    strings.Replace(base, `s5B"`, `s5C"`, 1),
		"region":      strings.Replace(base, `"target":{`, `"target":{"region":"eu-west-101",`, 1),
		"option":      strings.Replace(base, `_switch":1`, `_switch":0`, 1),
		"no option":   full(ticket),
		"no ticket":   full(`,"options":{"lts_audit_switch":1}`),
		"ticket":      strings.Replace(base, `"id":"1"`, `"id":"2"`, 1),
		"requester":   strings.Replace(base, `"r"`, `"q"`, 1),
		"approver":    strings.Replace(base, `["a","b"]`, `["a"]`, 1),
		"joined":      strings.Replace(base, `["a","b"]`, `["a,b"]`, 1),
		"their order": strings.Replace(base, `["a","b"]`, `["b","a"]`, 1),
		"start":       strings.Replace(base, `09:00:00Z`, `09:00:00.000000001Z`, 1),
		"end":         strings.Replace(base, `"start"`, `"end"`, 1),
	} {
		got := content(data)
		require.Empty(t, seen[got], what)
		seen[got] = what
	}
	ev := eventOf(t, events.TypeTicketApproved, base)
	ev.SetTime(time.Unix(1, 0))
	ev.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	dec, _, _ := decoder(t).Decode("database-audit", ev)
	require.Equal(t, want, dec.Content(), "attributes are no content")

	text, err := json.Marshal(dec)
	require.NoError(t, err)
	var stored Decision
	require.NoError(t, json.Unmarshal(text, &stored))
	require.Equal(t, want, stored.Content(), "nor is having been stored")
}

func TestBadSpecs(t *testing.T) {
	for want, options := range map[string]func() any{
		"options of x: no pointer to a struct": func() any { return new(int) },
		"options of x: field A: type float64: cannot be read from an event": func() any {
			return new(struct {
				A float64 `json:"a"`
			})
		},
		"options of x: type struct { A bool }: field A has no JSON name": func() any { return new(struct{ A bool }) },
	} {
		_, err := New([]Spec{{Switch: "x", Target: func() any { return new(proxyTarget) }, Options: options}}, "")
		require.EqualError(t, err, want)
	}
}
