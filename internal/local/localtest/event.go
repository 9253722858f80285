package localtest

import (
	"encoding/json"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// Sample is a valid event of events/samples, as proxy-ssl's ticket.approved.
func Sample(t testing.TB, kind, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(events.Samples, "samples/"+kind+"."+name+".json")
	require.NoError(t, err)
	return text
}

// File is the text of a file.
func File(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return text
}

// gone is the type of [Gone].
type gone struct{}

// Gone is the value by which [Edit] takes a member out.
var Gone any = gone{}

// Edit sets members of a JSON text, given as path and value by turns. A path
// is dotted, with numbers for places in arrays: data.changes.0.new.
func Edit(t testing.TB, text []byte, changes ...any) []byte {
	t.Helper()
	var root any
	require.NoError(t, json.Unmarshal(text, &root))
	for i := 0; i < len(changes); i += 2 {
		set(t, root, strings.Split(changes[i].(string), "."), changes[i+1])
	}
	edited, err := json.Marshal(root)
	require.NoError(t, err)
	return edited
}

func set(t testing.TB, in any, path []string, value any) {
	t.Helper()
	switch in := in.(type) {
	case map[string]any:
		switch {
		case len(path) > 1:
			set(t, in[path[0]], path[1:], value)
		case value == Gone:
			delete(in, path[0])
		default:
			in[path[0]] = value
		}
	case []any:
		i, err := strconv.Atoi(path[0])
		require.NoError(t, err)
		if len(path) > 1 {
			set(t, in[i], path[1:], value)
		} else {
			in[i] = value
		}
	default:
		require.Fail(t, "nothing to set", "%v in %T", path, in)
	}
}

// Event is the event in an answer.
func (a Answer) Event(t testing.TB) event.Event {
	t.Helper()
	require.Equal(t, event.ApplicationCloudEventsJSON+"; charset=utf-8", a.Header.Get("Content-Type"), string(a.Body))
	var ev event.Event
	require.NoError(t, json.Unmarshal(a.Body, &ev))
	require.NoError(t, ev.Validate())
	require.False(t, ev.DataBase64, "nobody can read Base64, and no rule looks into it")
	return ev
}

// Problem is a problem detail (RFC 9457).
type Problem struct {
	Type, Title, Detail string
	Status              int
	Code                events.Code
	Fields              []events.Field
	Cloud               *events.Cloud
	EventID             string `json:"event_id"`
}

// Problem is the problem in an answer.
func (a Answer) Problem(t testing.TB) Problem {
	t.Helper()
	require.Equal(t, "application/problem+json", a.Header.Get("Content-Type"), string(a.Body))
	var p Problem
	require.NoError(t, json.Unmarshal(a.Body, &p))
	require.Equal(t, a.Status, p.Status)
	return p
}

// Completed is the data of a completed event.
func Completed(t testing.TB, ev event.Event) (data events.Completed) {
	t.Helper()
	require.Equal(t, events.TypeSwitchCompleted, ev.Type(), string(ev.Data()))
	require.NoError(t, json.Unmarshal(ev.Data(), &data))
	return data
}

// Rejected is the data of a rejected event.
func Rejected(t testing.TB, ev event.Event) (data events.Rejected) {
	t.Helper()
	require.Equal(t, events.TypeSwitchRejected, ev.Type(), string(ev.Data()))
	require.NoError(t, json.Unmarshal(ev.Data(), &data))
	return data
}
