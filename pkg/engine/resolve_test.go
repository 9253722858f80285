package engine_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

var sslKey = ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com/changes", ID: "CHG0031337-1"}

const anyJob = "d8a3f1c2-0000-4000-8000-00000000000a"

func as(fate engine.Fate, job string) engine.Resolution {
	return engine.Resolution{As: fate, JobID: job, By: "operator@example.com"}
}

// sslTicket is the event of sslKey.
func sslTicket(t *testing.T) []byte {
	return ticket(t, "proxy-ssl", "id", sslKey.ID, "source", sslKey.Source)
}

// unresolved leaves sslKey failed and in doubt: nothing could ever be read.
func unresolved(t *testing.T, s *stage) {
	t.Helper()
	doubtful(t, s)
	for end := s.Now().Add(2 * time.Hour); s.record(t).Outcome == nil && s.Now().Before(end); {
		s.Advance(time.Minute + time.Second)
		s.Host.Engine.Resume(t.Context(), sslKey)
	}
	require.Equal(t, "unresolved", s.record(t).Outcome.Code)
	s.Cloud.ClearFaults()
	s.Sent()
	s.Bus.Take()
}

// doubtful leaves sslKey in doubt, at rest.
func doubtful(t *testing.T, s *stage) {
	t.Helper()
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore}))
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 500}))
	require.Equal(t, events.Doubt, s.Post(t, "proxyssl", sslTicket(t)).Problem(t).Code)
}

func (s *stage) record(t *testing.T) ledger.Record {
	t.Helper()
	rec, err := s.Host.Ledger.Get(t.Context(), sslKey)
	require.NoError(t, err)
	return rec
}

func (s *stage) resolve(t *testing.T, r engine.Resolution) (engine.Resolved, error) {
	t.Helper()
	return s.Host.Engine.Resolve(t.Context(), sslKey, r)
}

// An operator's word ends the doubt: it is settled, recorded with the name, and
// published, and every delivery gets it from then on.
func TestResolve(t *testing.T) {
	for name, before := range map[string]func(*testing.T, *stage){
		"unresolved": unresolved,
		"in doubt, its rest over": func(t *testing.T, s *stage) {
			doubtful(t, s)
			s.Advance(2 * time.Minute)
			s.Bus.Take()
		},
	} {
		for _, r := range []engine.Resolution{as(engine.WasAccepted, anyJob), as(engine.WasApplied, "")} {
			t.Run(name+", "+string(r.As), func(t *testing.T) {
				s := onStage(t)
				before(t, s)
				s.Sent()
				got, err := s.resolve(t, r)
				require.NoError(t, err)
				require.Empty(t, got.Unpublished)
				require.Empty(t, s.Sent(), "the cloud is not asked")
				published := s.Bus.Take()
				require.Len(t, published, 1)
				data := localtest.Completed(t, published[0])
				require.Equal(t, []any{string(r.As), r.JobID, false}, []any{string(data.Result), data.JobID, data.Inferred})
				var out event.Event
				require.NoError(t, json.Unmarshal(got.Event, &out))
				require.Equal(t, published[0], out)

				rec := s.record(t)
				require.Equal(t, "operator@example.com", rec.Outcome.By)
				require.False(t, rec.Doubt)
				require.False(t, rec.Emitted.IsZero())
				in, err := s.Host.Ledger.Instance(t.Context(), rec.Project, rec.Instance)
				require.NoError(t, err)
				require.Nil(t, in.Hold)
				require.Equal(t, rec.Order, in.Marks[rec.Slot])

				answer := s.Post(t, "proxyssl", sslTicket(t))
				require.Equal(t, published[0], answer.Event(t))
				require.Empty(t, s.Flips())

				// Said again, it is the same; anything else comes too late.
				again, err := s.resolve(t, r)
				require.NoError(t, err)
				require.Equal(t, got, again)
				_, err = s.resolve(t, as(engine.WasAbsent, ""))
				require.ErrorContains(t, err, "an outcome never changes")
				require.Equal(t, rec, s.record(t))
			})
		}
	}
}

// A decision whose call had no effect is tried again by every rule.
func TestResolveAbsent(t *testing.T) {
	s := onStage(t)
	unresolved(t, s)
	got, err := s.resolve(t, as(engine.WasAbsent, ""))
	require.NoError(t, err)
	require.Equal(t, engine.Resolved{}, got)
	require.Empty(t, s.Bus.Take())
	require.Empty(t, s.Sent())
	rec := s.record(t)
	require.Equal(t, []any{ledger.Waiting, false, "resolved", "operator@example.com says that the call had no effect"},
		[]any{rec.State, rec.Doubt, rec.Last.Code, rec.Last.Detail})
	due, err := s.Host.Ledger.Due(t.Context(), s.Now(), 10)
	require.NoError(t, err)
	require.Equal(t, []ledger.Due{{Key: sslKey, At: s.Now(), Why: ledger.Waited}}, due)

	// By the guard, too: its window may be over by now.
	require.Equal(t, engine.Completed, s.Host.Engine.Resume(t.Context(), sslKey).Kind)
	require.Len(t, s.Flips(), 1)

	s = onStage(t)
	unresolved(t, s)
	s.Advance(time.Hour)
	_, err = s.resolve(t, as(engine.WasAbsent, ""))
	require.NoError(t, err)
	r := s.Host.Engine.Resume(t.Context(), sslKey)
	require.Equal(t, events.WindowOver, r.Error.Code)
	require.Empty(t, s.Flips())
}

// What failed without doubt may be taken up again, and not be said to be done.
func TestResolveGivenUp(t *testing.T) {
	s := onStage(t, "INTERLOCK_GIVE_UP=1m")
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: 403}))
	s.Post(t, "proxyssl", sslTicket(t))
	s.Advance(2 * time.Minute)
	require.Equal(t, 502, s.Post(t, "proxyssl", sslTicket(t)).Status)
	_, err := s.resolve(t, as(engine.WasApplied, ""))
	require.ErrorContains(t, err, "its call certainly had no effect; resolve it as absent")
	_, err = s.resolve(t, as(engine.WasAbsent, ""))
	require.NoError(t, err)
	require.Equal(t, ledger.Waiting, s.record(t).State)
}

// Whatever is not in doubt, or is worked on, is left as it is.
func TestResolveRefused(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*testing.T, *stage)
		r      engine.Resolution
		want   string
	}{
		"nobody says so":     {unresolved, engine.Resolution{As: engine.WasApplied, By: " "}, "who resolves it"},
		"as what":            {unresolved, as("done", ""), "expected accepted, applied or absent"},
		"no job":             {unresolved, as(engine.WasAccepted, ""), "job id: found \"\""},
		"a job that climbs":  {unresolved, as(engine.WasAccepted, "../x"), "job id"},
		"a job, and applied": {unresolved, as(engine.WasApplied, anyJob), "expected none unless accepted"},
		"not there":          {func(*testing.T, *stage) {}, as(engine.WasApplied, ""), "no such decision"},
		"settled": {
			func(t *testing.T, s *stage) { s.Post(t, "proxyssl", sslTicket(t)) },
			as(engine.WasApplied, ""), "settled as accepted"},
		"rejected": {
			func(t *testing.T, s *stage) { s.Advance(2 * time.Hour); s.Post(t, "proxyssl", sslTicket(t)) },
			as(engine.WasAbsent, ""), "settled as rejected"},
		"waiting": {
			func(t *testing.T, s *stage) {
				require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy}))
				s.Post(t, "proxyssl", sslTicket(t))
			}, as(engine.WasAbsent, ""), "it is not in doubt: no call of it was sent; it waits until"},
		"at rest": {doubtful, as(engine.WasApplied, ""), "its last attempt may still take effect, until 2026-11-22T09:31:00Z"},
		"at work": {
			func(t *testing.T, s *stage) { doubtful(t, s); s.Advance(2 * time.Minute); claim(t, s, sslKey) },
			as(engine.WasApplied, ""), "an attempt of it is at work, until"},
		"the instance is worked on": {
			func(t *testing.T, s *stage) {
				unresolved(t, s)
				other := sslKey
				other.ID = "other"
				claim(t, s, other)
			}, as(engine.WasApplied, ""), "the instance is held by proxy-ssl other, until"},
		"another's job": {
			func(t *testing.T, s *stage) {
				unresolved(t, s)
				other := claim(t, s, ledger.Key{Switch: "multi-tenancy", Source: "s", ID: "other"})
				require.NoError(t, s.Host.Ledger.Settle(t.Context(), other.Key, other.Nonce, ledger.Outcome{Result: "accepted", JobID: anyJob, Effective: true}))
			}, as(engine.WasAccepted, anyJob), "belongs to the decision multi-tenancy other of s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			c.before(t, s)
			before, _ := s.Host.Ledger.Get(t.Context(), sslKey)
			s.Bus.Take()
			s.Sent()
			_, err := s.resolve(t, c.r)
			require.ErrorContains(t, err, c.want)
			after, _ := s.Host.Ledger.Get(t.Context(), sslKey)
			require.Equal(t, before, after)
			require.Empty(t, s.Bus.Take())
			require.Empty(t, s.Sent())
		})
	}
}

// claim has somebody at work on the instance.
func claim(t *testing.T, s *stage, key ledger.Key) ledger.Claim {
	t.Helper()
	rec := s.record(t)
	c := ledger.Claim{
		Key: key, Content: rec.Content, Project: rec.Project, Instance: rec.Instance, Slot: strings.Replace(rec.Slot, "proxy-ssl", key.Switch, 1),
		Order: rec.Order, Stored: rec.Stored, Nonce: "somebody's", Now: s.Now(), Lease: s.Now().Add(time.Minute),
	}
	claimed, err := s.Host.Ledger.Claim(t.Context(), c)
	require.NoError(t, err)
	require.Contains(t, []ledger.Verdict{ledger.New, ledger.Resumed}, claimed.Verdict)
	return c
}

// A bus that is away does not undo what was settled: it is published later.
func TestResolveUnpublished(t *testing.T) {
	s := onStage(t)
	unresolved(t, s)
	s.Bus.SetAway(true)
	got, err := s.resolve(t, as(engine.WasApplied, ""))
	require.NoError(t, err)
	require.Contains(t, got.Unpublished, "bus")
	require.NotEmpty(t, got.Event)
	s.Bus.SetAway(false)
	require.Equal(t, engine.Completed, s.Host.Engine.Resume(t.Context(), sslKey).Kind)
	require.Len(t, s.Bus.Take(), 1)
}

// What failed is said before it is taken up again.
func TestResolveUnsaid(t *testing.T) {
	s := onStage(t)
	s.Bus.SetAway(true)
	unresolved(t, s)
	_, err := s.resolve(t, as(engine.WasAbsent, ""))
	require.ErrorContains(t, err, "bus")
	require.Equal(t, ledger.Settled, s.record(t).State)
	s.Bus.SetAway(false)
	_, err = s.resolve(t, as(engine.WasAbsent, ""))
	require.NoError(t, err)
	published := s.Bus.Take()
	require.Len(t, published, 1)
	require.Equal(t, events.TypeSwitchFailed, published[0].Type())
	require.Equal(t, ledger.Waiting, s.record(t).State)
}

// meanwhile is a ledger in which something happens right before a claim.
type meanwhile struct {
	ledger.Ledger
	happens func()
}

func (m *meanwhile) Claim(ctx context.Context, c ledger.Claim) (ledger.Claimed, error) {
	if f := m.happens; f != nil {
		m.happens = nil
		f()
	}
	return m.Ledger.Claim(ctx, c)
}

// Of two operators, the second finds that there is no doubt any more.
func TestResolveTwice(t *testing.T) {
	for name, c := range map[string]struct {
		first engine.Resolution
		want  string
		state ledger.State
	}{
		"absent":  {as(engine.WasAbsent, ""), "it is not in doubt any more", ledger.Waiting},
		"applied": {as(engine.WasApplied, ""), "it was taken over meanwhile: done", ledger.Settled},
	} {
		t.Run(name, func(t *testing.T) {
			s := onStage(t)
			unresolved(t, s)
			s.Host.Engine.Ledger = &meanwhile{s.Host.Ledger, func() {
				_, err := s.resolve(t, c.first)
				require.NoError(t, err)
			}}
			_, err := s.resolve(t, as(engine.WasAccepted, anyJob))
			require.ErrorContains(t, err, c.want)
			require.Equal(t, c.state, s.record(t).State)
			require.Len(t, s.Bus.Take(), map[ledger.State]int{ledger.Settled: 1}[c.state])
		})
	}
}

// chainedTicket is the event of sslKey as the root of a chain.
func chainedTicket(t *testing.T) []byte {
	return ticket(t, "proxy-ssl", "id", sslKey.ID, "source", sslKey.Source, "data.then", []any{map[string]any{"switch": "access-control", "enabled": true}})
}

// run lets a minute pass after another, and takes up what is due.
func (s *stage) run(t *testing.T, minutes int) {
	t.Helper()
	for range minutes {
		s.Advance(time.Minute)
		due, err := s.Host.Ledger.Due(t.Context(), s.Now(), 10)
		require.NoError(t, err)
		for _, d := range due {
			s.Host.Resume(t.Context(), d.Key)
		}
	}
}

func types(all []event.Event) (types []string) {
	for _, ev := range all {
		types = append(types, ev.Type())
	}
	return types
}

// A step that is in doubt is a step still: an operator's word takes its chain on.
func TestResolveStep(t *testing.T) {
	s := onStage(t)
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore}))
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 500}))
	require.Equal(t, events.Doubt, s.Post(t, "proxyssl", chainedTicket(t)).Problem(t).Code)
	s.Advance(2 * time.Minute)
	_, err := s.resolve(t, as(engine.WasApplied, ""))
	require.NoError(t, err)
	require.Equal(t, []string{events.TypeSwitchCompleted, events.TypeSwitchRequested}, types(s.Bus.Take()))
	s.run(t, 5)
	require.Equal(t, []string{events.TypeSwitchCompleted, events.TypeChainSucceeded}, types(s.Bus.Take()))
}

// A step that failed as unresolved has ended its chain, which has been said: it
// is settled as the operator has found, and nothing goes on by it, neither now
// nor when its job ends. Nor is it tried again.
func TestResolveStepOfAnEndedChain(t *testing.T) {
	for _, r := range []engine.Resolution{as(engine.WasAccepted, ""), as(engine.WasApplied, "")} {
		t.Run(string(r.As), func(t *testing.T) {
			s := onStage(t)
			require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1}))
			require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 500}))
			require.Equal(t, events.Doubt, s.Post(t, "proxyssl", chainedTicket(t)).Problem(t).Code)
			s.run(t, 75)
			require.Equal(t, []string{events.TypeSwitchFailed, events.TypeChainFailed}, types(s.Bus.Take()))
			s.Cloud.ClearFaults()
			_, err := s.resolve(t, as(engine.WasAbsent, ""))
			require.EqualError(t, err, "its chain has ended, and nothing of it is tried again; what it had to do needs a request of its own")

			want := []string{events.TypeSwitchCompleted}
			if r.As == engine.WasAccepted {
				r.JobID = s.Cloud.Effects()[0].JobID
				want = append(want, events.TypeJobSucceeded)
			}
			_, err = s.resolve(t, r)
			require.NoError(t, err)
			s.run(t, 130) // no timer looks after jobs here, but when patience ends
			require.Equal(t, want, types(s.Bus.Take()))
			require.Len(t, s.Cloud.Effects(), 1)
		})
	}
}
