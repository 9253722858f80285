package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// noted is a ledger that keeps arrivals as it is told to.
type noted struct {
	*ledger.Transactional
	arrive func(context.Context, ledger.Arrival) error
}

func (n noted) Arrive(ctx context.Context, a ledger.Arrival) error { return n.arrive(ctx, a) }

func asked(id, data string) event.Event {
	ev := event.New()
	ev.SetID(id)
	ev.SetSource("urn:tests")
	ev.SetType(events.TypeSwitchRequested)
	ev.DataEncoded = []byte(data)
	return ev
}

const aLamp = `{"switch":"lamp","enabled":true,"target":{"house":"h","room":"r"}}`

// What became no decision is noted once, with what there is to know; what did,
// and what is only rehearsed, is not.
func TestArrivals(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	var got []ledger.Arrival
	var steps []Step
	newEngine := func() *Engine {
		got, steps = nil, nil
		e := &Engine{
			Switches: []Registered{lamp(), lampOf("torch", new(int))}, Bus: &bus.Memory{}, Now: func() time.Time { return at },
			Ledger:  noted{ledger.NewMemory(), func(_ context.Context, a ledger.Arrival) error { got = append(got, a); return nil }},
			Observe: func(_ context.Context, s Step) { steps = append(steps, s) },
		}
		require.NoError(t, e.Init())
		return e
	}
	ctx := admission.With(t.Context(), admission.Admission{Door: admission.URL, Signer: "tickets"})

	e := newEngine()
	r := e.Handle(ctx, "torch", asked("a", aLamp))
	require.Equal(t, Ignored, r.Kind)
	require.Equal(t, []ledger.Arrival{{
		Switch: "torch", Source: "urn:tests", ID: "a", Type: events.TypeSwitchRequested, Door: "url", Signer: "tickets",
		Code: "other-switch", Detail: "it asks for the switch lamp, and this is torch", At: at, Expire: at.Add(7 * 24 * time.Hour),
	}}, got)
	require.Len(t, steps, 1)
	require.Equal(t, []any{"arrival", "other-switch", "a", nil}, []any{steps[0].Name, steps[0].Result, steps[0].Decision.Cause.ID, steps[0].Err})

	e = newEngine()
	r = e.Handle(ctx, "lamp", asked("b", `{"switch":"lamp","enabled":"`+strings.Repeat("é", 64)+`","target":{"house":"h"}}`))
	require.Equal(t, Rejected, r.Kind)
	require.Len(t, got, 1)
	require.Equal(t, "invalid-data", got[0].Code)
	require.Contains(t, got[0].Detail, "data.target.room")

	for name, change := range map[string]func(*Engine){
		"a dry run":        func(e *Engine) { e.DryRun = true },
		"without a ledger": func(e *Engine) { e.Offline = true },
	} {
		e = newEngine()
		change(e)
		e.Handle(ctx, "torch", asked("c", aLamp))
		e.Handle(ctx, "lamp", asked("c", `{}`))
		require.Empty(t, got, name)
	}
	e = newEngine()
	ev := asked("d", aLamp)
	ev.SetExtension("dryrun", true)
	e.Handle(ctx, "lamp", ev)
	e.Handle(ctx, "torch", ev)
	ev.DataEncoded = []byte(`{}`)
	e.Handle(ctx, "lamp", ev)
	require.Empty(t, got, "an event that asks for a dry run")

	e = newEngine()
	e.Arrived(ctx, "lamp", events.Cause{}, &events.Error{Code: events.InvalidEvent, Detail: strings.Repeat("é", 4000)})
	require.Len(t, got, 1)
	require.Less(t, len(got[0].Detail), 1100)
	require.True(t, strings.HasSuffix(got[0].Detail, "é…"))
}

// A decision pays nothing for the list of what is none.
func TestADecisionIsNoArrival(t *testing.T) {
	e := &Engine{
		Switches: []Registered{lamp()}, Bus: &bus.Memory{}, Halted: func(context.Context) bool { return true },
		Ledger: noted{ledger.NewMemory(), func(context.Context, ledger.Arrival) error { panic("noted") }},
	}
	require.NoError(t, e.Init())
	require.Equal(t, Later, e.Handle(t.Context(), "lamp", asked("a", aLamp)).Kind)
}

// Nothing rests on the list: what cannot be noted is answered as it would be, in
// good time, and the log says so.
func TestArrivalsFailNobody(t *testing.T) {
	away := errors.New("away")
	for name, arrive := range map[string]func(context.Context) error{
		"away": func(context.Context) error { return away },
		"slow": func(ctx context.Context) error {
			<-ctx.Done()
			return away
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var steps []Step
			e := &Engine{
				Switches: []Registered{lamp()}, Bus: &bus.Memory{},
				Ledger:  noted{ledger.NewMemory(), func(ctx context.Context, _ ledger.Arrival) error { return arrive(ctx) }},
				Observe: func(_ context.Context, s Step) { steps = append(steps, s) },
			}
			require.NoError(t, e.Init())
			began := time.Now()
			r := e.Handle(t.Context(), "lamp", asked("a", `{}`))
			require.Equal(t, Rejected, r.Kind, name)
			require.NotNil(t, r.Event)
			require.LessOrEqual(t, time.Since(began), noteWithin)
			last := steps[len(steps)-1]
			require.Equal(t, "invalid-data", last.Result)
			require.ErrorIs(t, last.Err, away)
		})
	}
}
