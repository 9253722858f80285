package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
)

// whole are the schemas of whole events by type, as asyncapi.yaml has them: the
// envelope, and the data of the type.
func whole(t testing.TB) map[string]*jsonschema.Schema {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	require.NoError(t, c.AddResource("file:///events/asyncapi.json", asyncAPI(t)))
	text, err := events.Schemas.ReadFile("envelope.json")
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, c.AddResource("file:///events/envelope.json", doc))
	for name, doc := range schemaDocs(t) {
		require.NoError(t, c.AddResource("file:///events/schemas/"+name+".json", doc))
	}
	of := map[string]*jsonschema.Schema{}
	for name, message := range below(asyncAPI(t), "components", "messages").(map[string]any) {
		eventType := below(message, "name").(string)
		if name == "problem" {
			continue
		}
		schema, err := c.Compile("file:///events/asyncapi.json#/components/messages/" + name + "/payload/schema")
		require.NoError(t, err)
		of[eventType] = schema
		require.Equal(t, "./schemas/"+eventType+".json", below(message, "payload", "schema", "properties", "data", "$ref"))
		require.Equal(t, []any{map[string]any{"$ref": "./envelope.json"}}, below(message, "payload", "schema", "allOf"))
	}
	return of
}

// anyAttribute are JSON texts to be put in the place of any attribute.
var anyAttribute = []string{
	`null`, `true`, `false`, `0`, `1`, `-1`, `1.0`, `10e-1`, `0.5`, `2147483647`, `2147483648`, `-2147483648`, `-2147483649`, `{}`, `[]`, `["x"]`,
	`""`, `" "`, `"x"`, `"true"`, `"false"`, `"TRUE"`, `"yes"`, `"1.0"`, `"0.3"`, `"\u0000"`, `"a\u001fb"`, `"a\u007f"`, `"\u009f"`, `"\u00a0"`, `"é"`, `"\ufdd0"`, `"\ufffd"`,
	`"\uffff"`, `"\ud83f\udffe"`, `"\ud83d\ude00"`, `"` + strings.Repeat("x", 4096) + `"`, `"` + strings.Repeat("x", 4097) + `"`, `"` + strings.Repeat("é", 2049) + `"`,
}

// attributeValues are those of their own.
var attributeValues = map[string][]string{
	"source": {
		`"/a"`, `"//h"`, `"//h:80/a"`, `"//h:x/a"`, `"my app"`, `"a:b"`, `"1:b"`, `":b"`, `"a/b:c"`, `"urn:x:y"`, `"https://u@h/p?q#f"`, `"https://u@v@h/p"`, `"https://[::1]:8/"`, `"https://[::zz]/"`,
		`"https://[v1.a]/"`, `"#"`, `"#a#b"`, `"?a?b"`, `"%41"`, `"%4"`, `"%zz"`, `"a|b"`, `"{a}"`, `"\"a\""`, `"a\\b"`, `"http:///x"`, `"http:a"`, `"..//x"`, `"///x"`,
	},
	"dataschema":      {`"urn:x"`, `"https://h/p"`, `"https://h/p#f"`, `"https://h/p#"`, `"/p"`, `"//h/p"`, `"x:"`, `"https://h/ p"`, `"https://h/?q"`},
	"time":            {`"2026-11-22T09:00:00Z"`, `"2026-11-22t09:00:00z"`, `"2026-11-22T09:00:00"`, `"2026-11-22 09:00:00Z"`, `"2026-11-22T09:00:00,5Z"`, `"2026-11-22T9:00:00Z"`, `"2026-02-29T09:00:00Z"`, `"2024-02-29T09:00:00Z"`, `"2026-11-22T24:00:00Z"`, `"2026-11-22T09:00:00+24:00"`, `"2026-11-22T09:00:00+01:60"`, `"2016-12-31T23:59:60Z"`, `"2026-11-22T09:00:60Z"`, `"1969-12-31T23:59:59Z"`, `"0000-01-01T00:00:00Z"`, `"9999-12-31T23:59:59-01:00"`},
	"datacontenttype": {`"application/json"`, `"Application/JSON"`, `"text/json"`, `"application/problem+json"`, `"application/json; charset=utf-8"`, `"application/json;charset=\"utf-8\""`, `"application/json;"`, `"application/json ;"`, `" application/json"`, `"application/json "`, `"application/json; charset"`, `"application/jsonx"`, `"application/xml"`, `"text/plain"`, `"json"`, `"/json"`, `"a/b/json"`, `"a/+json"`, `"a b/json"`, `"application/json; a=1; a=2"`, `"application/json, text/plain"`},
	"type":            {`"dev.interlock.ticket.approved.v2"`, `"DEV.INTERLOCK.TICKET.APPROVED.V1"`},
	"data":            {`"{}"`},
	"data_base64":     {`"e30="`, `"e30"`, `"!"`},
	"UPPER":           nil, "with-dash": nil, "with_line": nil, "": nil, "é": nil, "extension1": nil, "a2345678901234567890123": nil,
	"specversion": nil, "id": nil, "subject": nil, "correlationid": nil, "causationid": nil, "partitionkey": nil, "chainid": nil, "chainstep": nil,
	"traceparent": nil, "tracestate": nil, "dryrun": nil, "snapshot": nil,
}

// beyondEnvelope are the changes of which the schema and the decoder do not say
// the same, and why: the schema is as strict or stricter than what it cannot say.
func beyondEnvelope(name, value string) string {
	switch {
	case (value == `1.0` || value == `10e-1`) && !slices.Contains([]string{"id", "source", "type"}, name):
		return "JSON Schema takes a number without a fraction for a whole one, however it is written"
	case strings.Contains(value, strings.Repeat("é", 2049)):
		return "JSON Schema counts characters, and the decoder bytes"
	case name == "source" && (value == `"https://[::zz]/"`):
		return "the pattern does not look into the brackets of an IP literal"
	case name == "time" && (value == `"1969-12-31T23:59:59Z"` || value == `"0000-01-01T00:00:00Z"` || value == `"9999-12-31T23:59:59-01:00"`):
		return "a format has no earliest and no latest time"
	case name == "datacontenttype" && value == `"application/json; a=1; a=2"`:
		return "a pattern cannot tell that a parameter is there twice"
	}
	return ""
}

// TestEnvelopeAndDecoderAgree changes each attribute of an event of each type
// that goes in to each value, and takes it away, and asks both for their verdict.
func TestEnvelopeAndDecoderAgree(t *testing.T) {
	schemas, d := whole(t), decoder(t)
	tried, differ := 0, map[string]int{}
	for _, sample := range []string{"ticket.approved.proxy-ssl.json", "switch.requested.proxy-ssl.json", "tag.changed.proxy-ssl.json"} {
		text, err := os.ReadFile("samples/" + sample)
		require.NoError(t, err)
		for name, own := range attributeValues {
			for _, value := range slices.Concat([]string{"absent"}, anyAttribute, own) {
				var ev map[string]json.RawMessage
				require.NoError(t, json.Unmarshal(text, &ev))
				var eventType string
				require.NoError(t, json.Unmarshal(ev["type"], &eventType))
				delete(ev, name)
				if value != "absent" {
					ev[name] = json.RawMessage(value)
				}
				changed, err := json.Marshal(ev)
				require.NoError(t, err)
				instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(changed))
				require.NoError(t, err)
				refused := schemas[eventType].Validate(instance)

				decoded, wrong := cloudevent.DecodeJSON(changed)
				if wrong == nil {
					meant := false
					for _, s := range specs() {
						_, ours, problem := d.Decode(s.Switch, decoded)
						if meant = meant || ours; problem != nil {
							wrong = fmt.Errorf("%v", problem.Fields)
						}
					}
					if !meant { // nobody's event is not judged
						require.Equal(t, "type", name, value)
						require.Error(t, refused)
						continue
					}
				}
				tried++
				if (refused != nil) == (wrong != nil) {
					continue
				}
				why := beyondEnvelope(name, value)
				differ[why]++
				require.NotEmpty(t, why, "%s of %s: %.80s\nschema: %v\ndecoder: %v", name, sample, value, refused, wrong)
			}
		}
	}
	require.Len(t, differ, 5, "a reason for which nothing differs is none")
	t.Logf("%d changes of attributes; where the verdicts differ: %v", tried, differ)
}
