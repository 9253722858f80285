package cloudapi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPutEvents(t *testing.T) {
	// Spaces and characters that encoding/json would write otherwise go as they are.
	events := []json.RawMessage{json.RawMessage(`{"id":"1", "data":"<&>"}`), json.RawMessage(`{"id":"2"}`)}
	for _, tt := range []struct {
		name, answer string
		want         []PutResult
		fails        string
	}{
		{"taken", `{"failed_count":0,"events":[{"event_id":"1"},{"event_id":"2"}]}`, []PutResult{{}, {}}, ""},
		{"taken, without a list", `{"failed_count":0}`, []PutResult{{}, {}}, ""},
		{"one not", `{"failed_count":1,"events":[{"event_id":"1"},{"error_code":"EG.1","error_msg":"busy"}]}`, []PutResult{{}, {"EG.1", "busy"}}, ""},
		{"which not, it does not say", `{"failed_count":1,"events":[{"error_code":"EG.1"}]}`, nil, "cannot be told"},
		{"fewer than it counts", `{"failed_count":2,"events":[{"event_id":"1"},{"error_code":"EG.1"}]}`, nil, "cannot be told"},
		{"more than there are", `{"failed_count":0,"events":[{},{},{}]}`, nil, "cannot be told"},
		{"no count", `{"events":[{"event_id":"1"},{"event_id":"2"}]}`, nil, "failed_count is missing"},
		{"no JSON", `OK`, nil, "answer: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{
				method: "POST", uri: "/v1/" + project + "/channels/c-1/events",
				body: `{"events":[{"id":"1", "data":"<&>"},{"id":"2"}]}`, answer: tt.answer,
			})
			got, err := c.PutEvents(t.Context(), Channel{ProjectID: project, ChannelID: "c-1"}, events)
			require.Equal(t, tt.want, got)
			if tt.fails == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.fails)
		})
	}
	_, err := steps(t).PutEvents(t.Context(), Channel{ProjectID: project}, events)
	require.ErrorContains(t, err, `channel_id: found "", expected an ID`)
}
