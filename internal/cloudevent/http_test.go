package cloudevent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// binary is a minimal event's header in binary mode with others in pairs.
func binary(more ...string) http.Header {
	h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}}
	for i := 0; i < len(more); i += 2 {
		h[more[i]] = append(h[more[i]], more[i+1])
	}
	return h
}

func TestModes(t *testing.T) {
	event, batch := with(``), "["+with(``)+"]"
	for contentType, test := range map[string]struct {
		mode   Mode
		body   string
		header http.Header
	}{
		"application/cloudevents+json":                       {Structured, event, nil},
		"application/cloudevents+json; charset=UTF-8":        {Structured, event, nil},
		"application/cloudevents+json;charset=\"utf-8\";x=y": {Structured, event, nil},
		"application/cloudevents+json; charset=us-ascii":     {Structured, event, nil},
		"Application/CloudEvents+JSON":                       {Structured, event, binary("ce-id", "another")},
		"application/cloudevents-batch+json":                 {Batched, batch, nil},
		"APPLICATION/CLOUDEVENTS-BATCH+JSON; Charset=Utf-8":  {Batched, batch, nil},
		"application/json":                                   {Binary, "{}", binary()},
		"text/plain":                                         {Binary, "x", binary()},
		"":                                                   {Binary, "x", binary()},
		"application/cloudevent":                             {Binary, "x", binary()},
		// Neither of CloudEvents, or not in JSON.
		"application/json ":                                {0, event, nil},
		"application/cloudevents":                          {0, event, binary()},
		"application/cloudevents+xml":                      {0, event, binary()},
		"application/cloudevents+avro":                     {0, event, nil},
		"application/cloudevents-batch":                    {0, batch, nil},
		"application/cloudevents-batch+xml":                {0, batch, nil},
		"application/cloudevents-batches+json":             {0, batch, nil},
		"application/cloudevents+jsonx":                    {0, event, nil},
		"application/cloudevents+json; charset=utf-16":     {0, event, nil},
		"application/cloudevents+json; charset=iso-8859-1": {0, event, nil},
		"application/cloudevents+json; charset":            {0, event, nil},
		"application/cloudevents+json/x":                   {0, event, nil},
	} {
		t.Run(contentType, func(t *testing.T) {
			header := test.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			if contentType != "" {
				header["content-type"] = []string{contentType}
			}
			mode, items, err := DecodeHTTP(header, []byte(test.body))
			if test.mode == 0 {
				var e *Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, Unsupported, e.Kind)
				return
			}
			require.NoError(t, err)
			require.Equal(t, test.mode, mode)
			require.Len(t, items, 1)
			require.Equal(t, "1", items[0].Event.ID(), "the body's attributes count, not the header's")
		})
	}
	_, _, err := DecodeHTTP(http.Header{"content-type": {"application/cloudevents+json"}, "Content-Type": {"text/plain"}}, []byte(event))
	require.ErrorContains(t, err, "several Content-Type")
	_, items, err := DecodeHTTP(http.Header{"content-type": {"application/cloudevents-batch+json"}}, []byte("["+event+",{}]"))
	require.NoError(t, err)
	require.NoError(t, items[0].Err)
	require.Error(t, items[1].Err)
}

func TestHeaderValues(t *testing.T) {
	for value, want := range map[string]string{
		`plain`:                           "plain",
		`Euro%20%E2%82%AC%20%F0%9F%98%80`: "Euro € 😀",
		`euro%20%e2%82%ac`:                "euro €",
		`%65asy`:                          "easy",
		`100%25`:                          "100%",
		`%2525`:                           "%25", // one round
		`a b`:                             "a b",
		`"quoted"`:                        "quoted",
		`"a \"b\" \\ c"`:                  `a "b" \ c`,
		`"a%20b"`:                         "a b", // quotes first
		`"\%41"`:                          "A",
		`say"ing "so`:                     "saying so",
		`back\slash`:                      `back\slash`,
		`(no comment)`:                    "(no comment)",
		`+`:                               "+",
		"grüße":                           "grüße",
		`%22`:                             `"`,
	} {
		t.Run(value, func(t *testing.T) {
			_, items, err := DecodeHTTP(binary("ce-subject", value), nil)
			require.NoError(t, err)
			require.Equal(t, want, items[0].Event.Subject())
			header, _, err := EncodeHTTPBinary(items[0].Event)
			require.NoError(t, err)
			for _, c := range header.Get("ce-subject") {
				require.True(t, '!' <= c && c <= '~' && c != '"', "%q", c)
			}
			_, items, err = DecodeHTTP(header, nil)
			require.NoError(t, err)
			require.Equal(t, want, items[0].Event.Subject())
		})
	}
	for value, rule := range map[string]string{
		`%C0%A0`:    RuleTypes, // an overlong space
		`%ED%A0%80`: RuleTypes, // a surrogate
		"\xe4":      RuleTypes, // Latin-1
		`%0A`:       RuleTypes,
		`%00`:       RuleTypes,
		"a\tb":      RuleTypes,
		`%EF%BF%BE`: RuleTypes,
		`%`:         RuleHTTPHeaders,
		`%2`:        RuleHTTPHeaders,
		`%zz`:       RuleHTTPHeaders,
		`"open`:     RuleHTTPHeaders,
		`"open\`:    RuleHTTPHeaders,
		`"a" "`:     RuleHTTPHeaders,
		``:          RuleOptional,
		`""`:        RuleOptional,
	} {
		t.Run("refused "+value, func(t *testing.T) {
			_, _, err := DecodeHTTP(binary("ce-subject", value), nil)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, Invalid, e.Kind)
			require.Equal(t, rule, e.Rule)
			require.Equal(t, "subject", e.Fields[0].Path)
		})
	}
}

func TestDecodeBinary(t *testing.T) {
	header := http.Header{ // as Lambda hands it over
		"ce-specversion": {"1.0"}, "ce-id": {"1234-1234-1234"}, "ce-source": {"/mycontext/subcontext"}, "ce-type": {"com.example.someevent"},
		"ce-time": {"2018-04-05T03:56:24Z"}, "ce-dataschema": {"http://x/y"}, "ce-subject": {"s"}, "ce-count": {"5"}, "CE-Flag": {"true"},
		"content-type": {"application/json; charset=utf-8"}, "host": {"x"}, "cex-id": {"9"}, "x-ce-id": {"9"},
	}
	_, items, err := DecodeHTTP(header, []byte(`{"a":1}`))
	require.NoError(t, err)
	b, err := EncodeJSON(items[0].Event)
	require.NoError(t, err)
	require.Equal(t, `{"specversion":"1.0","id":"1234-1234-1234","source":"/mycontext/subcontext","type":"com.example.someevent","subject":"s","time":"2018-04-05T03:56:24Z","datacontenttype":"application/json; charset=utf-8","dataschema":"http://x/y","count":"5","flag":"true","data":{"a":1}}`, string(b))

	for name, test := range map[string]struct {
		header http.Header
		wrong  string
		rule   string
	}{
		"no attributes but the version": {http.Header{"ce-specversion": {"1.0"}}, "id source type", RuleRequired},
		"a wrong version":               {http.Header{"ce-specversion": {"0.3"}, "ce-id": {"1"}, "ce-source": {"/"}, "ce-type": {"t"}}, "specversion", RuleRequired},
		"ce-datacontenttype":            {binary("ce-datacontenttype", "text/plain"), "datacontenttype", RuleHTTPType},
		"a header twice":                {binary("Ce-Id", "2"), "id", RuleHTTPHeaders},
		"a header in two cases":         {binary("ce-ID", "2"), "id", RuleHTTPHeaders},
		"ce-data":                       {binary("ce-data", "x"), "data", RuleNames},
		"ce-data_base64":                {binary("ce-data_base64", "x"), "data_base64", RuleNames},
		"a nameless header":             {binary("ce-", "x"), "", RuleNames},
		"a hyphen":                      {binary("ce-a-b", "x"), "a-b", RuleNames},
		"a bad content type":            {binary("content-type", "xyz"), "datacontenttype", RuleOptional},
		"all at once":                   {binary("ce-time", "now", "ce-a_b", "x", "Ce-Type", "u", "ce-dataschema", "/x", "content-type", "x"), "a_b dataschema time type datacontenttype", strings.Join([]string{RuleNames, RuleOptional, RuleHTTPHeaders}, "; ")},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := DecodeHTTP(test.header, nil)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.rule, e.Rule)
			var paths []string
			for _, f := range e.Fields {
				paths = append(paths, f.Path)
			}
			require.Equal(t, test.wrong, strings.Join(paths, " "))
		})
	}
}

// TestBinaryData: how data comes out in JSON, and back, by its content type.
func TestBinaryData(t *testing.T) {
	for name, test := range map[string]struct{ contentType, body, json string }{
		"JSON":                 {"application/json", `{ "a" : 1.0 }`, `"data":{ "a" : 1.0 }`},
		"+json":                {"application/x+json", `1`, `"data":1`},
		"broken JSON":          {"application/json", `{`, `"data_base64":"ew=="`},
		"JSON twice":           {"application/json", `{"a":1,"a":2}`, `"data_base64":"eyJhIjoxLCJhIjoyfQ=="`},
		"text":                 {"text/plain", "a\"\n\\€", `"data":"a\"\u000a\\€"`},
		"text not in UTF-8":    {"text/plain", "\xff", `"data_base64":"/w=="`},
		"nothing":              {"application/json", "", ``},
		"nothing of no type":   {"", "", ``},
		"something of no type": {"", `{"xyz":123}`, `"data_base64":"eyJ4eXoiOjEyM30="`},
	} {
		t.Run(name, func(t *testing.T) {
			header := binary()
			if test.contentType != "" {
				header.Set("Content-Type", test.contentType)
			}
			_, items, err := DecodeHTTP(header, []byte(test.body))
			require.NoError(t, err)
			ev := items[0].Event
			require.Equal(t, test.body == "", ev.DataEncoded == nil)
			b, err := EncodeJSON(ev)
			require.NoError(t, err)
			_, data, _ := strings.Cut(string(b), `"type":"t"`)
			data = strings.TrimPrefix(strings.TrimSuffix(data, "}"), ",")
			data = strings.TrimPrefix(strings.TrimPrefix(data, `"datacontenttype":"`+test.contentType+`"`), ",")
			require.Equal(t, test.json, data)
			again, err := DecodeJSON(b)
			require.NoError(t, err)
			require.Equal(t, test.body, string(again.Data()))
			h, body, err := EncodeHTTPBinary(again)
			require.NoError(t, err)
			require.Equal(t, test.contentType, h.Get("Content-Type"))
			require.Equal(t, test.body, string(body))
		})
	}
	// What lies as deep as the decoder looks, and one deeper.
	for deep, member := range map[int]string{Depth - 1: `,"data":[`, Depth: `,"data_base64":"`} {
		data := strings.Repeat("[", deep) + strings.Repeat("]", deep)
		_, items, err := DecodeHTTP(binary("content-type", "application/json"), []byte(data))
		require.NoError(t, err)
		b, err := EncodeJSON(items[0].Event)
		require.NoError(t, err)
		require.Contains(t, string(b), member)
		again, err := DecodeJSON(b)
		require.NoError(t, err)
		require.Equal(t, data, string(again.Data()))
	}
	// The type that JSON implies is said where nothing implies it.
	ev, err := DecodeJSON([]byte(with(`"data":"I'm just a string"`)))
	require.NoError(t, err)
	h, body, err := EncodeHTTPBinary(ev)
	require.NoError(t, err)
	require.Equal(t, "application/json", h.Get("Content-Type"))
	require.Equal(t, `"I'm just a string"`, string(body))
}
