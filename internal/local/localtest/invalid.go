package localtest

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// Invalid is a file of events/samples/invalid: an event, and the error that it
// must give.
type Invalid struct {
	Name string `json:"-"` // the file's, without its ending
	Why  string
	For  string // the switch that is asked
	// Event is what the file holds, or its Sample (ticket.approved.proxy-ssl)
	// with its Change, a merge patch (RFC 7396).
	Event  json.RawMessage
	Sample string
	Change json.RawMessage
	Expect struct {
		Code   events.Code
		Fields []string
	}
	BeyondSchema bool `json:"beyond_schema"` // no schema of data can tell
}

// InvalidSamples are all of them.
func InvalidSamples(t testing.TB) (all []Invalid) {
	t.Helper()
	names, err := fs.Glob(events.Samples, "samples/invalid/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(names), 90)
	for _, name := range names {
		text, err := fs.ReadFile(events.Samples, name)
		require.NoError(t, err)
		sample := Invalid{Name: strings.TrimSuffix(path.Base(name), ".json")}
		read := json.NewDecoder(bytes.NewReader(text))
		read.DisallowUnknownFields()
		require.NoError(t, read.Decode(&sample), name)
		require.NotEmpty(t, sample.Why, name)
		require.NotEqual(t, sample.Event == nil, sample.Change == nil, name)
		if sample.Event == nil {
			valid, err := fs.ReadFile(events.Samples, "samples/"+sample.Sample+".json")
			require.NoError(t, err, name)
			var event, change any
			require.NoError(t, json.Unmarshal(valid, &event), name)
			require.NoError(t, json.Unmarshal(sample.Change, &change), name)
			sample.Event, err = json.Marshal(merge(event, change))
			require.NoError(t, err, name)
		}
		all = append(all, sample)
	}
	return all
}

// merge is MergePatch of RFC 7396, section 2.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	merged, ok := target.(map[string]any)
	if !ok {
		merged = map[string]any{}
	}
	for name, value := range changes {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = merge(merged[name], value)
		}
	}
	return merged
}
