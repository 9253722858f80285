package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// room is the target of a switch of another kind.
type room struct {
	House string `json:"house" validate:"required"`
	Room  string `json:"room,omitempty" validate:"required"`
}

func (r room) Place() decision.Place {
	return decision.Place{Project: r.House, Instance: r.Room, Subject: r.House + "/" + r.Room}
}

func lamp() Registered { return lampOf("lamp", new(int)) }

func lampOf(name string, looks *int) Registered {
	return Switch[room, struct{}]{Name: name, Jobs: noJobs{looks}}.Register()
}

// noJobs is a list in which no job shows, and that counts who looks.
type noJobs struct{ looks *int }

func (j noJobs) List(context.Context, string, time.Time) (JobList, error) {
	*j.looks++
	return JobList{}, nil
}

func (noJobs) Show(context.Context, string, string) (Job, error) { return Job{}, nil }

// An event for a switch that there is not, as by a misspelt name, is not lost: it
// is to be handled by somebody who has it.
func TestAnEventForNobody(t *testing.T) {
	e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	require.NoError(t, e.Init())
	r := e.Handle(t.Context(), "lanp", event.New())
	require.Equal(t, Later, r.Kind)
	require.Equal(t, `there is no switch "lanp" here`, r.Error.Detail)
	require.Positive(t, r.RetryAfter)
}

func TestInit(t *testing.T) {
	require.Error(t, (&Engine{}).Init())
	e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	require.NoError(t, e.Init())
	require.Equal(t, []time.Duration{60 * time.Second, 2160 * time.Hour, 24 * time.Hour, time.Hour, 3 * time.Second},
		[]time.Duration{e.Quiet, e.Retention, e.GiveUp, e.Unresolved, e.Reserve})
	require.NotEqual(t, e.Nonce(), e.Nonce())
	require.False(t, e.Halted(t.Context()))
}

// TestWallClock: a process that was frozen and goes on must see that time has
// passed, which its monotonic clock would not show.
func TestWallClock(t *testing.T) {
	e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}, Now: time.Now}
	require.NoError(t, e.Init())
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for _, at := range []time.Time{e.Now(), e.deadline(ctx)} {
		require.NotContains(t, at.String(), "m=")
	}
	require.WithinDuration(t, time.Now().Add(time.Minute), e.deadline(ctx), time.Second)
	ctx, cancel = e.bounded(t.Context())
	defer cancel()
	require.WithinDuration(t, time.Now().Add(invocation), e.deadline(ctx), time.Second, "it has no deadline of its own")
}
