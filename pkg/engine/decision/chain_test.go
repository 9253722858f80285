package decision

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

const (
	audited   = `"project_id":"056538411200d4cd2f79c003c7606412","instance_id":"5c1f4b2f-9a3e-4d5b-8f60-7e2d3c4b5a69",` + database
	onBase    = `{` + project + `,` + instance + `}`
	onAudited = `{` + audited + `}`
	proxied   = `36 letters and digits that end in po01`
)

// chained is a request for proxy-ssl on a proxy, and what follows.
func chained(then, rest string) string {
	return request("proxy-ssl", "true", onProxy, `,"then":`+then+rest)
}

func on(name, rest string) string { return `{"switch":"` + name + `","enabled":true` + rest + `}` }

// decodeFor decodes a request for the switch that it names, in our region.
func decodeFor(t testing.TB, name, data string) (*Decision, *Invalid) {
	dec, meant, problem := decoder(t).Decode(name, eventOf(t, events.TypeSwitchRequested, data))
	require.True(t, meant, data)
	return dec, problem
}

// TestTargetsOfSteps: one that is given counts whole, and one that is not is that
// of the step before, less what the switch does not use.
func TestTargetsOfSteps(t *testing.T) {
	const another = `{` + project + `,` + instance + `,"proxy_id":"3ec617ba62da4eafb921b69438beed3cpo01"}`
	for what, c := range map[string]struct {
		first, target, then string
		want                []string
	}{
		"the same":       {"proxy-ssl", onProxy, `[` + on("access-control", "") + `]`, []string{onProxy}},
		"null is absent": {"proxy-ssl", onProxy, `[` + on("access-control", `,"target":null`) + `]`, []string{onProxy}},
		"less the proxy": {"proxy-ssl", onProxy, `[` + on("multi-tenancy", "") + `]`, []string{onBase}},
		"that of the one before, and not of the first": {"proxy-ssl", onProxy, `[` + on("proxy-alt", `,"target":`+another) + `,` + on("access-control", "") + `]`, []string{another, another}},
		"whole":                {"proxy-ssl", onProxy, `[` + on("database-audit", `,"target":`+onAudited) + `,` + on("proxy-ssl", `,"target":`+onProxy) + `]`, []string{onAudited, onProxy}},
		"more than before":     {"multi-tenancy", onBase, `[` + on("proxy-ssl", `,"target":`+onProxy) + `]`, []string{onProxy}},
		"with the region":      {"proxy-ssl", `{"region":"eu-west-101",` + onProxy[1:], `[` + on("multi-tenancy", "") + `]`, []string{`{"region":"eu-west-101",` + onBase[1:]}},
		"without, where given": {"proxy-ssl", `{"region":"eu-west-101",` + onProxy[1:], `[` + on("access-control", `,"target":`+onProxy) + `]`, []string{onProxy}},
		"it may repeat":        {"proxy-ssl", onProxy, `[` + on("proxy-ssl", "") + `,` + on("proxy-ssl", "") + `]`, []string{onProxy, onProxy}},
	} {
		dec, problem := decodeFor(t, c.first, request(c.first, "true", c.target, `,"then":`+c.then))
		require.Nil(t, problem, what)
		require.Len(t, dec.Chain.Steps, 1+len(c.want), what)
		require.JSONEq(t, c.target, string(dec.Chain.Steps[0].Target), what)
		for i, want := range c.want {
			require.JSONEq(t, want, string(dec.Chain.Steps[1+i].Target), what)
		}
	}
}

// TestChainAsRead: each step with its own position and options, nothing done yet.
func TestChainAsRead(t *testing.T) {
	dec, problem := decodeFor(t, "proxy-alt", request("proxy-alt", "false", onProxy, `,"options":{"alt_for_readonly":false},
		"then":[{"switch":"proxy-alt","enabled":true,"options":{"alt_for_readonly":true}},{"enabled":false,"switch":"proxy-ssl","options":{}},
		{"switch":"database-audit","enabled":true,"target":`+onAudited+`,"options":{"lts_audit_switch":1.0}}],"on_failure":"undo"`))
	require.Nil(t, problem)
	text, err := json.Marshal(dec.Chain)
	require.NoError(t, err)
	require.JSONEq(t, `{"root":{"switch":"proxy-alt","source":"https://tickets.example.com/changes","id":"CHG1-1"},"after":{"switch":"","source":"","id":""},
		"type":"","at":0,"order":"0001-01-01T00:00:00Z","on_failure":"undo","steps":[
		{"switch":"proxy-alt","target":`+onProxy+`,"enabled":false,"options":{"alt_for_readonly":false},"state":"not-done"},
		{"switch":"proxy-alt","target":`+onProxy+`,"enabled":true,"options":{"alt_for_readonly":true},"state":"not-done"},
		{"switch":"proxy-ssl","target":`+onProxy+`,"enabled":false,"state":"not-done"},
		{"switch":"database-audit","target":`+onAudited+`,"enabled":true,"options":{"lts_audit_switch":1},"state":"not-done"}]}`, string(text))
	require.False(t, dec.IsStep())

	stored, err := json.Marshal(dec)
	require.NoError(t, err)
	again, err := decoder(t).Restore(stored)
	require.NoError(t, err)
	require.Equal(t, dec.Content(), again.Content(), "the ledger gives back what was stored")

	for _, none := range []string{`null`, `[]`} {
		dec, problem := decodeFor(t, "proxy-ssl", chained(none, `,"on_failure":null,"chain":null`))
		require.Nil(t, problem, none)
		require.Nil(t, dec.Chain, none)
	}
}

// TestWrongSteps tells each way of being wrong in the words that people get.
func TestWrongSteps(t *testing.T) {
	const switches = "a known switch: proxy-alt, proxy-ssl, access-control, multi-tenancy or database-audit"
	for _, c := range []struct {
		data string
		want []string
	}{
		{chained(`{}`, ""), []string{`data.then: found object, expected array`}},
		{chained(`{}`, `,"on_failure":"undo"`), []string{`data.then: found object, expected array`}},
		{chained(`[7,null]`, ""), []string{
			`data.then[0]: found number 7, expected object`,
			`data.then[1]: found null, expected object`}},
		{chained(`[{}]`, ""), []string{
			`data.then[0].switch: found nothing, expected a string that is not empty`,
			`data.then[0].enabled: found nothing, expected boolean`}},
		{chained(`[`+on("proxy_ssl", `,"target":{"x":1}`)+`]`, ""), []string{
			`data.then[0].switch: found string "proxy_ssl", expected ` + switches + `; did you mean proxy-ssl?`,
			`data.then[0].target.x: found number 1, expected no such member; known are region, project_id, instance_id, proxy_id and database_id`}},
		{chained(`[`+on("", "")+`]`, ""), []string{`data.then[0].switch: found string "", expected a string that is not empty`}},
		{chained(`[{"switch":true,"enabled":"on"}]`, ""), []string{
			`data.then[0].switch: found boolean true, expected string`,
			`data.then[0].enabled: found string "on", expected boolean`}},
		{chained(`[`+on("access-control", `,"then":[],"traget":{}`)+`]`, ""), []string{
			`data.then[0].then: found array, expected no such member; known are switch, enabled, target and options`,
			`data.then[0].traget: found object, expected no such member; did you mean target?`}},
		{chained(`[`+on("access-control", `,"target":"x","options":[]`)+`]`, ""), []string{
			`data.then[0].target: found string "x", expected object`,
			`data.then[0].options: found array, expected object`}},
		{chained(`[`+on("access-control", `,"target":{"proxy_id":"x"}`)+`]`, ""), []string{
			`data.then[0].target.project_id: found nothing, expected 32 letters and digits`,
			`data.then[0].target.instance_id: found nothing, expected 36 letters and digits that end in in07`,
			`data.then[0].target.proxy_id: found string "x", expected ` + proxied}},
		{chained(`[`+on("multi-tenancy", `,"target":`+onProxy)+`]`, ""), []string{
			`data.then[0].target.proxy_id: found string "2ec617ba62da4eafb921b69438beed3cpo01", expected nothing here: multi-tenancy takes project_id and instance_id`}},
		// What a step gets from the one before is named once, where it is missing first.
		{chained(`[`+on("multi-tenancy", "")+`,`+on("proxy-alt", "")+`,`+on("access-control", "")+`]`, ""), []string{
			`data.then[1].target.proxy_id: found nothing, expected ` + proxied}},
		{request("proxy-ssl", "true", `{`+project+`,`+instance+`,"proxy_id":"x"}`, `,"then":[`+on("access-control", "")+`]`), []string{
			`data.target.proxy_id: found string "x", expected ` + proxied}},
		{chained(`[`+on("database-audit", "")+`]`, ""), []string{
			`data.then[0].target.database_id: found nothing, expected 1 to 64 letters, digits, hyphens and underscores`}},
		// A step elsewhere would be nobody's.
		{chained(`[`+on("multi-tenancy", `,"target":{"region":"cn-north-4",`+onBase[1:])+`,`+on("multi-tenancy", "")+`]`, ""), []string{
			`data.then[0].target.region: found string "cn-north-4", expected eu-west-101, the region of the whole chain`}},
		{chained(`[`+on("multi-tenancy", `,"target":{"region":"CN",`+onBase[1:])+`]`, ""), []string{
			`data.then[0].target.region: found string "CN", expected a region's name, as in eu-west-101`}},
		{chained(`[`+on("proxy-alt", `,"options":{"alt_for_read_only":true}`)+`,`+on("proxy-ssl", `,"options":{"alt_for_readonly":true}`)+`,`+on("database-audit", `,"target":`+onAudited+`,"options":{"lts_audit_switch":2}`)+`]`, ""), []string{
			`data.then[0].options.alt_for_read_only: found boolean true, expected no such member; did you mean alt_for_readonly?`,
			`data.then[1].options.alt_for_readonly: found boolean true, expected nothing here: proxy-ssl takes no options`,
			`data.then[2].options.lts_audit_switch: found number 2, expected 0 or 1`}},
		{chained(`[`+strings.Repeat(on("proxy-tls", "")+`,`, 50)+on("proxy-tls", "")+`]`, `,"on_failure":"undo"`), []string{`data.then: found array, expected at most 50 items`}},
		{chained(`null`, `,"on_failure":"stop"`), []string{`data.on_failure: found string "stop", expected nothing without then`}},
		{chained(`[]`, `,"on_failure":"undo"`), []string{`data.on_failure: found string "undo", expected nothing without then`}},
		{chained(`[`+on("access-control", "")+`]`, `,"on_failure":"rollback"`), []string{`data.on_failure: found string "rollback", expected stop or undo`}},
		{chained(`[`+on("access-control", "")+`]`, `,"on_failure":""`), []string{`data.on_failure: found string "", expected stop or undo`}},
		{chained(`null`, `,"on_failure":true`), []string{`data.on_failure: found boolean true, expected string`}},
	} {
		_, problem := decodeFor(t, "proxy-ssl", c.data)
		require.NotNil(t, problem, c.data)
		require.Equal(t, c.want, words(problem), c.data)
	}
	_, meant, problem := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeTicketApproved, chained(`null`, `,"chain":{},"ticket":`+ticket)))
	require.True(t, meant)
	require.Equal(t, []string{`data.chain: found object, expected no such member; known are switch, enabled, target, options, ticket, then and on_failure`}, words(problem))
}

func words(p *Invalid) (all []string) {
	for _, f := range p.Fields {
		all = append(all, fmt.Sprintf("%s: found %s, expected %s", f.Path, f.Found, f.Expected))
	}
	return all
}

// TestWhereNoRegionIsOurs: a decoder for every region takes steps of every region.
func TestWhereNoRegionIsOurs(t *testing.T) {
	d, err := New(specs(), "")
	require.NoError(t, err)
	_, meant, problem := d.Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, chained(`[`+on("multi-tenancy", `,"target":{"region":"cn-north-4",`+onBase[1:])+`]`, "")))
	require.True(t, meant)
	require.Nil(t, problem)
}

// TestManyWrongSteps: what is answered is bounded, however much is wrong.
func TestManyWrongSteps(t *testing.T) {
	_, problem := decodeFor(t, "proxy-ssl", chained(`[`+strings.Repeat(on("x", `,"target":{"y":1},"z":1`)+`,`, 49)+on("x", "")+`]`, ""))
	require.Len(t, problem.Fields, 51)
	require.Equal(t, events.Field{Path: "data", Found: "98 more wrong fields", Expected: "none"}, problem.Fields[50])
	// What is too long is not looked into, but for the form that every event has.
	for _, step := range []string{`{}`, on("access-control", `,"target":{"y":1}`)} {
		_, problem = decodeFor(t, "proxy-ssl", chained(`[`+strings.Repeat(step+`,`, 1000)+step+`]`, ""))
		require.Equal(t, []string{`data.then: found array, expected at most 50 items`}, words(problem))
	}
	_, problem = decodeFor(t, "access-control", step(`"steps":[`, `"steps":[`+strings.Repeat(`{"switch":"proxy-ssl","target":`+onProxy+`,"enabled":true,"state":"done"},`, 51)+
		strings.Repeat(`{"switch":"proxy-ssl","target":{"y":1},"enabled":true,"state":"done"},`, 9)))
	require.Equal(t, []string{`data.chain.steps: found array, expected at most 51 items`}, words(problem))
}

// TestContentCoversTheChain: whatever differs in what is asked differs in content
// and digest, and nothing else does.
func TestContentCoversTheChain(t *testing.T) {
	one, two := on("access-control", ""), on("multi-tenancy", "")
	asks := func(data string) (content, bound string) {
		dec, meant, problem := decoder(t).Decode("proxy-ssl", eventOf(t, events.TypeTicketApproved, strings.TrimSuffix(data, "}")+`,"ticket":`+ticket+`}`))
		require.True(t, meant)
		require.Nil(t, problem, data)
		require.NotEmpty(t, dec.Digest)
		if dec.Chain != nil {
			require.Equal(t, dec.Digest, dec.Chain.Digest, "each step is bound by that of the whole")
		}
		return dec.Content(), dec.Digest
	}
	content, bound := map[string]string{}, map[string]string{}
	for what, data := range map[string]string{
		"no chain":         request("proxy-ssl", "true", onProxy, ""),
		"one step":         chained(`[`+one+`]`, ""),
		"two steps":        chained(`[`+one+`,`+two+`]`, ""),
		"another order":    chained(`[`+two+`,`+strings.Replace(one, `}`, `,"target":`+onProxy+`}`, 1)+`]`, ""),
		"another switch":   chained(`[`+on("proxy-alt", "")+`,`+two+`]`, ""),
		"another position": chained(`[`+strings.Replace(one, "true", "false", 1)+`,`+two+`]`, ""),
		"another target":   chained(`[`+one+`,`+on("multi-tenancy", `,"target":`+strings.Replace(onBase, "096c", "196c", 1))+`]`, ""),
		"options":          chained(`[`+on("proxy-alt", `,"options":{"alt_for_readonly":true}`)+`,`+two+`]`, ""),
		"undo":             chained(`[`+one+`,`+two+`]`, `,"on_failure":"undo"`),
		"stop":             chained(`[`+one+`,`+two+`]`, `,"on_failure":"stop"`),
	} {
		c, b := asks(data)
		require.NotContains(t, content, c, what)
		require.NotContains(t, bound, b, what)
		content[c], bound[b] = what, what
	}
	c, b := asks(strings.Replace(chained(` [ {"enabled" : true,"switch":"access-control"} , `+two+`]`, ""), "true", " true ", 1))
	require.Equal(t, "two steps", content[c])
	require.Equal(t, "two steps", bound[b])
}

// step is a request for the second step of a chain of three.
func step(change ...string) string {
	link := `{"switch":"proxy-ssl","source":"s","id":"1"}`
	return strings.NewReplacer(change...).Replace(request("access-control", "true", onProxy, `,"chain":{"root":`+link+`,"after":`+link+`,
		"type":"dev.interlock.ticket.approved.v1","at":1,"order":"2026-11-22T09:00:00Z","on_failure":"undo","digest":"sha-256:0","steps":[
		{"switch":"proxy-ssl","target":`+onProxy+`,"enabled":true,"state":"done","changed":true,"job_id":"j"},
		{"switch":"access-control","target":`+onProxy+`,"enabled":true,"state":"not-done"},
		{"switch":"database-audit","target":`+onAudited+`,"enabled":true,"options":{"lts_audit_switch":1},"state":"failed",
			"error":{"code":"gave-up","title":"t","detail":"","fields":[{"path":"p","found":"f","expected":"e"}],"policy":["p"],"cloud":{"status":400}}}]}`))
}

// TestStepOfAChain: what a request says of its chain is taken over, and its order
// and digest are those of the whole.
func TestStepOfAChain(t *testing.T) {
	dec, problem := decodeFor(t, "access-control", step())
	require.Nil(t, problem)
	require.True(t, dec.IsStep())
	require.Equal(t, 1, dec.Step())
	var given, kept struct {
		Chain json.RawMessage `json:"chain"`
	}
	require.NoError(t, json.Unmarshal([]byte(step()), &given))
	text, err := json.Marshal(dec)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &kept))
	require.JSONEq(t, string(given.Chain), string(kept.Chain))
	require.Equal(t, dec.Chain.Order, dec.Order(dec.Chain.Order.AddDate(1, 0, 0)))
	require.Equal(t, "sha-256:0", dec.Digest)

	whole, _ := decodeFor(t, "access-control", step(`"at":1`, `"at":10e-1`, `:["p"]`, ` : [ "p" ]`))
	require.Equal(t, dec.Content(), whole.Content())
	back, problem := decodeFor(t, "access-control", step(`"at":1`, `"at":0,"undo":true`))
	require.Nil(t, problem)
	require.Equal(t, 5, back.Step())
	require.NotEqual(t, dec.Content(), back.Content())
	for _, other := range []string{`"source":"t","id":"1"`, `"source":"s","id":"2"`} {
		changed, problem := decodeFor(t, "access-control", step(`"source":"s","id":"1"`, other))
		require.Nil(t, problem)
		require.NotEqual(t, dec.Content(), changed.Content(), other)
	}
}

// TestWrongStepsOfAChain: above all, nothing begins a chain but then. A chain that
// calls itself its own first step would be one that no ticket's digest covers.
func TestWrongStepsOfAChain(t *testing.T) {
	const place = `the place of a step that follows another`
	for _, c := range []struct {
		change []string
		want   []string
	}{
		{[]string{`"at":1`, `"at":0`}, []string{`data.chain.at: found number 0, expected ` + place}},
		{[]string{`"at":1`, `"at":-1`}, []string{`data.chain.at: found number -1, expected ` + place}},
		{[]string{`"at":1`, `"at":3`}, []string{`data.chain.at: found number 3, expected ` + place}},
		{[]string{`"at":1`, `"at":3,"undo":true`}, []string{`data.chain.at: found number 3, expected ` + place}},
		{[]string{`"at":1,`, ``}, []string{`data.chain.at: found nothing, expected whole number`}},
		{[]string{`"at":1`, `"at":null,"undo":true`}, []string{`data.chain.at: found null, expected whole number`}},
		{[]string{`"at":1`, `"at":"1","undo":"true"`}, []string{
			`data.chain.at: found string "1", expected whole number`,
			`data.chain.undo: found string "true", expected boolean`}},
		{[]string{`"order":"2026-11-22T09:00:00Z",`, ``, `"root":`, `"roots":`}, []string{
			`data.chain.roots: found object, expected no such member; did you mean root?`,
			`data.chain.root: found nothing, expected object`,
			`data.chain.order: found nothing, expected a time as in 2026-11-22T09:00:00Z (RFC 3339)`}},
		{[]string{`"root":{"switch":"proxy-ssl","source":"s",`, `"root":{`}, []string{
			`data.chain.root.switch: found nothing, expected string`,
			`data.chain.root.source: found nothing, expected string`}},
		{[]string{`"on_failure":"undo"`, `"on_failure":""`}, []string{`data.chain.on_failure: found string "", expected stop or undo`}},
		{[]string{`"on_failure":"undo"`, `"on_failure":"go on"`}, []string{`data.chain.on_failure: found string "go on", expected stop or undo`}},
		{[]string{`"state":"done"`, `"state":"over"`, `"enabled":true,"state":"not-done"`, `"state":"not-done"`, `"job_id":"j"`, `"job_id":1`, `,"title":"t"`, ``}, []string{
			`data.chain.steps[0].job_id: found number 1, expected string`,
			`data.chain.steps[1].enabled: found nothing, expected boolean`,
			`data.chain.steps[2].error.title: found nothing, expected string`,
			`data.chain.steps[0].state: found string "over", expected not-done, done, unchanged, failed, undone or undo-failed`}},
		{[]string{`"lts_audit_switch":1`, `"lts_audit_switch":7`, `{"switch":"access-control","target":`, `{"switch":"access-contrl","target":`}, []string{
			`data.chain.steps[1].switch: found string "access-contrl", expected a known switch: proxy-alt, proxy-ssl, access-control, multi-tenancy or database-audit; did you mean access-control?`,
			`data.chain.steps[2].options.lts_audit_switch: found number 7, expected 0 or 1`}},
		{[]string{`"chain":{`, `"then":[{"switch":"proxy-ssl","enabled":true}],"on_failure":"stop","chain":{`}, []string{
			`data.then: found array, expected nothing beside chain, which says what follows`,
			`data.on_failure: found string "stop", expected nothing beside chain, which says what follows`}},
	} {
		_, problem := decodeFor(t, "access-control", step(c.change...))
		require.NotNil(t, problem, c.change)
		require.Equal(t, c.want, words(problem), c.change)
	}
	_, problem := decodeFor(t, "access-control", request("access-control", "true", onProxy, `,"chain":{}`))
	require.Contains(t, words(problem), `data.chain.steps: found nothing, expected at least 1 items`)
}

// TestOnlyTheContractNeeds: an option is needed where its own rules say so, and
// not by its type.
func TestOnlyTheContractNeeds(t *testing.T) {
	one := specs()[1]
	one.Options = func() any {
		return new(struct {
			Level int `json:"level"`
		})
	}
	d, err := New([]Spec{one}, "")
	require.NoError(t, err)
	_, _, problem := d.Decode(one.Switch, eventOf(t, events.TypeSwitchRequested, request(one.Switch, "true", onProxy, `,"options":{}`)))
	require.Nil(t, problem)
}

// FuzzChain: no list of steps panics; what is wrong is bounded; and each step of
// what is taken is by itself a request that is taken, and comes to the same.
func FuzzChain(f *testing.F) {
	d := decoder(f)
	f.Add([]byte(`[`+on("access-control", "")+`,`+on("multi-tenancy", "")+`,`+on("proxy-ssl", `,"target":`+onProxy)+`]`), []byte(`"undo"`))
	f.Add([]byte(`[`+on("proxy-alt", `,"options":{"alt_for_readonly":true}`)+`,`+on("database-audit", `,"target":`+onAudited+`,"options":{"lts_audit_switch":1}`)+`]`), []byte(`"stop"`))
	f.Add([]byte(`[{"switch":"proxy-tls","target":{"region":"cn-north-4"}},null,7]`), []byte(`null`))
	f.Add([]byte(`[]`), []byte(`""`))
	f.Fuzz(func(t *testing.T, then, onFailure []byte) {
		dec, meant, problem := d.Decode("proxy-ssl", eventOf(t, events.TypeSwitchRequested, chained(string(then), `,"on_failure":`+string(onFailure))))
		if !meant || problem != nil {
			require.True(t, !meant || len(problem.Fields) > 0 && len(problem.Fields) <= most+1)
			return
		}
		if dec.Chain == nil {
			return
		}
		var given []json.RawMessage
		_ = json.Unmarshal(then, &given) // a duplicate then is refused
		require.Len(t, dec.Chain.Steps, 1+len(given))
		for _, s := range dec.Chain.Steps {
			data, err := json.Marshal(events.SwitchRequestedOf[json.RawMessage]{Switch: s.Switch, Enabled: &s.Enabled, Target: &s.Target, Options: s.Options})
			require.NoError(t, err)
			alone, meant, problem := d.Decode(s.Switch, eventOf(t, events.TypeSwitchRequested, string(data)))
			require.True(t, meant)
			require.Nil(t, problem)
			require.Equal(t, s, ChainStep{Switch: alone.Switch, Target: alone.Target, Enabled: alone.Enabled, Options: alone.Options, State: events.StepNotDone})
		}
	})
}
