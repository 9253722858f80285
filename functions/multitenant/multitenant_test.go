package multitenant_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Multi-tenancy".
//
// The switch is the instance's: a proxy_id has no place in it.
func TestRequest(t *testing.T) {
	cases := []struct {
		name   string
		change []any
		body   string
	}{
		{"on", []any{}, `{"multi_tenant_switch":true}`},
		{"off", []any{"data.enabled", false}, `{"multi_tenant_switch":false}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{})
			event := localtest.Edit(t, localtest.File(t, "sample.json"), c.change...)
			answer := w.Post(t, "multitenant", event)
			require.Equal(t, http.StatusAccepted, answer.Status, string(answer.Body))
			sent := w.Sent()
			require.Len(t, sent, 1)
			require.Equal(t, "PUT", sent[0].Method)
			require.Equal(t, "/v3/056538411200d4cd2f79c003c7606412/instances/cb2f0d6a5e4b4a0f8f3d0c1b2a394857in07/multi-tenant", sent[0].Path)
			require.Equal(t, c.body, sent[0].Body)
			require.NotEmpty(t, localtest.Completed(t, answer.Event(t)).JobID)
		})
	}
}
