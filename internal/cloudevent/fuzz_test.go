package cloudevent

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"
)

// givenBack requires that both encoders give an accepted event back whole.
func givenBack(t *testing.T, ev event.Event) {
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
	require.Equal(t, string(ev.DataEncoded), string(items[0].Event.DataEncoded))
	want, err := listed(&ev)
	require.NoError(t, err)
	got, err := listed(&items[0].Event)
	require.NoError(t, err)
	require.Equal(t, plain(want), plain(got))
}

// plain forgets what headers do not tell: types, and whether JSON was implied.
func plain(list []attribute) []attribute {
	var out []attribute
	for _, a := range list {
		if a.name != dataContentType {
			out = append(out, attribute{name: a.name, text: a.text})
		}
	}
	return out
}

// FuzzURIReference: what comes of any text is a URI-reference, once and for all,
// and one is left as it is.
func FuzzURIReference(f *testing.F) {
	for _, s := range []string{"my app", "a%", "a%4", "1:2", "a#b#c", "//[::1", "//a@b@c:d", "%zz", "\xff", "?x[]=1", "http://h/p?q#f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := URIReference(s)
		_, is := parseURI(got)
		require.True(t, is, "%q became %q", s, got)
		require.Equal(t, got, URIReference(got))
		if _, was := parseURI(s); was {
			require.Equal(t, s, got)
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	for _, text := range examples {
		f.Add([]byte(text))
	}
	for _, test := range jsonCases {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if ev, err := DecodeJSON(text); err == nil {
			givenBack(t, ev)
		} else {
			require.NotEmpty(t, err.Error())
		}
	})
}

func FuzzDecodeBatchJSON(f *testing.F) {
	f.Add([]byte("[]"))
	f.Add([]byte("[" + strings.Join(examples, ",") + "]"))
	f.Add([]byte("[{}," + examples[0] + ",null]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		items, err := DecodeBatchJSON(text)
		if err != nil {
			return
		}
		var evs []event.Event
		for _, item := range items {
			if item.Err == nil {
				evs = append(evs, item.Event)
			}
		}
		again, err := DecodeBatchJSON(batch(t, evs))
		require.NoError(t, err)
		require.Len(t, again, len(evs))
		for i := range again {
			require.NoError(t, again[i].Err)
			sameEvent(t, evs[i], again[i].Event)
		}
	})
}

// batch is events in the JSON batch format.
func batch(t testing.TB, evs []event.Event) []byte {
	all := make([]json.RawMessage, len(evs))
	for i := range evs {
		var err error
		all[i], err = EncodeJSON(evs[i])
		require.NoError(t, err)
	}
	b, err := json.Marshal(all)
	require.NoError(t, err)
	return b
}

func FuzzDecodeHTTP(f *testing.F) {
	f.Add("application/json", "1", "/s", "t", "subject", "Euro%20%E2%82%AC", []byte(`{"a":1}`))
	f.Add("text/plain; x=y", "1", "urn:x", "t", "time", "2026-11-22T09:00:00Z", []byte("\xff"))
	f.Add("", "%22", `"/s"`, `"\""`, "ext", "%C0%A0", []byte(nil))
	f.Add("application/cloudevents+json", "1", "/s", "t", "a", "b", []byte(examples[0]))
	f.Add("application/cloudevents-batch+json; charset=utf-8", "1", "/s", "t", "a", "b", []byte("["+examples[2]+"]"))
	f.Fuzz(func(t *testing.T, contentType, id, source, typ, name, value string, body []byte) {
		header := http.Header{"ce-specversion": {"1.0"}, "ce-id": {id}, "ce-source": {source}, "ce-type": {typ}, "content-type": {contentType}}
		header["ce-"+name] = append(header["ce-"+name], value)
		_, items, err := DecodeHTTP(header, body)
		if err != nil {
			return
		}
		for _, item := range items {
			if item.Err == nil {
				givenBack(t, item.Event)
			}
		}
	})
}
