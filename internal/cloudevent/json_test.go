package cloudevent

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
)

// with returns a minimal event in JSON with more members, each in its own
// JSON; it lacks the required attributes that more gives.
func with(more string) string {
	var b strings.Builder
	for _, m := range []struct{ name, value string }{
		{"specversion", `"1.0"`}, {"id", `"1"`}, {"source", `"/s"`}, {"type", `"t"`},
	} {
		if !strings.Contains(more, `"`+m.name+`":`) {
			b.WriteString(`"` + m.name + `":` + m.value + ",")
		}
	}
	return "{" + strings.TrimSuffix(b.String()+more, ",") + "}"
}

// jsonCases are the rules of the specification, each with what the SDK makes
// of it where that is something else.
var jsonCases = []struct {
	name, text string
	wrong      string // the paths of what is wrong; "-" if the whole is; "" if it is valid
	rule       string // the section that decides
	sdk        string // accepts, refuses or garbles; "" if it agrees
}{
	// What is valid.
	{"minimal", with(``), "", "", ""},
	{"all attributes", with(`"subject":"s","time":"2018-04-05T17:31:00Z","datacontenttype":"text/xml","dataschema":"http://x/y","data":"<x/>"`), "", "", ""},
	{"specversion last", `{"id":"1","source":"/s","type":"t","data":{"a":1},"ext":"x","specversion":"1.0"}`, "", "", ""},
	{"an extension of each type", with(`"a":"text","b":true,"c":false,"d":2147483647,"e":-2147483648,"f":0`), "", "", ""},
	{"an empty extension", with(`"a":""`), "", "", ""},
	{"a name of digits", with(`"1":"x"`), "", "", ""},
	{"a long name", with(`"abcdefghijklmnopqrstuvwxyz0123456789":"x"`), "", "", ""},
	{"names of version 0.3", with(`"schemaurl":"http://x","datacontentencoding":"base64"`), "", "", ""},
	{"null attributes", with(`"subject":null,"time":null,"datacontenttype":null,"dataschema":null,"ext":null`), "", "CloudEvents JSON format, 2.2", "refuses"},
	{"null subject", with(`"subject":null`), "", "", ""},
	{"null extension", with(`"ext":null`), "", "", ""},
	{"null datacontenttype", with(`"datacontenttype":null,"data":{"a":1}`), "", "CloudEvents JSON format, 2.2", "refuses"},
	{"null dataschema", with(`"dataschema":null`), "", "", ""},
	{"null time", with(`"time":null`), "", "", ""},
	{"null data_base64", with(`"data_base64":null`), "", "CloudEvents JSON format, 2.4 (cloudevents.json)", "refuses"},
	{"data is null", with(`"data":null`), "", "", ""},
	{"data is false", with(`"data":false`), "", "", ""},
	{"data is a string", with(`"data":"x"`), "", "", ""},
	{"data is an empty array", with(`"datacontenttype":"application/json","data":[]`), "", "", ""},
	{"data before its type", with(`"data":"<x/>","datacontenttype":"text/xml"`), "", "", ""},
	{"data as text/json", with(`"datacontenttype":"text/json","data":{"a":1}`), "", "", ""},
	{"data with a +json type", with(`"datacontenttype":"application/vnd.x+json","data":{"a":1}`), "", "CloudEvents JSON format, 3.1.1", "refuses"},
	{"data with an image/x+JSON type", with(`"datacontenttype":"Image/X+JSON; a=b","data":{"a":1}`), "", "CloudEvents JSON format, 3.1.1", "refuses"},
	{"data with JSON's type in capitals", with(`"datacontenttype":"APPLICATION/JSON; CharSet=utf-8","data":{"a":1}`), "", "CloudEvents 1.0, datacontenttype: without regard to case", "refuses"},
	{"data that keeps its bytes", with(`"data":{ "b" : 1.10, "a":12345678901234567890 }`), "", "", ""},
	{"data with escapes in text", with(`"datacontenttype":"text/plain","data":"a\u0000\n\ud83d\ude00"`), "", "", ""},
	{"data_base64", with(`"data_base64":"AAE="`), "", "", ""},
	{"data_base64, spaced", with(`"datacontenttype":"a/b","data_base64" : "AAE="`), "", "", ""},
	{"data_base64 before specversion, spaced", `{"data_base64": "AAE=","id":"1","source":"/s","type":"t","specversion":"1.0"}`, "", "", ""},
	{"data_base64 without type, spaced", with(`"data_base64": "AAE="`), "", "CloudEvents JSON format, 3.1.2", "refuses"},
	{"data_base64, escaped", with(`"data_base64":"\u0041AE="`), "", "CloudEvents JSON format, 3.1.2", "refuses"},
	{"data_base64, empty", with(`"data_base64":""`), "", "", ""},
	{"data_base64 of a JSON type", with(`"datacontenttype":"application/json","data_base64":"e30="`), "", "", ""},
	{"space around", " \r\n\t" + with(``) + "\n", "", "", ""},
	{"Unicode", with(`"subject":"Žluťoučký 😀 \ud83d\ude00"`), "", "", ""},
	{"an escaped name", with(`"\u0069dx":"x"`), "", "", ""},
	{"source: URN", with(`"source":"urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66"`), "", "", ""},
	{"source: mailto", with(`"source":"mailto:cncf-wg-serverless@lists.cncf.io"`), "", "", ""},
	{"source: a plain word", with(`"source":"1-555-123-4567"`), "", "", ""},
	{"source: a colon later", with(`"source":"./a:b"`), "", "", ""},
	{"source: an empty fragment", with(`"source":"/s#"`), "", "CloudEvents 1.0, source: source and id identify the event", "garbles"},
	{"source: an upper-case scheme", with(`"source":"HTTP://Example.com/"`), "", "CloudEvents 1.0, source: source and id identify the event", "garbles"},
	{"source: any host", with(`"source":"//a%20b/"`), "", "RFC 3986, 3.2.2", "refuses"},
	{"time: offset", with(`"time":"2018-04-05T17:31:00.123456789+02:00"`), "", "", ""},
	{"time: lower case", with(`"time":"2018-04-05t17:31:00z"`), "", "RFC 3339, 5.6", "refuses"},
	{"time: leap second", with(`"time":"1990-12-31T15:59:60-08:00"`), "", "RFC 3339, 5.7", "refuses"},

	// Envelope.
	{"nothing", "", "-", "RFC 8259", ""},
	{"half an event", with(``)[:20], "-", "RFC 8259", ""},
	{"two events", with(``) + with(``), "-", "RFC 8259", "accepts"},
	{"an array", "[" + with(``) + "]", "-", "CloudEvents JSON format, 3", ""},
	{"null", "null", "-", "CloudEvents JSON format, 3", ""},
	{"a duplicate attribute", with(`"subject":"a","subject":"b"`), "-", "RFC 8259", "accepts"},
	{"a duplicate id", `{"specversion":"1.0","id":"1","id":"2","source":"/s","type":"t"}`, "-", "RFC 8259", "accepts"},
	{"a duplicate by escape", with(`"ext":"a","\u0065xt":"b"`), "-", "RFC 8259", "accepts"},
	{"a duplicate in data", with(`"data":{"a":1,"a":2}`), "-", "RFC 8259", "accepts"},
	{"a trailing comma", `{"specversion":"1.0","id":"1","source":"/s","type":"t",}`, "-", "RFC 8259", ""},
	{"invalid UTF-8", with("\"subject\":\"\xff\""), "-", "RFC 8259", "accepts"},
	{"a lone surrogate", with(`"subject":"\uDEAD"`), "-", "RFC 8259", "accepts"},
	{"nested too deeply", with(`"data":` + strings.Repeat("[", Depth) + strings.Repeat("]", Depth)), "-", "RFC 8259", "accepts"},

	// Required attributes.
	{"nothing in it", `{}`, "specversion id source type", RuleRequired, ""},
	{"no id", `{"specversion":"1.0","source":"/s","type":"t"}`, "id", RuleRequired, ""},
	{"null id", with(`"id":null`), "id", RuleRequired, ""},
	{"empty id", with(`"id":""`), "id", RuleRequired, ""},
	{"id of spaces", with(`"id":" "`), "", "CloudEvents 1.0, id: non-empty", "refuses"},
	{"empty type", with(`"type":""`), "type", RuleRequired, ""},
	{"empty source", with(`"source":""`), "source", RuleRequired, ""},
	{"no specversion", `{"id":"1","source":"/s","type":"t"}`, "specversion", RuleRequired, ""},
	{"specversion 0.3", with(`"specversion":"0.3"`), "specversion", RuleRequired, "accepts"},
	{"specversion 1.0.1", with(`"specversion":"1.0.1"`), "specversion", RuleRequired, ""},
	{"specversion 1", with(`"specversion":1.0`), "specversion", RuleJSONTypes, ""},
	{"a number for an id", with(`"id":7`), "id", RuleJSONTypes, ""},
	{"an object for a type", with(`"type":{}`), "type", RuleJSONTypes, ""},
	{"an id in capitals", `{"specversion":"1.0","ID":"1","source":"/s","type":"t"}`, "ID id", RuleNames + "; " + RuleRequired, ""},
	{"source: a space", with(`"source":"a b"`), "source", RuleRequired, "accepts"},
	{"source: a colon at first", with(`"source":"1a:b"`), "source", RuleRequired, ""},
	{"source: brackets", with(`"source":"/a[1]"`), "source", RuleRequired, "accepts"},
	{"source: a bad percent", with(`"source":"/s?a=%zz"`), "source", RuleRequired, "accepts"},
	{"source: two fragments", with(`"source":"/s#a#b"`), "source", RuleRequired, "accepts"},
	{"source: an IRI", with(`"source":"/straße"`), "source", RuleRequired, "accepts"},

	// Optional attributes.
	{"empty subject", with(`"subject":""`), "subject", RuleOptional, "accepts"},
	{"empty time", with(`"time":""`), "time", RuleOptional, "accepts"},
	{"empty dataschema", with(`"dataschema":""`), "dataschema", RuleOptional, "accepts"},
	{"empty datacontenttype", with(`"datacontenttype":""`), "datacontenttype", RuleOptional, ""},
	{"datacontenttype: a word", with(`"datacontenttype":"xyz"`), "datacontenttype", RuleOptional, "accepts"},
	{"datacontenttype: no subtype", with(`"datacontenttype":"text/"`), "datacontenttype", RuleOptional, ""},
	{"datacontenttype: a bad parameter", with(`"datacontenttype":"text/plain; x"`), "datacontenttype", RuleOptional, ""},
	{"datacontenttype: a space before", with(`"datacontenttype":" text/plain"`), "datacontenttype", RuleOptional, "accepts"},
	{"datacontenttype: not ASCII", with(`"datacontenttype":"text/plain; x=\"é\""`), "datacontenttype", RuleOptional, "accepts"},
	{"dataschema: relative", with(`"dataschema":"/schema"`), "dataschema", RuleOptional, ""},
	{"dataschema: a fragment", with(`"dataschema":"http://x/y#z"`), "dataschema", RuleOptional, "accepts"},
	{"dataschema: a space", with(`"dataschema":"http://x/a b"`), "dataschema", RuleOptional, "accepts"},
	{"time: a date", with(`"time":"2018-04-05"`), "time", RuleOptional, ""},
	{"time: no offset", with(`"time":"2018-04-05T17:31:00"`), "time", RuleOptional, ""},
	{"time: a space", with(`"time":"2018-04-05 17:31:00Z"`), "time", RuleOptional, ""},
	{"time: a comma", with(`"time":"2018-04-05T17:31:00,5Z"`), "time", RuleOptional, "accepts"},
	{"time: one digit", with(`"time":"2018-04-05T7:31:00Z"`), "time", RuleOptional, "accepts"},
	{"time: a wild offset", with(`"time":"2018-04-05T17:31:00+24:00"`), "time", RuleOptional, "accepts"},
	{"time: no such day", with(`"time":"2018-02-30T17:31:00Z"`), "time", RuleOptional, ""},
	{"time: a number", with(`"time":1522949460`), "time", RuleJSONTypes, ""},
	{"subject: a boolean", with(`"subject":true`), "subject", RuleJSONTypes, ""},

	// Extensions.
	{"a name in capitals", with(`"comExample":"x"`), "comExample", RuleNames, "accepts"},
	{"a name with an underscore", with(`"com_example":"x"`), "com_example", RuleNames, ""},
	{"a name with a hyphen", with(`"com-example":"x"`), "com-example", RuleNames, ""},
	{"a name not in ASCII", with(`"é":"x"`), "é", RuleNames, ""},
	{"an empty name", with(`"":"x","subject":7`), " subject", RuleNames + "; " + RuleJSONTypes, "accepts"},
	{"a bad name of null", with(`"comExample":null`), "comExample", RuleNames, "accepts"},
	{"a float", with(`"ext":1.5`), "ext", RuleTypes, "accepts"},
	{"a whole float", with(`"ext":1.0`), "ext", RuleTypes, "accepts"},
	{"an exponent", with(`"ext":1e2`), "ext", RuleTypes, "accepts"},
	{"more than int32", with(`"ext":2147483648`), "ext", RuleTypes, ""},
	{"less than int32", with(`"ext":-2147483649`), "ext", RuleTypes, ""},
	{"an object", with(`"ext":{}`), "ext", RuleJSONTypes, ""},
	{"an array of texts", with(`"ext":["a"]`), "ext", RuleJSONTypes, ""},

	// Strings.
	{"a newline", with(`"subject":"a\nb"`), "subject", RuleTypes, "accepts"},
	{"NUL", with(`"ext":"\u0000"`), "ext", RuleTypes, "accepts"},
	{"DEL", with(`"id":"\u007f"`), "id", RuleTypes, "accepts"},
	{"C1", with(`"type":"a\u0085"`), "type", RuleTypes, "accepts"},
	{"a noncharacter", with(`"subject":"\ufffe"`), "subject", RuleTypes, "accepts"},
	{"a noncharacter of the block", with(`"subject":"\ufdd0"`), "subject", RuleTypes, "accepts"},
	{"a noncharacter of a higher plane", with(`"subject":"\ud83f\udfff"`), "subject", RuleTypes, "accepts"},

	// Data.
	{"both forms of data", with(`"data":1,"data_base64":"AAE="`), "data_base64", RuleJSONData, "accepts"},
	{"both forms, data null", with(`"data":null,"data_base64":"AAE="`), "data_base64", RuleJSONData, "accepts"},
	{"data_base64: no Base64", with(`"data_base64":"!"`), "data_base64", RuleJSONData, ""},
	{"data_base64: URL alphabet", with(`"data_base64":"_-=="`), "data_base64", RuleJSONData, ""},
	{"data_base64: no padding", with(`"data_base64":"AAE"`), "data_base64", RuleJSONData, ""},
	{"data_base64: a line break", with(`"datacontenttype":"a/b","data_base64":"AA\nE="`), "data_base64", RuleJSONData, ""},
	{"data_base64: an object", with(`"data_base64":{}`), "data_base64", RuleJSONData, "accepts"},
	{"an object for text", with(`"datacontenttype":"text/plain","data":{}`), "data", RuleJSONData, ""},
	{"null for text", with(`"datacontenttype":"text/plain","data":null`), "data", RuleJSONData, "accepts"},

	// All at once.
	{"all at once", with(`"specversion":"2","id":"","source":" ","type":7,"subject":"","time":"now","Ext":1,"f":0.5,"data_base64":8`),
		"specversion id source type subject time Ext f data_base64",
		strings.Join([]string{RuleRequired, RuleJSONTypes, RuleOptional, RuleNames, RuleTypes, RuleJSONData}, "; "), ""},
}

func TestDecodeJSON(t *testing.T) {
	for _, test := range jsonCases {
		t.Run(test.name, func(t *testing.T) {
			ev, err := DecodeJSON([]byte(test.text))
			if test.wrong == "" {
				require.NoError(t, err)
				b, err := EncodeJSON(ev)
				require.NoError(t, err)
				again, err := DecodeJSON(b)
				require.NoError(t, err, string(b))
				sameEvent(t, ev, again)
				return
			}
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, Invalid, e.Kind)
			require.Equal(t, test.rule, e.Rule)
			if test.wrong == "-" {
				require.NotEmpty(t, e.Reason)
				require.Empty(t, e.Fields)
				return
			}
			var paths []string
			for _, f := range e.Fields {
				paths = append(paths, f.Path)
				require.NotEmpty(t, f.Found)
				require.NotEmpty(t, f.Expected)
			}
			require.Equal(t, test.wrong, strings.Join(paths, " "))
		})
	}
}

// TestDisagreements holds what the SDK makes of every case against ours: where
// the two differ, the case says so and names the section that decides.
func TestDisagreements(t *testing.T) {
	disagreements := 0
	for _, test := range jsonCases {
		t.Run(test.name, func(t *testing.T) {
			if test.sdk != "" {
				require.NotEmpty(t, test.rule, "what decides")
				disagreements++
			}
			require.Equal(t, test.sdk, disagreement([]byte(test.text)))
		})
	}
	t.Logf("%d of %d cases are decided by the specification against the SDK", disagreements, len(jsonCases))
}

// disagreement tells what the SDK does otherwise than we.
func disagreement(text []byte) string {
	ours, err := DecodeJSON(text)
	var theirs event.Event
	sdkErr := event.ReadJson(&theirs, bytes.NewReader(text))
	if sdkErr == nil {
		sdkErr = theirs.Validate()
	}
	switch {
	case err != nil && sdkErr == nil:
		return "accepts"
	case err == nil && sdkErr != nil:
		return "refuses"
	case err != nil:
		return ""
	}
	a, _ := EncodeJSON(ours)
	if b, err := EncodeJSON(theirs); err != nil || !bytes.Equal(a, b) {
		return "garbles"
	}
	return ""
}

func TestDecodeBatchJSON(t *testing.T) {
	good, bad := with(``), with(`"id":""`)
	for name, test := range map[string]struct {
		text string
		want []bool // whether each item is an event
	}{
		"empty":        {"[]", []bool{}},
		"one":          {"[" + good + "]", []bool{true}},
		"some bad":     {"[" + strings.Join([]string{good, bad, "7", "null", "[]", "{}", good}, " , ") + "]", []bool{true, false, false, false, false, false, true}},
		"as deep":      {"[" + with(`"data":`+strings.Repeat("[", Depth-1)+strings.Repeat("]", Depth-1)) + "]", []bool{true}},
		"an event":     {good, nil},
		"unfinished":   {"[" + good, nil},
		"null":         {"null", nil},
		"nothing":      {"", nil},
		"a lone comma": {"[" + good + ",]", nil},
	} {
		t.Run(name, func(t *testing.T) {
			items, err := DecodeBatchJSON([]byte(test.text))
			if test.want == nil {
				var e *Error
				require.ErrorAs(t, err, &e)
				return
			}
			require.NoError(t, err)
			got := make([]bool, len(items))
			var evs []event.Event
			for i, item := range items {
				if got[i] = item.Err == nil; got[i] {
					evs = append(evs, item.Event)
				}
			}
			require.Equal(t, test.want, got)
			again, err := DecodeBatchJSON(batch(t, evs))
			require.NoError(t, err)
			require.Len(t, again, len(evs))
		})
	}
}

func TestErrorText(t *testing.T) {
	_, err := DecodeJSON([]byte(with(`"id":7,"source":"a b"`)))
	require.EqualError(t, err, `not a valid CloudEvent: id: found a number, expected a string; source: found "a b", expected a non-empty URI-reference (RFC 3986, 4.1) (CloudEvents JSON format, 2.2; CloudEvents 1.0, REQUIRED Attributes)`)
	_, err = DecodeJSON([]byte(`{`))
	require.EqualError(t, err, `not a valid CloudEvent: not strict JSON: expected a member's name at byte 1 (RFC 8259)`)
	require.Error(t, errors.Unwrap(err))
	_, err = DecodeJSON([]byte(with(`"subject":"` + strings.Repeat("é", 9000) + `\u0000"`)))
	require.Less(t, len(err.Error()), 300)
}
