package proof

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// TestFollowCrashes lets the process that follows a job die, or a call of it
// fail, at every call to ledger, cloud and bus, and at every two of them, of which
// a part with a ledger that is slow; then
// delivers again, or only resumes what is due, until the job's end is published.
// There is one end, with one id and one content, whatever comes twice.
func TestFollowCrashes(t *testing.T) {
	for _, shelf := range followShelves(t) {
		singles, pairs, gates, drawn := 0, 0, 0, 0
		run := func(fails, swept bool, given ...crash) int {
			return followRun(t, shelf.open(t), fails, swept, given)
		}
		for _, fails := range []bool{false, true} {
			for _, swept := range []bool{false, true} {
				n := run(fails, swept)
				gates += n
				for first := range n {
					for _, one := range followTrouble {
						if drawn++; drawn%shelf.shares[0] != 0 {
							continue
						}
						a := crash{first, one}
						n := run(fails, swept, a)
						singles++
						for second := first + 1; second < n; second++ {
							for _, other := range followTrouble {
								if drawn++; drawn%shelf.shares[1] == 0 {
									run(fails, swept, a, crash{second, other})
									pairs++
								}
							}
						}
					}
				}
			}
		}
		require.Positive(t, pairs)
		if !thin() {
			require.Greater(t, singles, 50/shelf.shares[0])
			require.Greater(t, pairs, 500/shelf.shares[0]/shelf.shares[1])
		}
		t.Logf("proved: follow, %s: %d gates, %d ways: %d single crashes, %d pairs, 0 violations", shelf.name, gates, len(followTrouble), singles, pairs)
	}
}

// followShelf is a kind of ledger that a job is followed with, each time an empty
// one, and of how many crashes, and of how many second ones, one is tried.
type followShelf struct {
	name   string
	shares [4]int
	open   func(*testing.T) ledger.Ledger
}

func followShelves(t *testing.T) []followShelf {
	dir, files := t.TempDir(), 0
	return []followShelf{
		{"memory", thinned(followShares["memory"], 5), func(*testing.T) ledger.Ledger { return ledger.NewMemory() }},
		{"bolt", thinned(followShares["bolt"], 5), func(t *testing.T) ledger.Ledger {
			files++
			l, err := bolt.Open(filepath.Join(dir, fmt.Sprint(files)), time.Now(), quiet)
			require.NoError(t, err)
			return l
		}},
		{"dynamodb", thinned(followShares["dynamodb"], 5), func(t *testing.T) ledger.Ledger {
			c := new(dynamotest.DB).Client(nil)
			require.NoError(t, c.Do(t.Context(), "CreateTable", dynamotest.Table("ledger"), nil))
			return &dynamodb.Ledger{Client: c, Table: "ledger"}
		}},
	}
}

var followTrouble = []fate{diesBefore, diesAfter, loses, unreached}

// following is a job that is followed, and what becomes of each call.
type following struct {
	ledger.Ledger
	sim     http.RoundTripper
	given   []crash
	calls   int
	content map[string]string // of out-events, by id
	ends    map[string]bool   // their types
}

// pass takes a call through its gate.
func (f *following) pass(op func() error) error {
	at := f.calls
	f.calls++
	is := succeeds
	for _, c := range f.given {
		if c.gate == at {
			is = c.fate
		}
	}
	switch is {
	case diesBefore:
		panic(death{})
	case unreached:
		return errAway
	}
	err := op()
	switch is {
	case diesAfter:
		panic(death{})
	case loses:
		return errAnswerLost
	}
	return err
}

func (f *following) Wait(ctx context.Context, c ledger.Claim, w ledger.Wait) error {
	return f.pass(func() error { return f.Ledger.Wait(ctx, c, w) })
}

func (f *following) Reject(ctx context.Context, c ledger.Claim, o ledger.Outcome) error {
	return f.pass(func() error { return f.Ledger.Reject(ctx, c, o) })
}

func (f *following) Mark(ctx context.Context, key ledger.Key, nonce string, now, expire time.Time) error {
	return f.pass(func() error { return f.Ledger.Mark(ctx, key, nonce, now, expire) })
}

func (f *following) Get(ctx context.Context, key ledger.Key) (d ledger.Record, err error) {
	err = f.pass(func() error { d, err = f.Ledger.Get(ctx, key); return err })
	return d, err
}

// Publish keeps what reaches the bus.
func (f *following) Publish(_ context.Context, out ...bus.Event) error {
	return f.pass(func() error {
		for _, ev := range out {
			text := fmt.Sprint(ev)
			if before, known := f.content[ev.ID()]; known && before != text {
				return fmt.Errorf("event %s has two contents", ev.ID())
			}
			f.content[ev.ID()], f.ends[ev.Type()] = text, true
		}
		return nil
	})
}

// RoundTrip is the way to the cloud.
func (f *following) RoundTrip(r *http.Request) (res *http.Response, err error) {
	err = f.pass(func() error { res, err = f.sim.RoundTrip(r); return err })
	if err != nil {
		return nil, err
	}
	return res, nil
}

// followRun follows one job to its end through the given crashes, and returns
// how many calls that took.
func followRun(t *testing.T, store ledger.Ledger, fails, swept bool, given []crash) int {
	defer func() { require.NoError(t, store.Close()) }()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	sim := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), Now: clock})
	if fails {
		require.NoError(t, sim.Inject(cloudsim.Fault{Kind: cloudsim.JobFails, Operation: multitenant.Flip, FailReason: "why"}))
	}
	target := events.Target{ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: "096c0fc43e804757b59946b80dc27f8bin07"}
	plain := &cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: sim.RoundTripper()}, Now: clock}
	job, err := plain.SwitchMultiTenancy(t.Context(), cloudapi.Instance{ProjectID: target.ProjectID, InstanceID: target.InstanceID}, true)
	require.NoError(t, err)
	ev := event.New()
	ev.SetID("completed")
	ev.SetSource("urn:interlock:multi-tenancy")
	ev.SetType(events.TypeSwitchCompleted)
	ev.SetTime(now)
	require.NoError(t, ev.SetData(event.ApplicationJSON, events.Completed{
		Switch: "multi-tenancy", Target: target, Enabled: true, Result: events.Accepted, JobID: job,
		Cause: events.Cause{Source: "urn:tickets", ID: "CHG1"},
	}))
	owner := ledger.Claim{Key: ledger.Key{Switch: "multi-tenancy", Source: "urn:tickets", ID: "CHG1"}, Content: "c", Nonce: "n", Slot: "s",
		Project: target.ProjectID, Instance: target.InstanceID, Now: now, Lease: now.Add(time.Minute), Order: now}
	_, err = store.Claim(t.Context(), owner)
	require.NoError(t, err)
	require.NoError(t, store.Settle(t.Context(), owner.Key, "n", ledger.Outcome{Result: string(events.Accepted), At: now, JobID: job, Events: []json.RawMessage{encoded(ev)}, Effective: true}))
	require.NoError(t, store.Mark(t.Context(), owner.Key, "n", now, now.Add(2160*time.Hour)))

	f := &following{Ledger: store, sim: sim.RoundTripper(), given: given, content: map[string]string{}, ends: map[string]bool{}}
	// process is one that has just started: it remembers nothing.
	process := func() *engine.Follower {
		e := &engine.Engine{
			Switches: huawei.Bind(functions.All(), &cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: f}, Now: clock}),
			Ledger:   f, Bus: f, Now: clock,
		}
		require.NoError(t, e.Init())
		return &engine.Follower{Engine: e, Kept: func(*engine.Followed) {}}
	}
	attempt := func(run func() engine.Result) (r engine.Result, died bool) {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(death); !ok {
					panic(p)
				}
				died = true
			}
		}()
		return run(), false
	}
	p, key := process(), ledger.Key{Switch: engine.JobFollow, Source: ev.Source(), ID: ev.ID()}
	acknowledged := false
	for range 40 {
		handle := func() engine.Result { return p.Handle(t.Context(), ev) }
		if _, err := f.Ledger.Get(t.Context(), key); swept && err == nil {
			handle = func() engine.Result { return p.Resume(t.Context(), key) }
		}
		r, died := attempt(handle)
		if died {
			p = process()
		}
		if acknowledged = !died && r.Kind != engine.Later; acknowledged {
			require.Equal(t, engine.Completed, r.Kind, "%v", given)
			break
		}
		now = now.Add(10 * time.Second)
	}
	require.True(t, acknowledged, "it came to no end: %v", given)
	calls := f.calls
	f.given = nil
	want := events.TypeJobSucceeded
	if fails {
		want = events.TypeJobFailed
	}
	// Long after the end, when patience is over, it is told as it was.
	now = now.Add(100 * time.Hour)
	require.Equal(t, engine.Completed, process().Handle(t.Context(), ev).Kind)
	require.Equal(t, map[string]bool{want: true}, f.ends, "%v", given)
	require.Len(t, f.content, 1, "%v", given)
	rec, err := f.Ledger.Get(t.Context(), key)
	require.NoError(t, err)
	require.False(t, rec.Emitted.IsZero(), "%v", given)
	due, err := f.Due(t.Context(), now, 10)
	require.NoError(t, err)
	require.Empty(t, due, "%v", given)
	return calls
}
