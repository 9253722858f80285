package events_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/interlock-functions/interlock/events"
)

// TestSchemaAndDecoderAgree changes samples at random and asks both for their
// verdict. They may differ in what is listed in beyondSchema, and in nothing
// else: the schema is what people read, the decoder is what they get.
func TestSchemaAndDecoderAgree(t *testing.T) {
	d, schemas := decoder(t), compiled(t)
	in := map[string]event.Event{}
	for name, text := range samples(t) {
		if ev := structured(t, text); slices.Contains(events.Types()[:3], ev.Type()) {
			in[name] = ev
		}
	}
	names := slices.Sorted(maps.Keys(in))
	rapid.Check(t, func(t *rapid.T) {
		ev := in[rapid.SampledFrom(names).Draw(t, "sample")]
		data, err := jsonschema.UnmarshalJSON(bytes.NewReader(ev.Data()))
		require.NoError(t, err)
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			data = changed(t, data)
		}
		text, err := json.Marshal(data)
		require.NoError(t, err)
		ev.DataEncoded = text

		var problems, beyond []string
		anyMeant := false
		for _, s := range specs() {
			_, meant, problem := d.Decode(s.Switch, ev)
			anyMeant = anyMeant || meant
			if problem == nil {
				continue
			}
			for _, f := range problem.Fields {
				if beyondSchema(data, f) {
					beyond = append(beyond, f.Path)
				} else {
					problems = append(problems, f.Path+": found "+f.Found+", expected "+f.Expected)
				}
			}
		}
		refused := schemas[ev.Type()].Validate(data)
		if !anyMeant || regexp.MustCompile(`[T:+-]-0`).Match(text) {
			return // nobody's event is not judged, nor a time in which the validator takes -0 for 0
		}
		require.Equal(t, refused != nil, len(problems) > 0, "%s\nschema: %v\ndecoder: %v\nbeyond the schema: %v", text, refused, problems, beyond)
	})
}

// beyondSchema lists what only the decoder can tell: that a window ends before
// it starts, what was before 1970, who is nobody, and what a step of a chain is told by those beside it.
func beyondSchema(data any, f events.Field) bool {
	switch {
	case f.Expected == "a time from 1970 on":
		return true
	case f.Path == "data.ticket.window.end":
		return strings.Contains(f.Expected, "window's start")
	case strings.HasPrefix(f.Path, "data.ticket."):
		return strings.HasPrefix(f.Expected, "a name with a letter or digit")
	case f.Path == "data.chain.at":
		return f.Expected == "the place of a step that follows another"
	case strings.HasSuffix(f.Path, ".target.region"):
		return strings.HasSuffix(f.Expected, ", the region of the whole chain")
	}
	step := regexp.MustCompile(`^data\.then\[(\d+)\]\.target\.`).FindStringSubmatch(f.Path)
	if step == nil {
		return false
	}
	i, _ := strconv.Atoi(step[1])
	then, _ := data.(map[string]any)["then"].([]any)
	given, _ := then[i].(map[string]any)
	return given["target"] == nil // it is that of the step before
}

// changed changes one value somewhere below v.
func changed(t *rapid.T, v any) any {
	deeper := rapid.IntRange(0, 4).Draw(t, "deeper") > 0
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		switch {
		case deeper && len(names) > 0:
			name := rapid.SampledFrom(names).Draw(t, "member")
			v[name] = changed(t, v[name])
		case len(names) > 0 && rapid.Bool().Draw(t, "remove"):
			delete(v, rapid.SampledFrom(names).Draw(t, "removed"))
		default:
			v[rapid.SampledFrom(memberNames).Draw(t, "added")] = value(t)
		}
		return v
	case []any:
		switch {
		case deeper && len(v) > 0:
			i := rapid.IntRange(0, len(v)-1).Draw(t, "item")
			v[i] = changed(t, v[i])
			return v
		case len(v) > 0 && rapid.Bool().Draw(t, "remove"):
			return v[1:]
		case len(v) > 0 && rapid.Bool().Draw(t, "repeat"):
			return append(v, v[len(v)-1])
		}
		return append(v, value(t))
	case string:
		if rapid.Bool().Draw(t, "edit") {
			return edited(t, v)
		}
	}
	return value(t)
}

func edited(t *rapid.T, s string) string {
	with := rapid.SampledFrom([]string{"", "x", "X", "0", "_", "-", "/", ".", " ", "é"}).Draw(t, "with")
	at := rapid.IntRange(0, len(s)).Draw(t, "at")
	for at > 0 && at < len(s) && s[at]&0xc0 == 0x80 {
		at--
	}
	if len(s) > 0 && at < len(s) && s[at] < 0x80 && rapid.Bool().Draw(t, "replace") {
		return s[:at] + with + s[at+1:]
	}
	return s[:at] + with + s[at:]
}

var memberNames = []string{
	"switch", "enabled", "target", "options", "ticket", "changes", "region", "project_id", "instance_id", "proxy_id", "database_id",
	"alt_for_readonly", "lts_audit_switch", "id", "requested_by", "approved_by", "approved_at", "window", "start", "end",
	"key", "old", "new", "Enabled", "note",
	"then", "on_failure", "chain", "root", "after", "at", "undo", "order", "type", "source", "steps", "state", "changed", "job_id", "error",
	"code", "title", "detail", "fields", "policy", "cloud", "status", "path", "found", "expected",
}

// values are JSON texts, so that each use has its own.
var values = []string{
	`null`, `true`, `false`, `0`, `1`, `1.0`, `10e-1`, `2`, `0.5`, `""`, `" "`, `"on"`, `"off"`, `"true"`, `"ON"`,
	`"proxy-alt"`, `"proxy-ssl"`, `"access-control"`, `"multi-tenancy"`, `"database-audit"`, `"proxy-tls"`,
	`"interlock:proxy-ssl"`, `"interlock:proxy-alt"`, `"interlock:multi-tenancy"`, `"interlock:proxy-tls"`,
	`"eu-west-101"`, `"cn-north-4"`, `"EU West"`, `"-x"`,
	`"2026-11-22T09:00:00Z"`, `"2026-11-22t10:00:00.5+01:00"`, `"2026-11-22"`, `"2026-11-22T9:00:00Z"`, `"2026-11-22T09:00:00,5Z"`,
	`"2026-11-22T09:00:00+24:00"`, `"2026-02-30T09:00:00Z"`, `"2026-11-22 09:00:00Z"`,
	`"056538411200d4cd2f79c003c7606412"`, `"096c0fc43e804757b59946b80dc27f8bin07"`, `"2ec617ba62da4eafb921b69438beed3cpo01"`,
	`"5c1f4b2f-9a3e-4d5b-8f60-7e2d3c4b5a69"`, `"Gadr-Y4B51p4J06s5s5B"`, `"` + strings.Repeat("a", 65) + `"`, `"` + strings.Repeat("é", 257) + `"`,
	`{}`, `[]`, `["approver@example.com"]`, `[{"key":"interlock:proxy-ssl","new":"on"}]`,
	`{"alt_for_readonly":true}`, `{"lts_audit_switch":1}`, `{"lts_audit_switch":null}`,
	`"stop"`, `"undo"`, `"rollback"`, `"done"`, `"undo-failed"`, `"finished"`, `3`, `[{}]`, `[null]`,
	`{"switch":"access-control","enabled":true}`, `[{"switch":"multi-tenancy","enabled":false}]`,
	`[{"switch":"proxy-alt","enabled":true,"options":{"alt_for_readonly":true}},{"switch":"database-audit","enabled":true}]`,
	`[` + strings.Repeat(`{"switch":"access-control","enabled":true},`, 50) + `{"switch":"access-control","enabled":true}]`,
	`{"project_id":"056538411200d4cd2f79c003c7606412","instance_id":"096c0fc43e804757b59946b80dc27f8bin07"}`,
	`{"code":"gave-up","title":"t","detail":"","fields":[{"path":"p","found":"f","expected":"e"}],"policy":["p"],"cloud":{"status":400}}`,
	`{"start":"2026-11-22T09:00:00Z"}`, `{"id":"CHG1","requested_by":"a","approved_by":["b"]}`,
}

func value(t *rapid.T) any {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(rapid.SampledFrom(values).Draw(t, "value")))
	require.NoError(t, err)
	return v
}
