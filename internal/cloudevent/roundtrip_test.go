package cloudevent

import (
	"bytes"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
)

// spec holds the examples of the JSON event format, sections 3.2 and 4.3, and
// of Interlock's own contract.
var examples = []string{
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","id":"A234-1234-1234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"datacontenttype":"application/vnd.apache.thrift.binary","data_base64":"AAEC/w=="}`,
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","id":"B234-1234-1234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"unsetextension":null,"datacontenttype":"application/xml","data":"<much wow=\"xml\"/>"}`,
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","subject":null,"id":"C234-1234-1234","time":"2018-04-05T17:31:00Z","comexampleextension1":"value","comexampleothervalue":5,"datacontenttype":"application/json","data":{"appinfoA":"abc","appinfoB":123,"appinfoC":true}}`,
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","subject":null,"id":"C234-1234-1234","datacontenttype":"application/json","data":1.5}`,
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","subject":null,"id":"D234-1234-1234","data":"I'm just a string"}`,
	`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","id":"D234-1234-1234","data_base64":"eyAieHl6IjogMTIzIH0="}`,
}

// sameEvent requires that two events have the same attributes and data.
func sameEvent(t *testing.T, want, got event.Event) {
	t.Helper()
	w, err := listed(&want)
	require.NoError(t, err)
	g, err := listed(&got)
	require.NoError(t, err)
	require.Equal(t, w, g)
	require.Equal(t, want.DataEncoded != nil, got.DataEncoded != nil)
	a, b := want.DataEncoded, got.DataEncoded
	if isJSON(want.Context.(*event.EventContextV1).DataContentType) {
		a, b = bytes.Trim(a, " \t\r\n"), bytes.Trim(b, " \t\r\n")
	}
	require.Equal(t, string(a), string(b))
}

func TestRoundTrip(t *testing.T) {
	for _, text := range examples {
		ev, err := DecodeJSON([]byte(text))
		require.NoError(t, err, text)
		require.NoError(t, ev.Validate(), "the SDK agrees")
		b, err := EncodeJSON(ev)
		require.NoError(t, err)
		again, err := DecodeJSON(b)
		require.NoError(t, err, string(b))
		sameEvent(t, ev, again)
		header, body, err := EncodeHTTPBinary(ev)
		require.NoError(t, err)
		mode, items, err := DecodeHTTP(header, body)
		require.NoError(t, err)
		require.Equal(t, Binary, mode)
		require.Equal(t, ev.ID(), items[0].Event.ID())
		require.Equal(t, string(ev.Data()), string(items[0].Event.Data()))
	}
}
