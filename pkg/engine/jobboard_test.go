package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// yard is a project's jobs by both ways of asking for them.
type yard struct {
	listed, known map[string]Job
	calls         int
	// trouble is of the list, deafness of asking by id.
	trouble, deafness error
	lists, shows      int
}

func (y *yard) List(context.Context, string, time.Time) (JobList, error) {
	y.lists++
	list := JobList{Calls: y.calls}
	for _, j := range y.listed {
		list.Jobs = append(list.Jobs, j)
	}
	return list, y.trouble
}

func (y *yard) Show(_ context.Context, _, id string) (Job, error) {
	y.shows++
	return y.known[id], y.deafness
}

func TestAJobIsAskedForByItsIDWhereTheListLacksIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	y := &yard{calls: 1, known: map[string]Job{"a": {ID: "a", Status: "Running"}}}
	var odd []error
	e := &Engine{
		Switches: []Registered{Switch[room, struct{}]{Name: "lamp", Jobs: y}.Register()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{},
		Now: func() time.Time { return now }, Observe: func(_ context.Context, s Step) {
			if s.Name == "jobs" {
				odd = append(odd, s.Err)
			}
		},
	}
	require.NoError(t, e.Init())
	var b jobBoard
	followed := func(id string) *Followed {
		return &Followed{Switch: "lamp", JobID: id, Since: now, Place: decision.Place{Project: "home", Instance: "hall"}}
	}
	a := followed("a")
	find := func(j *Followed) string {
		job, err := b.find(t.Context(), e, j, patience)
		if err != nil {
			return err.Error()
		}
		return job.Status
	}

	// The list may lack a new job for seconds, and what was read then says nothing
	// of it later either.
	require.Empty(t, find(a))
	now = now.Add(hiddenFor - time.Second)
	require.Empty(t, find(a))
	now = now.Add(time.Second)
	require.Empty(t, find(a), "the reading still counts")
	require.Equal(t, 2, y.lists)
	require.Zero(t, y.shows)
	now = now.Add(freshFor)
	require.Equal(t, "Running", find(a))
	require.Equal(t, []int{3, 1}, []int{y.lists, y.shows})
	require.Empty(t, find(followed("b")), "not known either")

	// What is listed is not asked for.
	y.listed = map[string]Job{"a": {ID: "a", Status: "Done"}}
	now, y.shows = now.Add(time.Minute), 0
	require.Equal(t, "Done", find(a))
	require.Zero(t, y.shows)

	// A list that cannot be read is asked round, and that it cannot is said once.
	y.trouble = errors.New("page 7 is missing")
	now = now.Add(time.Minute)
	require.Equal(t, "Done", find(a), "it was read before the trouble")
	require.Zero(t, y.shows)
	y.listed = nil
	now = now.Add(time.Minute)
	require.Equal(t, "Running", find(a))
	require.Equal(t, "Running", find(a))
	require.Equal(t, "page 7 is missing", find(followed("b")), "nobody can tell")
	require.Equal(t, 3, y.shows)
	require.Len(t, odd, 2, "once for each reading")
	require.ErrorIs(t, odd[1], y.trouble)

	// A cloud in trouble is not asked once for each job.
	y.deafness, y.shows = errors.New("nor by id"), 0
	require.Equal(t, "page 7 is missing\nnor by id", find(a))
	for i := range 100 {
		require.Equal(t, "page 7 is missing", find(followed(fmt.Sprint(i))))
	}
	require.Equal(t, 1, y.shows)
	now = now.Add(time.Minute)
	require.Contains(t, find(a), "nor by id")
	require.Equal(t, 2, y.shows)
}

// Ten thousand jobs that no list shows are asked for five times a second, and not
// more often in one minute than that makes up for.
func TestUnlistedJobsAreAskedForAtAPrice(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	y := &yard{}
	e := &Engine{
		Switches: []Registered{Switch[room, struct{}]{Name: "lamp", Jobs: y}.Register()}, Ledger: ledger.NewMemory(), Bus: &bus.Memory{},
		Now: func() time.Time { return now },
	}
	require.NoError(t, e.Init())
	var b jobBoard
	began := now.Add(-time.Minute)
	round := func() (asked int) {
		before := y.shows
		for i := range 10_000 {
			_, err := b.find(t.Context(), e, &Followed{Switch: "lamp", JobID: fmt.Sprint(i), Since: began, Place: decision.Place{Project: "home"}}, patience)
			require.NoError(t, err)
		}
		return y.shows - before
	}
	require.InDelta(t, 300, round(), 1)
	require.Zero(t, round())
	now = now.Add(10 * time.Second)
	require.InDelta(t, 50, round(), 1)
	now = now.Add(time.Hour)
	require.InDelta(t, 300, round(), 1)
}

// A list that was read before, or is wrong, gives nobody up.
func TestAJobIsAskedForByItsIDBeforeItIsGivenUp(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	y := &yard{listed: map[string]Job{"a": {ID: "a", Status: "Running"}}, known: map[string]Job{"a": {ID: "a", Status: "Done", State: JobSucceeded}}}
	var ended []string
	b := &bus.Memory{}
	b.Subscribe(func(ev event.Event) { ended = append(ended, ev.Type()) })
	e := &Engine{Switches: []Registered{Switch[room, struct{}]{Name: "lamp", Jobs: y}.Register()}, Ledger: ledger.NewMemory(), Bus: b, Now: func() time.Time { return now }}
	require.NoError(t, e.Init())
	j := &Followed{Switch: "lamp", Target: json.RawMessage(`{}`), JobID: "a", Since: now, Place: decision.Place{Project: "home", Instance: "hall"}}
	f := &Follower{Engine: e}
	now = now.Add(patience - time.Second)
	require.Equal(t, Later, f.Look(t.Context(), j).Kind)
	require.Zero(t, y.shows)
	now = now.Add(time.Second)
	require.Equal(t, Completed, f.Look(t.Context(), j).Kind)
	require.Equal(t, []string{events.TypeJobSucceeded}, ended)
}
