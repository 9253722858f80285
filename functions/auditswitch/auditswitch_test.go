package auditswitch_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// API page: "Enabling or Disabling Database".
//
// The page writes ON and OFF in capitals, and there is no job.
func TestRequest(t *testing.T) {
	cases := []struct {
		name   string
		change []any
		body   string
	}{
		{"on", []any{}, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":0}`},
		{"on, LTS audit off", []any{"data.options.lts_audit_switch", 1}, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON","lts_audit_switch":1}`},
		{"on, LTS audit as it is", []any{"data.options", localtest.Gone}, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"ON"}`},
		{"off", []any{"data.enabled", false, "data.options", localtest.Gone}, `{"id":"Gadr-Y4B51p4J06s5s5B","status":"OFF"}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{})
			event := localtest.Edit(t, localtest.File(t, "sample.json"), c.change...)
			answer := w.Post(t, "auditswitch", event)
			require.Equal(t, http.StatusOK, answer.Status, string(answer.Body))
			sent := w.Sent()
			require.Len(t, sent, 1)
			require.Equal(t, "POST", sent[0].Method)
			require.Equal(t, "/v3/056538411200d4cd2f79c003c7606412/audit/76fabce1b0c84a0d9b0e6d3f2c1a5b4e/databases/switch", sent[0].Path)
			require.Equal(t, c.body, sent[0].Body)
			require.Empty(t, localtest.Completed(t, answer.Event(t)).JobID)
		})
	}
}
