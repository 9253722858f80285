package engine

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// A completion event may say a time that no clock has told: its job is followed
// from now on.
func TestAFollowedJobsTimeIsOneThatAClockTold(t *testing.T) {
	e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	require.NoError(t, e.Init())
	kept := 0
	f := &Follower{Engine: e, Kept: func(*Followed) { kept++ }}
	at, err := time.Parse(time.RFC3339, "0001-01-01T00:00:01Z")
	require.NoError(t, err)
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("urn:interlock:lamp")
	ev.SetType(events.TypeSwitchCompleted)
	ev.SetTime(at)
	data := events.CompletedOf[room]{Switch: "lamp", Result: events.Accepted, JobID: "job", Target: room{"home", "hall"}, Cause: events.Cause{Source: "urn:tickets", ID: "CHG1"}}
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	settled(t, e, data, ev)
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

// settled has the ledger hold the decision that a completion event is of.
func settled(t *testing.T, e *Engine, data events.CompletedOf[room], ev event.Event) {
	t.Helper()
	key := ledger.Key{Switch: data.Switch, Source: data.Cause.Source, ID: data.Cause.ID}
	c := ledger.Claim{Key: key, Content: "c", Project: data.Target.House, Instance: data.Target.Room, Slot: key.ID, Nonce: key.ID, Now: e.Now(), Lease: e.Now().Add(time.Minute), Order: e.Now()}
	_, err := e.Ledger.Claim(t.Context(), c)
	require.NoError(t, err)
	text, err := ev.MarshalJSON()
	require.NoError(t, err)
	require.NoError(t, e.Ledger.Settle(t.Context(), key, c.Nonce, ledger.Outcome{
		Result: string(events.Accepted), At: e.Now(), JobID: data.JobID, Events: []json.RawMessage{text}, Effective: true,
	}))
}

// away is a ledger that cannot be reached.
type away struct{ ledger.Ledger }

func (away) Get(context.Context, ledger.Key) (ledger.Record, error) {
	return ledger.Record{}, errors.New("no route")
}

// A job is followed for the decision that owns it: nothing that only looks like
// its completion event ends it, or reaches the bus, or asks the cloud.
func TestOnlyTheOwnersJobIsFollowed(t *testing.T) {
	looks := 0
	b := &bus.Memory{}
	published := 0
	b.Subscribe(func(event.Event) { published++ })
	var steps []Step
	e := &Engine{
		Switches: []Registered{lampOf("lamp", &looks), lampOf("fan", &looks)},
		Ledger:   ledger.NewMemory(), Bus: b, Observe: func(_ context.Context, s Step) { steps = append(steps, s) },
	}
	require.NoError(t, e.Init())
	completed := func(id, job, cause string) (events.CompletedOf[room], event.Event) {
		data := events.CompletedOf[room]{Switch: "lamp", Enabled: true, Result: events.Accepted, JobID: job, Target: room{"home", "hall"},
			Cause: events.Cause{Source: "urn:tickets", ID: cause, Ticket: cause}}
		ev := event.New()
		ev.SetID(id)
		ev.SetSource("urn:interlock:lamp")
		ev.SetType(events.TypeSwitchCompleted)
		ev.SetTime(e.Now())
		require.NoError(t, ev.SetData(event.ApplicationJSON, data))
		return data, ev
	}
	for _, n := range []string{"1", "2"} {
		data, ev := completed("done-"+n, "job-"+n, "CHG"+n)
		settled(t, e, data, ev)
	}
	for name, forge := range map[string]func(*events.CompletedOf[room], *event.Event){
		"a job of nobody":          func(c *events.CompletedOf[room], _ *event.Event) { c.JobID = "job-3" },
		"another's job":            func(c *events.CompletedOf[room], _ *event.Event) { c.JobID = "job-2" },
		"another's decision":       func(c *events.CompletedOf[room], _ *event.Event) { c.Cause.ID = "CHG2" },
		"a decision of nobody":     func(c *events.CompletedOf[room], _ *event.Event) { c.Cause.ID = "CHG3" },
		"of another source":        func(c *events.CompletedOf[room], _ *event.Event) { c.Cause.Source = "urn:others" },
		"another switch":           func(c *events.CompletedOf[room], _ *event.Event) { c.Switch = "fan" },
		"no cause":                 func(c *events.CompletedOf[room], _ *event.Event) { c.Cause = events.Cause{} },
		"an event of another id":   func(_ *events.CompletedOf[room], ev *event.Event) { ev.SetID("done-1-again") },
		"an event of nobody":       func(_ *events.CompletedOf[room], ev *event.Event) { ev.SetSource("urn:interlock:fan") },
		"another decision's event": func(_ *events.CompletedOf[room], ev *event.Event) { ev.SetID("done-2") },
	} {
		t.Run(name, func(t *testing.T) {
			data, ev := completed("done-1", "job-1", "CHG1")
			forge(&data, &ev)
			require.NoError(t, ev.SetData(event.ApplicationJSON, data))
			steps = nil
			r := (&Follower{Engine: e}).Handle(t.Context(), ev)
			require.Equal(t, Rejected, r.Kind)
			require.Equal(t, events.NotApproved, r.Error.Code)
			require.NotNil(t, r.Event, "its sender is told")
			require.Equal(t, string(events.NotApproved), steps[0].Result, "it is seen")
			require.Zero(t, published)
			require.Zero(t, looks)
		})
	}

	// What is told of it beside is the ledger's word, not the message's.
	data, ev := completed("done-1", "job-1", "CHG1")
	data.Enabled, data.Target.Room = false, "cellar"
	ev.SetExtension("correlationid", "another's")
	require.NoError(t, ev.SetData(event.ApplicationJSON, data))
	r := (&Follower{Engine: e}).Handle(t.Context(), ev)
	require.Equal(t, Later, r.Kind)
	require.Equal(t, events.NotYet, r.Error.Code)
	require.True(t, r.Decision.Enabled)
	require.Equal(t, "hall", r.Decision.Place.Instance)
	require.NotEqual(t, "another's", r.Decision.CorrelationID)

	e.Ledger = away{e.Ledger}
	r = (&Follower{Engine: e}).Handle(t.Context(), ev)
	require.Equal(t, Later, r.Kind, "not yes, and not no")
	require.Equal(t, events.Unavailable, r.Error.Code)
}
