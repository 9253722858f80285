package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// TestDuring: a job may be the decision's own if it was created while that held
// its instance, give or take the seconds by which clocks differ.
func TestDuring(t *testing.T) {
	at := func(seconds int) time.Time {
		return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
	}
	a := &attempt{rec: ledger.Record{
		Since:   at(1000),
		Earlier: []ledger.Span{{From: at(100), To: at(200)}, {From: at(400), To: at(500)}},
	}}
	for _, offset := range []time.Duration{0, time.Hour, -time.Hour} {
		for second, want := range map[int]bool{
			94: false, 95: true, 150: true, 194: true, 195: false, 200: false, 394: false, 395: true, 494: true, 495: false,
			994: false, 995: true, 1000: true, 9999: true,
		} {
			require.Equal(t, want, a.during(at(second).Add(offset), offset), "%d, %s", second, offset)
		}
	}
	// The cloud's stamps are whole seconds: what was created at 95.9 says 95.
	a.rec.Since = at(1000).Add(900 * time.Millisecond)
	require.True(t, a.during(at(995), 0))
}

// What can be read of a job decides whether it may be the decision's own. One
// that cannot be told blinds nobody but those whose own it may be.
func TestSift(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	within, before := at.Add(time.Minute), at.Add(-time.Hour)
	for name, tt := range map[string]struct {
		job  Job
		want found
	}{
		"ours":                             {Job{ID: "a", Instance: "hall", Created: within}, found{candidates: []string{"a"}}},
		"another instance's":               {Job{ID: "a", Instance: "cellar", Created: within}, found{}},
		"another instance's, undated":      {Job{ID: "a", Instance: "cellar"}, found{}},
		"another instance's, without id":   {Job{Instance: "cellar"}, found{}},
		"earlier":                          {Job{ID: "a", Instance: "hall", Created: before, State: JobFailed}, found{}},
		"earlier, open":                    {Job{ID: "a", Instance: "hall", Created: before}, found{open: "a"}},
		"earlier, without id":              {Job{Instance: "hall", Created: before, State: JobFailed}, found{}},
		"earlier, open, without id":        {Job{Instance: "hall", Created: before}, found{open: nameless}},
		"of another kind":                  {Job{ID: "a", Name: "reboot", Instance: "hall", Created: within, State: JobSucceeded}, found{}},
		"of another kind, open":            {Job{ID: "a", Name: "reboot", Instance: "hall", Created: within}, found{open: "a"}},
		"of another kind, undated":         {Job{ID: "a", Name: "reboot", State: JobSucceeded}, found{}},
		"of another kind, without id":      {Job{Name: "reboot", State: JobSucceeded}, found{}},
		"undated":                          {Job{ID: "a", Instance: "hall", State: JobFailed}, found{unclear: "a"}},
		"undated, over before":             {Job{ID: "a", Instance: "hall", State: JobFailed, Ended: before}, found{}},
		"undated, over since":              {Job{ID: "a", Instance: "hall", State: JobFailed, Ended: within}, found{unclear: "a"}},
		"nothing but over before":          {Job{State: JobFailed, Ended: before}, found{}},
		"of an unknown instance":           {Job{ID: "a", Created: within, State: JobFailed}, found{unclear: "a"}},
		"of an unknown instance, earlier":  {Job{ID: "a", Created: before, State: JobFailed}, found{}},
		"without id":                       {Job{Instance: "hall", Created: within, State: JobFailed}, found{unclear: nameless}},
		"nothing at all":                   {Job{}, found{unclear: nameless}},
		"another decision's":               {Job{ID: "owned", Instance: "hall", Created: within, State: JobFailed}, found{listed: true}},
		"another decision's, open":         {Job{ID: "owned", Instance: "hall", Created: within}, found{open: "owned", listed: true}},
		"another decision's, undated":      {Job{ID: "owned", Instance: "hall", State: JobFailed}, found{listed: true}},
		"another decision's, nobody knows": {Job{ID: "owned", State: JobFailed}, found{listed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &Engine{Switches: []Registered{lamp()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}, Now: func() time.Time { return within }}
			require.NoError(t, e.Init())
			settled(t, e, events.CompletedOf[room]{Switch: "lamp", JobID: "owned", Target: room{"home", "hall"}, Cause: events.Cause{ID: "1"}}, sample(t))
			sw := Switch[room, struct{}]{Name: "lamp", Foreign: func(name string) bool { return name == "reboot" }}.Register()
			a := &attempt{Engine: e, sw: &sw, d: &decision.Decision{Place: room{"home", "hall"}.Place()}, rec: ledger.Record{Since: at}}
			got, err := a.sift(t.Context(), []Job{tt.job}, 0)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

// A job that may be the decision's own, for all that can be read of it, leaves
// the doubt; and so does an answer whose id is none.
func TestWhatCannotBeReadIsADoubt(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	y := &yard{listed: map[string]Job{"a": {ID: "a", Instance: "hall", State: JobFailed}}}
	sw := Switch[room, struct{}]{Name: "lamp", Jobs: y}.Register()
	e := &Engine{Switches: []Registered{sw}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{}, Now: func() time.Time { return now }}
	require.NoError(t, e.Init())
	a := &attempt{Engine: e, sw: &sw, d: &decision.Decision{Place: room{"home", "hall"}.Place()}, rec: ledger.Record{Since: now}, doubt: true}
	require.ErrorContains(t, a.lookUpJob(t.Context()).err, "it cannot be told whether job a is")
	for _, id := range []string{"", "../a", strings.Repeat("a", 65), "a b", "ä"} {
		require.Equal(t, Certain, a.classify(id, nil).effect, id)
	}
	require.Equal(t, completed(events.Accepted, "4b487df0-A_"), a.classify("4b487df0-A_", nil))
}

func sample(t *testing.T) event.Event {
	ev := event.New()
	ev.SetID("1")
	ev.SetSource("urn:interlock:lamp")
	ev.SetType(events.TypeSwitchCompleted)
	require.NoError(t, ev.Validate())
	return ev
}

func TestGrown(t *testing.T) {
	for attempts, want := range map[int]time.Duration{
		0: 10 * time.Second, 1: 10 * time.Second, 2: 20 * time.Second, 3: 40 * time.Second, 6: mostWait, 1000: mostWait,
	} {
		require.Equal(t, want, grown(10*time.Second, attempts), "%d", attempts)
	}
	require.Equal(t, time.Second, grown(0, 1))
	require.Equal(t, mostWait, grown(time.Hour, 1))
}
