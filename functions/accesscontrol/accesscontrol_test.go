package accesscontrol_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Access Control".
//
// There is no job: the answer is that of a switch in effect at once.
func TestRequest(t *testing.T) {
	cases := []struct {
		name   string
		change []any
		body   string
	}{
		{"on", []any{}, `{"open_access_control":true}`},
		{"off", []any{"data.enabled", false}, `{"open_access_control":false}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{})
			event := localtest.Edit(t, localtest.File(t, "sample.json"), c.change...)
			answer := w.Post(t, "accesscontrol", event)
			require.Equal(t, http.StatusOK, answer.Status, string(answer.Body))
			sent := w.Sent()
			require.Len(t, sent, 1)
			require.Equal(t, "POST", sent[0].Method)
			require.Equal(t, "/v3/056538411200d4cd2f79c003c7606412/instances/61a4ea66210545909d74a05c27a7179ein07/proxy/e87088f0b6a345e79db19d57c41fde15po01/access-control-switch", sent[0].Path)
			require.Equal(t, c.body, sent[0].Body)
			require.Empty(t, localtest.Completed(t, answer.Event(t)).JobID)
		})
	}
}
