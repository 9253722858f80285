package engine_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// pump is the target of the examples' switches.
type pump struct {
	Plant string `json:"plant" validate:"required"`
	Pump  string `json:"pump" validate:"required,pump"`
}

func (p pump) Place() decision.Place {
	return decision.Place{Project: p.Plant, Instance: p.Pump, Subject: p.Plant + "/" + p.Pump}
}

// speed are the options.
type speed struct {
	RPM int `json:"rpm,omitempty" validate:"omitempty,max=3000"`
}

// turn is a switch that says what it is told.
func turn() engine.Switch[pump, speed] {
	return engine.Switch[pump, speed]{
		Name: "pump",
		Flip: func(_ context.Context, p pump, on bool, o speed) (string, error) {
			fmt.Printf("calling: %s of %s: on %t, rpm %d\n", p.Pump, p.Plant, on, o.RPM)
			return "", nil
		},
		Rules: map[string]decision.Rule{
			"pump": {Test: func(s string) bool { return len(s) == 2 && s[0] == 'P' }, Expected: "P and a digit"},
		},
	}
}

// engineOf is an engine that keeps everything in memory.
func engineOf(switches ...engine.Registered) *engine.Engine {
	e := &engine.Engine{Switches: switches, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}}
	if err := e.Init(); err != nil {
		panic(err)
	}
	return e
}

// asking is an event that asks for a pump to be turned on.
func asking(id string, p pump, options map[string]any) event.Event {
	ev := event.New()
	ev.SetID(id)
	ev.SetSource("https://shifts.example.com")
	ev.SetType(events.TypeSwitchRequested)
	_ = ev.SetData(event.ApplicationJSON, events.SwitchRequestedOf[pump]{Switch: "pump", Enabled: new(true), Target: &p, Options: options})
	return ev
}

// However often an event is delivered, its call is made once, and each delivery
// gets the same event.
func ExampleEngine_Handle() {
	e := engineOf(turn().Register())
	ev := asking("shift-1", pump{"west", "P1"}, map[string]any{"rpm": 1200})
	first := e.Handle(context.Background(), "pump", ev)
	again := e.Handle(context.Background(), "pump", ev)
	fmt.Println(first.Kind, first.Result, again.Event.ID() == first.Event.ID())
	// Output:
	// calling: P1 of west: on true, rpm 1200
	// completed applied true
}

// An event that breaks the rules of target or options is rejected with every
// field that is wrong, before anything is called.
func ExampleSwitch() {
	e := engineOf(turn().Register())
	r := e.Handle(context.Background(), "pump", asking("shift-1", pump{"west", "17"}, map[string]any{"rpm": 9000}))
	fmt.Println(r.Kind, r.Error.Code)
	for _, f := range r.Error.Fields {
		fmt.Printf("%s: found %s, expected %s\n", f.Path, f.Found, f.Expected)
	}
	// Output:
	// rejected invalid-data
	// data.target.pump: found string "17", expected P and a digit
	// data.options.rpm: found number 9000, expected at most 3000
}

// refusal is what the examples' API says no with.
type refusal struct{ status int }

func (r refusal) Error() string           { return http.StatusText(r.status) }
func (refusal) RetryAfter() time.Duration { return 0 }
func (r refusal) Cloud() *events.Cloud    { return &events.Cloud{Status: r.status} }
func (r refusal) Effect() engine.Effect {
	if r.status >= 500 {
		return engine.Possible
	}
	return engine.None
}
func (r refusal) Reason() engine.Reason {
	switch r.status {
	case http.StatusConflict:
		return engine.Busy
	case http.StatusBadRequest:
		return engine.Refused
	}
	return engine.Unknown
}

// What an error means decides what becomes of the decision.
func ExampleFailure() {
	var answer error
	sw := turn()
	sw.Flip = func(context.Context, pump, bool, speed) (string, error) { return "", answer }
	e := engineOf(sw.Register())
	for i, err := range []error{refusal{400}, refusal{409}, refusal{504}, errors.New("anything else")} {
		answer = err
		r := e.Handle(context.Background(), "pump", asking(fmt.Sprint("shift-", i), pump{"west", fmt.Sprint("P", i)}, nil))
		fmt.Printf("%s: %s, %s\n", answer, r.Kind, r.Error.Code)
	}
	// Output:
	// Bad Request: rejected, cloud-refused
	// Conflict: later, busy
	// Gateway Timeout: later, doubt
	// anything else: later, doubt
}

// plant creates a job for each flip: it is the [engine.Jobs] of its switch.
type plant struct{}

func (plant) start(context.Context, pump, bool, speed) (string, error) { return "job-1", nil }

func (plant) List(context.Context, string, time.Time) (engine.JobList, error) {
	return engine.JobList{Jobs: []engine.Job{{ID: "job-1", Instance: "P1", Status: "Done", State: engine.JobSucceeded}}}, nil
}

func (plant) Show(context.Context, string, string) (engine.Job, error) { return engine.Job{}, nil }

// A flip that creates a job is accepted; a follower says how the job ended.
func ExampleFollower() {
	sw := turn()
	sw.Flip, sw.Jobs = plant{}.start, plant{}
	e := engineOf(sw.Register())
	accepted := e.Handle(context.Background(), "pump", asking("shift-1", pump{"west", "P1"}, nil))
	fmt.Println(accepted.Result, accepted.Event.Type())

	f := &engine.Follower{Engine: e}
	ended := f.Handle(context.Background(), accepted.Event.Event)
	fmt.Println(ended.Kind, ended.Event.Type())
	// Output:
	// accepted dev.interlock.switch.completed.v1
	// completed dev.interlock.job.succeeded.v1
}

// A hook sees every call, and may make it go wrong.
func ExampleRegistered_Around() {
	e := engineOf(turn().Register().Around(func(ctx context.Context, what string, call func(context.Context) error) error {
		err := call(ctx)
		fmt.Println(what, "went through:", err == nil)
		return err
	}))
	e.Handle(context.Background(), "pump", asking("shift-1", pump{"west", "P1"}, nil))
	// Output:
	// calling: P1 of west: on true, rpm 0
	// flip went through: true
}
