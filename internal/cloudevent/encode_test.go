package cloudevent

import (
	"net/url"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/stretchr/testify/require"
)

func minimal() (event.Event, *event.EventContextV1) {
	ctx := &event.EventContextV1{ID: "1", Source: *types.ParseURIRef("/s"), Type: "t"}
	return event.Event{Context: ctx}, ctx
}

// TestEncodeTypes: every type that the SDK keeps in an extension, in both of
// its forms.
func TestEncodeTypes(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 5, time.FixedZone("", 3600))
	for name, test := range map[string]struct {
		value        any
		json, header string
	}{
		"text":      {`a "b"`, `"a \"b\""`, "a%20%22b%22"},
		"boolean":   {true, "true", "true"},
		"integer":   {int32(-5), "-5", "-5"},
		"int":       {5, "5", "5"},
		"bytes":     {[]byte{0, 1}, `"AAE="`, "AAE="},
		"URI":       {types.URI{URL: url.URL{Scheme: "a", Host: "b"}}, `"a://b"`, "a://b"},
		"time":      {types.Timestamp{Time: at}, `"2026-11-22T09:00:00.000000005+01:00"`, "2026-11-22T09:00:00.000000005+01:00"},
		"reference": {types.URIRef{URL: url.URL{Path: "/a"}}, `"/a"`, "/a"},
	} {
		t.Run(name, func(t *testing.T) {
			ev, ctx := minimal()
			ctx.Extensions = map[string]any{"ext": test.value}
			b, err := EncodeJSON(ev)
			require.NoError(t, err)
			require.Equal(t, `{"specversion":"1.0","id":"1","source":"/s","type":"t","ext":`+test.json+`}`, string(b))
			h, _, err := EncodeHTTPBinary(ev)
			require.NoError(t, err)
			require.Equal(t, test.header, h.Get("ce-ext"))
		})
	}
}

// TestEncodeRefuses what the decoder would not take.
func TestEncodeRefuses(t *testing.T) {
	empty, relative := "", types.URI{URL: url.URL{Path: "/x"}}
	for path, change := range map[string]func(*event.EventContextV1){
		"id":      func(c *event.EventContextV1) { c.ID = "" },
		"source":  func(c *event.EventContextV1) { c.Source = types.URIRef{} },
		"type":    func(c *event.EventContextV1) { c.Type = "a\nb" },
		"subject": func(c *event.EventContextV1) { c.Subject = &empty },
		"time": func(c *event.EventContextV1) {
			c.Time = &types.Timestamp{Time: time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)}
		},
		"datacontenttype": func(c *event.EventContextV1) { c.DataContentType = &empty },
		"dataschema":      func(c *event.EventContextV1) { c.DataSchema = &relative },
		"Upper":           func(c *event.EventContextV1) { c.Extensions = map[string]any{"Upper": "x"} },
		"data":            func(c *event.EventContextV1) { c.Extensions = map[string]any{"data": "x"} },
		"specversion":     func(c *event.EventContextV1) { c.Extensions = map[string]any{"specversion": "1.0"} },
		"float":           func(c *event.EventContextV1) { c.Extensions = map[string]any{"float": 1.5} },
		"large":           func(c *event.EventContextV1) { c.Extensions = map[string]any{"large": int64(1) << 40} },
		"list":            func(c *event.EventContextV1) { c.Extensions = map[string]any{"list": []string{"x"}} },
		"nil":             func(c *event.EventContextV1) { c.Extensions = map[string]any{"nil": nil} },
		"latin":           func(c *event.EventContextV1) { c.Extensions = map[string]any{"latin": "\xe4"} },
	} {
		t.Run(path, func(t *testing.T) {
			ev, ctx := minimal()
			change(ctx)
			_, err := EncodeJSON(ev)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Len(t, e.Fields, 1)
			require.Equal(t, path, e.Fields[0].Path)
			_, _, err = EncodeHTTPBinary(ev)
			require.ErrorAs(t, err, &e)
		})
	}
	for _, ev := range []event.Event{{}, event.New("0.3"), {Context: (*event.EventContextV1)(nil)}} {
		_, err := EncodeJSON(ev)
		require.Error(t, err)
	}
}
