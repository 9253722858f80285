package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// room is where a lamp is.
type room struct {
	House string `json:"house" validate:"required"`
	Room  string `json:"room" validate:"required"`
}

func (r room) Place() decision.Place {
	return decision.Place{Project: r.House, Instance: r.Room, Subject: r.House + "/" + r.Room}
}

// lamp is a fake API with a lamp that is off.
type lamp struct {
	now           func() time.Time
	on            bool
	calls, moves  int
	jobs          []engine.Job
	lies, forgets bool
}

func (l *lamp) set(on bool) {
	l.calls++
	if l.on != on {
		l.on = on
		l.moves++
	}
}

func (l *lamp) flip(_ context.Context, _ room, on bool, _ struct{}) (string, error) {
	l.set(on)
	return "", nil
}

func (l *lamp) create(_ context.Context, r room, on bool, _ struct{}) (string, error) {
	l.set(on)
	j := engine.Job{ID: fmt.Sprint("job-", l.calls), Name: "set lamp", Instance: r.Room, State: engine.JobSucceeded, Created: l.now().Truncate(time.Second)}
	l.jobs = append(l.jobs, j)
	return j.ID, nil
}

func (l *lamp) read(context.Context, room) (bool, error) { return l.on != l.lies, nil }

func (l *lamp) List(context.Context, string, time.Time) (engine.JobList, error) {
	if l.forgets {
		return engine.JobList{}, nil
	}
	return engine.JobList{Jobs: l.jobs, Date: l.now().Truncate(time.Second)}, nil
}

func (l *lamp) Show(context.Context, string, string) (engine.Job, error) { return engine.Job{}, nil }

func turnOn(at time.Time) event.Event {
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("https://tickets.example.com")
	ev.SetType(events.TypeSwitchRequested)
	ev.SetTime(at)
	_ = ev.SetData(event.ApplicationJSON, events.SwitchRequestedOf[room]{Switch: "lamp", Enabled: new(true), Target: &room{"home", "hall"}})
	return ev
}

// world is a lamp behind a switch that is made of what it can do.
func world(make func(l *lamp, s *engine.Switch[room, struct{}])) func(*Host) World {
	return func(h *Host) World {
		l := &lamp{now: h.Now}
		s := engine.Switch[room, struct{}]{Name: "lamp", Flip: l.flip}
		make(l, &s)
		w := World{Event: turnOn(h.Now()), Effects: func() int { return l.moves }}
		if s.Jobs != nil {
			w.Effects = func() int { return len(l.jobs) }
		}
		w.Switch = s.Register()
		return w
	}
}

// Switches differ in how a doubt is resolved: by jobs and state, by jobs alone,
// by state alone, or not at all, by doing it again.
func kinds() map[string]func(*Host) World {
	type sw = engine.Switch[room, struct{}]
	return map[string]func(*Host) World{
		"sets":                 world(func(*lamp, *sw) {}),
		"sets and reads":       world(func(l *lamp, s *sw) { s.Read = l.read }),
		"creates jobs":         world(func(l *lamp, s *sw) { s.Flip, s.Jobs = l.create, l }),
		"creates, lists, read": world(func(l *lamp, s *sw) { s.Flip, s.Jobs, s.Read = l.create, l, l.read }),
		"sets by HTTP":         byHTTP(outcomeOf),
	}
}

func TestRun(t *testing.T) {
	for name, fresh := range kinds() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			Run(t, 2, fresh)
		})
	}
}

// Every call of a switch is one that can go wrong.
func TestGates(t *testing.T) {
	c := &crashes{TB: t, fresh: kinds()["creates, lists, read"], runs: make([]int, 2)}
	passed, found := c.run([]crash{{1, diesBefore}})
	require.Empty(t, found)
	var what []string
	for _, g := range passed {
		what = append(what, g.what)
	}
	require.Equal(t, []string{
		"ledger.Claim", "the switch's flip", // and death
		"ledger.Claim", // held
		"ledger.Claim", "ledger.Instance", "the switch's list", "ledger.Owners", "the switch's read", "the switch's flip",
		"ledger.Settle", "bus.Publish", "ledger.Mark",
	}, what)
}

// refused is the failure of a request that was not sent.
type refused struct{ error }

func (refused) Effect() engine.Effect     { return engine.None }
func (refused) Reason() engine.Reason     { return engine.Unreachable }
func (refused) RetryAfter() time.Duration { return 0 }
func (refused) Cloud() *events.Cloud      { return nil }

func outcomeOf(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return refused{err}
	}
	return err
}

// byHTTP is a world whose switch creates jobs by HTTP requests, and says of
// errors what it takes them for.
func byHTTP(meaning func(error) error) func(*Host) World {
	return func(h *Host) World {
		l := &lamp{now: h.Now}
		client := &http.Client{Transport: h.Transport(inside{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var on bool
			if json.NewDecoder(r.Body).Decode(&on) == nil {
				id, _ := l.create(r.Context(), room{Room: "hall"}, on, struct{}{})
				fmt.Fprint(w, id)
			}
		})})}
		s := engine.Switch[room, struct{}]{Name: "lamp", Jobs: l, Flip: func(ctx context.Context, _ room, on bool, _ struct{}) (string, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://lamps/hall", strings.NewReader(fmt.Sprint(on)))
			if err != nil {
				return "", err
			}
			res, err := client.Do(req)
			if err != nil {
				return "", meaning(err)
			}
			defer res.Body.Close()
			id, err := io.ReadAll(res.Body)
			return string(id), err
		}}
		return World{Switch: s.Register(), Event: turnOn(h.Now()), Effects: func() int { return len(l.jobs) }}
	}
}

// inside has requests answered without a network.
type inside struct{ http.Handler }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, r)
	return w.Result(), nil
}

// The suite notices what breaks a promise.
func TestFinds(t *testing.T) {
	type sw = engine.Switch[room, struct{}]
	forgetful := func(h *Host) World {
		w := kinds()["creates jobs"](h)
		w.Ledger = forgetful{ledger.NewMemory()}
		return w
	}
	for name, tt := range map[string]struct {
		fresh func(*Host) World
		want  string
	}{
		"a failure that calls possible effects none": {byHTTP(func(err error) error { return refused{err} }), "effects: found 2"},
		"jobs that are not listed":                   {world(func(l *lamp, s *sw) { s.Flip, s.Jobs, l.forgets = l.create, l, true }), "effects: found 2"},
		"a read that lies":                           {world(func(l *lamp, s *sw) { s.Read, l.lies = l.read, true }), "effects: found 0"},
		"a ledger that forgets doubt":                {forgetful, "effects: found 2"},
		"an event for nobody": {func(h *Host) World {
			w := kinds()["sets"](h)
			w.Event.SetType("com.example.other")
			return w
		}, "no such decision; last, delivered: ignored"},
		"a switch that nothing can go wrong with": {func(h *Host) World {
			h.Transport(http.DefaultTransport)
			return kinds()["sets"](h)
		}, "calls of the switch: found none"},
		"a change that was made before": {func(h *Host) World {
			w := kinds()["sets"](h)
			w.Effects = func() int { return 1 }
			return w
		}, "before anything was called"},
	} {
		t.Run(name, func(t *testing.T) {
			c := &crashes{TB: t, fresh: tt.fresh, runs: make([]int, 3)}
			require.Contains(t, c.from(nil), tt.want)
		})
	}
}

// forgetful is a ledger that takes what was left for new.
type forgetful struct{ ledger.Ledger }

func (f forgetful) Claim(ctx context.Context, c ledger.Claim) (ledger.Claimed, error) {
	claimed, err := f.Ledger.Claim(ctx, c)
	if claimed.Verdict == ledger.Resumed {
		claimed.Verdict = ledger.New
	}
	return claimed, err
}
