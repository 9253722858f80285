package engine_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// unsettled is a ledger that does not settle the next so many times; below 0, for
// good. It may not let go either.
type unsettled struct {
	ledger.Ledger
	refusals, settles int
	last              ledger.Outcome
	heldFast          bool
}

var errFull = errors.New("the table is full")

func (l *unsettled) Settle(ctx context.Context, key ledger.Key, nonce string, o ledger.Outcome) error {
	l.last = o
	if l.settles++; l.refusals != 0 {
		l.refusals--
		return errFull
	}
	return l.Ledger.Settle(ctx, key, nonce, o)
}

func (l *unsettled) Lapse(ctx context.Context, key ledger.Key, nonce string, until time.Time, known bool, last ledger.Note) error {
	if l.heldFast {
		return errFull
	}
	return l.Ledger.Lapse(ctx, key, nonce, until, known, last)
}

// on puts the ledger in between, and counts how long the engine waits.
func (l *unsettled) on(s *stage) (waited *time.Duration) {
	waited = new(time.Duration)
	l.Ledger = s.Host.Ledger
	s.Host.Engine.Ledger = l
	s.Host.Engine.Sleep = func(_ context.Context, d time.Duration) error {
		*waited += d
		s.Advance(d)
		return nil
	}
	return waited
}

// While the invocation lasts, the answer to a call is settled as soon as the ledger
// takes it.
func TestSettlingIsTriedAgain(t *testing.T) {
	s := onStage(t)
	l := &unsettled{refusals: 5}
	waited := l.on(s)
	require.Equal(t, http.StatusAccepted, s.Post(t, "proxyssl", sslTicket(t)).Status)
	require.Equal(t, 6, l.settles)
	require.Equal(t, 1550*time.Millisecond, *waited)
	require.Equal(t, string(events.Accepted), s.record(t).Outcome.Result)
	require.Len(t, s.Cloud.Effects(), 1)
}

// A job is remembered for as long as its decision's outcome, and as the cloud tells of it.
func TestAJobIsRememberedForAsLongAsItCounts(t *testing.T) {
	for retention, want := range map[time.Duration]time.Duration{time.Hour: 30 * 24 * time.Hour, 1000 * time.Hour: 1000 * time.Hour} {
		s := onStage(t)
		l := new(unsettled)
		l.on(s)
		s.Host.Engine.Retention = retention
		require.Equal(t, http.StatusAccepted, s.Post(t, "proxyssl", sslTicket(t)).Status)
		require.Equal(t, l.last.At.Add(want), l.last.JobExpire)
	}
}

// A job whose decision could not be settled at all is on record all the same, and
// its decision is settled once the ledger can: nobody has to look for it.
func TestTheJobOfWhatCannotBeSettledIsNoted(t *testing.T) {
	s := onStage(t)
	l := &unsettled{refusals: -1}
	waited := l.on(s)
	require.Equal(t, events.Doubt, s.Post(t, "proxyssl", sslTicket(t)).Problem(t).Code)
	require.Greater(t, *waited, 20*time.Second)
	require.Less(t, *waited, 30*time.Second)
	rec := s.record(t)
	require.Equal(t, ledger.Working, rec.State)
	job := rec.Last.JobID
	require.Equal(t, s.Cloud.Effects()[0].JobID, job)

	// A halt in between does not let it be forgotten.
	s.Advance(2 * time.Minute)
	s.Host.Engine.Halted = func(context.Context) bool { return true }
	s.Host.Engine.Resume(t.Context(), sslKey)
	require.Equal(t, job, s.record(t).Last.JobID)
	s.Host.Engine.Halted = func(context.Context) bool { return false }

	// Nor is the list of jobs asked, which may never show it.
	s.Advance(2 * time.Minute)
	require.NoError(t, s.Cloud.Inject(cloudsim.Fault{Operation: cloudsim.ListImmediateJobs, Kind: cloudsim.Status, Status: 500}))
	l.refusals = 0
	s.Host.Engine.Resume(t.Context(), sslKey)
	rec = s.record(t)
	require.Equal(t, []any{string(events.Accepted), job}, []any{rec.Outcome.Result, rec.Outcome.JobID})
	require.Len(t, s.Cloud.Effects(), 1)
}

// A ledger that takes nothing leaves the decision to its lease.
func TestNothingIsNotedWhereNothingIsTaken(t *testing.T) {
	s := onStage(t)
	l := &unsettled{refusals: -1, heldFast: true}
	l.on(s)
	require.Equal(t, events.Unavailable, s.Post(t, "proxyssl", sslTicket(t)).Problem(t).Code)
	l.refusals, l.heldFast = 0, false
	for range 10 {
		s.Advance(time.Minute)
		s.Host.Engine.Resume(t.Context(), sslKey)
	}
	require.Equal(t, string(events.Accepted), s.record(t).Outcome.Result)
	require.Len(t, s.Cloud.Effects(), 1)
}

// otherwise is a ledger whose decisions were claimed by a version that made another
// hash of what is asked.
type otherwise struct{ ledger.Ledger }

const otherHash = "of an earlier version"

func (l otherwise) Claim(ctx context.Context, c ledger.Claim) (ledger.Claimed, error) {
	c.Content = otherHash
	return l.Ledger.Claim(ctx, c)
}

// What an earlier version has left goes on, though the hash of what it asks is
// another now.
func TestWhatAnEarlierVersionHashedGoesOn(t *testing.T) {
	s := onStage(t)
	s.Host.Engine.Halted = func(context.Context) bool { return true }
	now := s.Host.Engine.Ledger
	s.Host.Engine.Ledger = otherwise{now}
	require.Equal(t, events.Unavailable, s.Post(t, "proxyssl", sslTicket(t)).Problem(t).Code)
	require.Equal(t, otherHash, s.record(t).Content)
	s.Host.Engine.Ledger, s.Host.Engine.Halted = now, func(context.Context) bool { return false }
	s.Advance(2 * time.Minute)
	s.Host.Engine.Resume(t.Context(), sslKey)
	require.Equal(t, string(events.Accepted), s.record(t).Outcome.Result)
	require.Len(t, s.Cloud.Effects(), 1)
}
