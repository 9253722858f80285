package decision

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
)

// FuzzDecode: no data panics; what is refused names its fields; and what is
// taken says the same again when the decision is written as an event.
func FuzzDecode(f *testing.F) {
	d := decoder(f)
	types := events.Types()[:3]
	files, err := filepath.Glob("../../../events/samples/*.json")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		var sample struct {
			Type string
			Data json.RawMessage
		}
		require.NoError(f, json.Unmarshal(text, &sample))
		for i, eventType := range types {
			if sample.Type == eventType {
				f.Add(uint8(i), []byte(sample.Data))
			}
		}
	}
	f.Fuzz(func(t *testing.T, eventType uint8, data []byte) {
		ev := eventOf(t, types[int(eventType)%len(types)], string(data))
		for _, s := range specs() {
			dec, meant, problem := d.Decode(s.Switch, ev)
			switch {
			case !meant:
				require.True(t, dec == nil && problem == nil)
			case problem != nil:
				require.Nil(t, dec)
				require.NotEmpty(t, problem.Fields)
			default:
				again, meant, problem := d.Decode(s.Switch, rewritten(t, dec))
				require.True(t, meant)
				require.Nil(t, problem)
				if dec.Chain != nil && !dec.IsStep() {
					again.Chain.Digest = dec.Chain.Digest
				}
				require.Equal(t, dec.Content(), again.Content())
				again.Digest, again.Further = dec.Digest, dec.Further // of the bytes, not of what they mean
				if dec.Chain != nil {                                 // its content is the same
					again.Chain = dec.Chain
				}
				require.Equal(t, dec, again)
			}
		}
	})
}

// rewritten is an event that asks for what d is.
func rewritten(t testing.TB, d *Decision) event.Event {
	var data any
	if d.Tag != "" {
		data = events.TagChangedOf[json.RawMessage]{Target: &d.Target, Changes: []events.TagChange{{Key: events.TagPrefix + d.Switch, Old: d.TagOld, New: &d.Tag}}}
	} else {
		asks := events.SwitchRequestedOf[json.RawMessage]{Switch: d.Switch, Enabled: &d.Enabled, Target: &d.Target, Options: d.Options, Ticket: d.Ticket}
		switch {
		case d.IsStep():
			asks.Chain = d.Chain
		case d.Chain != nil:
			asks.OnFailure = d.Chain.OnFailure
			for _, s := range d.Chain.Steps[1:] {
				asks.Then = append(asks.Then, events.StepOf[json.RawMessage]{Switch: s.Switch, Enabled: &s.Enabled, Target: &s.Target, Options: s.Options})
			}
		}
		data = asks
	}
	text, err := json.Marshal(data)
	require.NoError(t, err)
	return eventOf(t, d.Cause.Type, string(text))
}
