package proxyalt_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling ALT for a Proxy Instance".
//
// The page's table asks for strings, as the official SDKs send them, though its
// example has booleans: the wrong form would restart the proxy for nothing.
func TestRequest(t *testing.T) {
	cases := []struct {
		name   string
		change []any
		body   string
	}{
		{"on, read replicas too", []any{}, `{"alt_enabled":"on","alt_for_readonly":"on"}`},
		{"on, without read replicas", []any{"data.options.alt_for_readonly", false}, `{"alt_enabled":"on","alt_for_readonly":"off"}`},
		{"on, as the API has it", []any{"data.options", localtest.Gone}, `{"alt_enabled":"on"}`},
		{"off", []any{"data.enabled", false, "data.options", localtest.Gone}, `{"alt_enabled":"off"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{})
			event := localtest.Edit(t, localtest.File(t, "sample.json"), c.change...)
			answer := w.Post(t, "proxyalt", event)
			require.Equal(t, http.StatusAccepted, answer.Status, string(answer.Body))
			sent := w.Sent()
			require.Len(t, sent, 1)
			require.Equal(t, "PUT", sent[0].Method)
			require.Equal(t, "/v3/056538411200d4cd2f79c003c7606412/instances/af315b8e6aaa41799bd9a31f2de15abcin07/proxy/0f46fc46396e4fb19a0cb52f578e9511po01/alt", sent[0].Path)
			require.Equal(t, c.body, sent[0].Body)
			require.NotEmpty(t, localtest.Completed(t, answer.Event(t)).JobID)
		})
	}
}
