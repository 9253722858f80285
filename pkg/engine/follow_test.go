package engine

import (
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A completion event may say a time that cannot even be written down: its job
// is followed from now on.
func TestAFollowedJobsTimeIsOneThatAClockTold(t *testing.T) {
	e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	require.NoError(t, e.Init())
	kept := 0
	f := &Follower{Engine: e, Kept: func(*Followed) { kept++ }}
	at, err := time.Parse(time.RFC3339, "0000-01-01T00:00:00+23:59")
	require.NoError(t, err)
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("urn:interlock:lamp")
	ev.SetType(events.TypeSwitchCompleted)
	ev.SetTime(at)
	data := events.CompletedOf[room]{Switch: "lamp", Result: events.Accepted, JobID: "job", Target: room{"home", "hall"}}
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	r := f.Handle(t.Context(), ev)
	require.Equal(t, events.NotYet, r.Error.Code, r.Error.Detail)
	require.Equal(t, 1, kept)

	data.JobID = "../job"
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	r = f.Handle(t.Context(), ev)
	require.Equal(t, Rejected, r.Kind)
	require.Equal(t, "data.job_id", r.Error.Fields[0].Path)
	require.True(t, r.Event.Time().IsZero())
}
