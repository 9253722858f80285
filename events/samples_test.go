package events_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// specs are those of the switches.
func specs() (all []decision.Spec) {
	for _, s := range functions.All() {
		all = append(all, s.Spec)
	}
	return all
}

func decoder(t testing.TB) *decision.Decoder {
	d, err := decision.New(specs(), "eu-west-101")
	require.NoError(t, err)
	return d
}

// structured reads a structured CloudEvent.
func structured(t testing.TB, text []byte) event.Event {
	var compact bytes.Buffer // sdk-go wants no space before data_base64
	require.NoError(t, json.Compact(&compact, text))
	var ev event.Event
	require.NoError(t, json.Unmarshal(compact.Bytes(), &ev))
	require.NoError(t, ev.Validate())
	return ev
}

func samples(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	names, err := fs.Glob(events.Samples, "samples/*.json")
	require.NoError(t, err)
	for _, name := range names {
		text, err := fs.ReadFile(events.Samples, name)
		require.NoError(t, err)
		all[path.Base(name)] = text
	}
	return all
}

func TestValidSamples(t *testing.T) {
	d, schemas := decoder(t), compiled(t)
	asked := map[string]map[string]int{}
	for name, text := range samples(t) {
		ev := structured(t, text)
		require.Contains(t, schemas, ev.Type(), name)
		require.NoError(t, conforms(t, schemas[ev.Type()], ev.Data()), name)
		if asked[ev.Type()] == nil {
			asked[ev.Type()] = map[string]int{}
		}
		for _, s := range specs() {
			dec, meant, problem := d.Decode(s.Switch, ev)
			require.Nil(t, problem, name)
			if meant {
				asked[ev.Type()][s.Switch]++
				require.True(t, dec.Approved(), name)
				if k := dec.Ticket; k != nil && k.Digest != "" {
					require.Equal(t, k.Digest, dec.Digest, name)
				}
			}
		}
		if ev.DataSchema() != "" {
			require.Equal(t, events.DataSchema(ev.Type()), ev.DataSchema(), name)
		}
	}
	for _, eventType := range events.Types() {
		require.Contains(t, asked, eventType, "a type without a sample")
	}
	for _, eventType := range events.Types()[:3] {
		for _, s := range specs() {
			require.Positive(t, asked[eventType][s.Switch], "%s has no sample of %s", s.Switch, eventType)
		}
	}
}

func TestInvalidSamples(t *testing.T) {
	d, schemas := decoder(t), compiled(t)
	for _, sample := range localtest.InvalidSamples(t) {
		name := sample.Name
		ev := structured(t, sample.Event)
		dec, meant, problem := d.Decode(sample.For, ev)
		require.True(t, meant, name)
		switch sample.Expect.Code {
		case events.InvalidData:
			require.NotNil(t, problem, name)
			require.Equal(t, sample.Expect.Code, problem.Code(), name)
			var paths []string
			for _, f := range problem.Fields {
				paths = append(paths, f.Path)
				require.NotEmpty(t, f.Found, name)
				require.NotEmpty(t, f.Expected, name)
			}
			require.ElementsMatch(t, sample.Expect.Fields, paths, name)
		case events.NotApproved:
			require.Nil(t, problem, name)
			require.False(t, dec.Approved(), name)
		case events.WindowOver:
			require.Nil(t, problem, name)
			require.Less(t, dec.Ticket.Window.End.Year(), 2026, name)
		case events.Future:
			require.Nil(t, problem, name)
			at, ok := dec.DecidedAt()
			require.True(t, ok && at.After(time.Date(2900, 1, 1, 0, 0, 0, 0, time.UTC)), name)
		default:
			require.Fail(t, "unexpected code", name)
		}
		if !sample.BeyondSchema {
			require.Error(t, conforms(t, schemas[ev.Type()], ev.Data()), name)
		} else if json.Valid(ev.Data()) {
			require.NoError(t, conforms(t, schemas[ev.Type()], ev.Data()), name)
		}
	}
}
