package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// These tests run for days by a clock that stands still while anything is at
// work (testing/synctest), with the simulated cloud reached without sockets.

const testProject = "056538411200d4cd2f79c003c7606412"

// town is a cloud, a place for the ledger, and what reached the bus: what
// outlasts a process.
type town struct {
	t    *testing.T
	sim  *cloudsim.Cloud
	file string
	// policy is what INTERLOCK_POLICY is; empty for none.
	policy string

	mu  sync.Mutex
	out []event.Event
}

func newTown(t *testing.T, o cloudsim.Options) *town {
	o.Simulations = simulations.All()
	return &town{t: t, sim: cloudsim.New(o), file: filepath.Join(t.TempDir(), "interlock.db")}
}

// Publish keeps what reaches the bus.
func (w *town) Publish(_ context.Context, out ...bus.Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range out {
		w.out = append(w.out, ev.Event)
	}
	return nil
}

// events are the out-events of a type, each once by its id.
func (w *town) events(typ string) (found []event.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]bool{}
	for _, ev := range w.out {
		if ev.Type() == typ && !seen[ev.ID()] {
			seen[ev.ID()] = true
			found = append(found, ev)
		}
	}
	return found
}

// process is a host that runs until it is stopped.
type process struct {
	*Host
	stop func()
}

func (w *town) start(place config.Place, tick time.Duration) *process {
	c := config.Config{
		Endpoints:   cloudapi.EndpointSet{GaussDB: "https://cloud.test", DBSS: "https://cloud.test"},
		Credentials: config.Credentials{Token: cloudsim.DefaultToken},
		Ledger:      place,
		Policy:      w.policy,
	}
	h, err := Open(c, functions.All(), Options{Cloud: &http.Client{Transport: w.sim.RoundTripper()}, Bus: w})
	require.NoError(w.t, err)
	h.tick = tick
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.keep(ctx)
	}()
	return &process{h, func() {
		cancel()
		<-ended
		require.NoError(w.t, h.Close())
	}}
}

func (w *town) bolt() config.Place { return config.Place{Kind: "bolt", Rest: w.file} }

// ticket asks for SSL of the n-th proxy.
func ticket(t *testing.T, id string, n int, enabled bool, window *events.Window) event.Event {
	now := time.Now()
	data, err := json.Marshal(events.TicketApproved{
		Switch: "proxy-ssl", Enabled: &enabled,
		Target: &events.Target{ProjectID: testProject, InstanceID: fmt.Sprintf("%032din07", n), ProxyID: fmt.Sprintf("%032dpo01", n)},
		Ticket: &events.Ticket{ID: id, RequestedBy: "r", ApprovedBy: []string{"a"}, ApprovedAt: &now, Window: window},
	})
	require.NoError(t, err)
	ev := event.New()
	ev.SetID(id)
	ev.SetSource("https://tickets.example.com")
	ev.SetType(events.TypeTicketApproved)
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(data)))
	return ev
}

func TestWindowsOpenOnTimeOnceAfterARestartToo(t *testing.T) {
	for name, wait := range map[string]time.Duration{"ten minutes": 10 * time.Minute, "three days": 72 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newTown(t, cloudsim.Options{})
				const tick = 10 * time.Second
				p := w.start(w.bolt(), tick)
				opens := time.Now().Add(wait)
				closes := opens.Add(2 * time.Hour)
				ev := ticket(t, "CHG1", 1, true, &events.Window{Start: &opens, End: &closes})
				r := p.Handle(t.Context(), "proxyssl", ev)
				require.Equal(t, events.NotYet, r.Error.Code)
				require.Equal(t, wait, r.RetryAfter)

				time.Sleep(wait / 2)
				other := ticket(t, "CHG2", 1, false, nil)
				require.Equal(t, engine.Completed, p.Handle(t.Context(), "proxyssl", other).Kind,
					"what waits for its window holds nothing meanwhile")
				p.stop()
				p = w.start(w.bolt(), tick)
				time.Sleep(wait/2 + tick + time.Second)
				synctest.Wait()
				require.Len(t, w.sim.Effects(), 2)
				effect := w.sim.Effects()[1]
				require.True(t, effect.Enabled)
				require.False(t, effect.Time.Before(opens), "flipped before its window")
				require.LessOrEqual(t, effect.Time.Sub(opens), tick)
				r = p.Handle(t.Context(), "proxyssl", ev)
				require.Equal(t, events.Accepted, r.Result, "delivered again")
				time.Sleep(time.Hour)
				require.Len(t, w.sim.Effects(), 2, "once")
				p.stop()
			})
		})
	}
}

func TestACloudThatIsAwayForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		require.NoError(t, w.sim.Inject(cloudsim.Fault{Kind: cloudsim.Refuse}))
		began := time.Now()
		// One every two hours, each on a proxy of its own, and two on the same.
		for i := range 12 {
			p.Handle(t.Context(), "proxyssl", ticket(t, fmt.Sprintf("CHG%d", i), i, true, nil))
			time.Sleep(2 * time.Hour)
		}
		p.Handle(t.Context(), "proxyssl", ticket(t, "older", 99, true, nil))
		time.Sleep(time.Second)
		p.Handle(t.Context(), "proxyssl", ticket(t, "newer", 99, false, nil))
		require.WithinDuration(t, began.Add(24*time.Hour), time.Now(), time.Minute)
		time.Sleep(30 * time.Minute)
		require.Empty(t, w.sim.Effects())
		w.sim.ClearFaults()
		time.Sleep(2 * time.Hour)
		synctest.Wait()

		failed := w.events(events.TypeSwitchFailed)
		require.Len(t, failed, 1, "only the first was pursued for a day")
		var data events.Rejected
		require.NoError(t, json.Unmarshal(failed[0].Data(), &data))
		require.Equal(t, events.GaveUp, data.Error.Code)
		require.Equal(t, "CHG0", data.Cause.ID)
		completed := w.events(events.TypeSwitchCompleted)
		rejected := w.events(events.TypeSwitchRejected)
		require.Equal(t, 13, len(completed)+len(rejected), "nothing ends in silence")
		require.LessOrEqual(t, len(rejected), 1, "the older of the two, if the newer came first")
		state := w.sim.State(cloudsim.Target{ProjectID: testProject, InstanceID: fmt.Sprintf("%032din07", 99), ProxyID: fmt.Sprintf("%032dpo01", 99)})
		require.False(t, state.On["ssl"], "the newest wins")
		p.stop()
	})
}

func TestThousandsOfJobsAreFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const jobs = followedJobs
		w := newTown(t, cloudsim.Options{JobRunning: 10 * time.Minute})
		p := w.start(config.Place{Kind: "memory"}, time.Second)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range jobs {
			r := p.Handle(t.Context(), "proxyssl", ticket(t, fmt.Sprintf("CHG%d", i), i, true, nil))
			require.Equal(t, events.Accepted, r.Result)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		require.Len(t, w.events(events.TypeJobSucceeded), jobs)
		require.Empty(t, p.follows.known, "nothing is kept of what has ended")

		reads := len(w.sim.CallsOf(cloudsim.ListImmediateJobs))
		require.Empty(t, w.sim.CallsOf(cloudsim.ShowJob), "none is asked for by itself")
		perJob := (after.HeapAlloc - before.HeapAlloc) / jobs
		t.Logf("proved: %d jobs followed for 10 minutes by %d calls for pages of their list, %d bytes a job, the simulated cloud's and the bus's included", jobs, reads, perJob)
		// A reading of p pages counts for 2 s and 0.2 s a page: in these ten
		// minutes, and the two in which the jobs end, five calls a second at most.
		require.LessOrEqual(t, reads, 12*60*5)
		require.Less(t, perJob, uint64(32<<10))
		p.stop()
	})
}

func TestJobsAreFollowedHoweverTheListIs(t *testing.T) {
	const jobs = 120
	for name, o := range map[string]cloudsim.Options{"lacks ours": {Unlisted: true}, "counts jobs": {OffsetsByJobs: true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o.JobRunning = 10 * time.Minute
				w := newTown(t, o)
				p := w.start(config.Place{Kind: "memory"}, time.Second)
				for i := range jobs {
					require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyssl", ticket(t, fmt.Sprintf("CHG%d", i), i, true, nil)).Result)
				}
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				require.Len(t, w.events(events.TypeJobSucceeded), jobs)
				require.Equal(t, o.Unlisted, len(w.sim.CallsOf(cloudsim.ShowJob)) > 0)
				owners, err := p.Ledger.Owners(t.Context(), testProject, []string{ledger.Listed})
				require.NoError(t, err)
				require.Equal(t, o.Unlisted, len(owners) == 0, "what the list has shown is remembered")
				require.LessOrEqual(t, len(w.sim.CallsOf(cloudsim.ListImmediateJobs)), 12*60*5)
				require.LessOrEqual(t, len(w.sim.CallsOf(cloudsim.ShowJob)), 20*60*5)
				p.stop()
			})
		})
	}
}

func TestFollowingGoesOnAfterARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{JobRunning: 10 * time.Minute})
		p := w.start(w.bolt(), time.Second)
		require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil)).Result)
		time.Sleep(time.Minute)
		p.stop()
		time.Sleep(time.Minute)
		p = w.start(w.bolt(), time.Second)
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		require.Len(t, w.events(events.TypeJobSucceeded), 1)
		p.stop()
	})
}

func TestAJobThatNeverEndsIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{JobRunning: 1000 * time.Hour})
		p := w.start(w.bolt(), time.Second)
		p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil))
		time.Sleep(time.Hour)
		require.Empty(t, w.events(events.TypeJobUnknown))
		p.stop()
		p = w.start(w.bolt(), time.Second)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		unknown := w.events(events.TypeJobUnknown)
		require.Len(t, unknown, 1)
		require.Empty(t, w.events(events.TypeJobFailed))
		var data events.JobEnded
		require.NoError(t, json.Unmarshal(unknown[0].Data(), &data))
		require.Equal(t, "Running", data.Job.Status)
		require.Contains(t, data.Job.FailReason, "still Running after 2h0m0s")
		p.stop()
	})
}

// So does a step whose job began so long ago that the cloud has forgotten it.
func TestAChainEndsWithAJobThatIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{JobRunning: 1000 * time.Hour})
		p := w.start(w.bolt(), time.Second)
		require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil)).Result)
		time.Sleep(time.Minute)
		p.stop()
		time.Sleep(31 * 24 * time.Hour)
		p = w.start(w.bolt(), time.Second)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, []events.StepState{"failed", "not-done", "not-done", "not-done"}, w.states(events.TypeChainFailed))
		p.stop()
	})
}

// A step whose job nobody can find ends its chain: it may have taken effect.
func TestAChainEndsWithAJobThatIsNotSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{JobVisible: 1000 * time.Hour})
		p := w.start(w.bolt(), time.Second)
		require.Equal(t, events.Accepted, p.Handle(t.Context(), "proxyalt", four(t, "CHG1", nil)).Result)
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		unknown := w.events(events.TypeJobUnknown)
		require.Len(t, unknown, 1)
		var data events.JobEnded
		require.NoError(t, unknown[0].DataAs(&data))
		require.Equal(t, events.NotSeen, data.Job.Status)
		require.NotEmpty(t, data.Job.FailReason)
		require.Equal(t, []events.StepState{"failed", "not-done", "not-done", "not-done"}, w.states(events.TypeChainFailed))
		var end events.ChainEnded
		require.NoError(t, w.events(events.TypeChainFailed)[0].DataAs(&end))
		require.Equal(t, events.Unresolved, end.Steps[0].Error.Code)
		p.stop()
	})
}

func TestACallThatDiedHalfWayIsFinishedWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(w.bolt(), time.Second)
		// The call takes effect, its answer is lost, and the caller never returns.
		require.NoError(t, w.sim.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1}))
		r := p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil))
		require.Equal(t, events.Doubt, r.Error.Code)
		p.stop()
		p = w.start(w.bolt(), time.Second)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		require.Len(t, w.sim.Effects(), 1)
		completed := w.events(events.TypeSwitchCompleted)
		require.Len(t, completed, 1)
		var data events.Completed
		require.NoError(t, json.Unmarshal(completed[0].Data(), &data))
		require.Equal(t, w.sim.Effects()[0].JobID, data.JobID)
		require.True(t, data.Inferred)
		due, err := p.Ledger.Due(t.Context(), time.Now(), 10)
		require.NoError(t, err)
		require.Empty(t, due)
		rec, err := p.Ledger.Get(t.Context(), ledger.Key{Switch: "proxy-ssl", Source: "https://tickets.example.com", ID: "CHG1"})
		require.NoError(t, err)
		require.False(t, rec.Emitted.IsZero())
		p.stop()
	})
}

// flips are the calls that were made to flip proxy SSL.
func (w *town) flips() int { return len(w.sim.CallsOf(proxyssl.Flip)) }

func (w *town) inject(f cloudsim.Fault) {
	w.t.Helper()
	require.NoError(w.t, w.sim.Inject(f))
}

// codes are the codes of the failed events, by what caused them.
func (w *town) codes() map[string]events.Code {
	codes := map[string]events.Code{}
	for _, ev := range w.events(events.TypeSwitchFailed) {
		var data events.Rejected
		require.NoError(w.t, json.Unmarshal(ev.Data(), &data))
		codes[data.Cause.ID] = data.Error.Code
	}
	return codes
}

func TestACloudThatNeverSaysYesOrNoIsNotAskedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusGatewayTimeout})
		p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil))
		time.Sleep(23 * time.Hour)
		require.Empty(t, w.codes())
		time.Sleep(2 * time.Hour)
		require.Equal(t, map[string]events.Code{"CHG1": events.GaveUp}, w.codes())
		calls := w.flips()
		time.Sleep(24 * time.Hour)
		require.Equal(t, calls, w.flips(), "nothing is called after the end")
		p.stop()
	})
}

func TestAHaltIsNotHeldAgainstADecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(w.bolt(), time.Minute)
		halter := p.Ledger.(ledger.Halter)
		require.NoError(t, halter.SetHalt(t.Context(), true))
		for _, id := range []string{"CHG1", "CHG2"} {
			r := p.Handle(t.Context(), "proxyssl", ticket(t, id, 1, true, nil))
			require.Equal(t, events.Unavailable, r.Error.Code)
			time.Sleep(time.Second)
		}
		time.Sleep(25 * time.Hour)
		require.Zero(t, w.flips())
		require.NoError(t, halter.SetHalt(t.Context(), false))
		time.Sleep(time.Hour)
		require.Empty(t, w.codes())
		require.NotEmpty(t, w.events(events.TypeSwitchCompleted))
		require.Len(t, append(w.events(events.TypeSwitchCompleted), w.events(events.TypeSwitchRejected)...), 2)
		p.stop()
	})
}

func TestWhatIsTakenUpAgainIsPursuedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusForbidden})
		ev := ticket(t, "CHG1", 1, true, nil)
		p.Handle(t.Context(), "proxyssl", ev)
		time.Sleep(25 * time.Hour)
		require.Equal(t, map[string]events.Code{"CHG1": events.GaveUp}, w.codes())
		w.sim.ClearFaults()
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 1})
		require.Equal(t, events.Busy, p.Handle(t.Context(), "proxyssl", ev).Error.Code)
		time.Sleep(time.Hour)
		require.Len(t, w.events(events.TypeSwitchFailed), 1)
		require.Len(t, w.events(events.TypeSwitchCompleted), 1)
		p.stop()
	})
}

func TestWhatFailedAndMeetsAHoldIsTakenUpByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		p.Handle(t.Context(), "proxyssl", ticket(t, "CHG0", 2, true, nil))
		time.Sleep(time.Minute) // its job is listed, so that one that is not tells something
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusForbidden})
		ev := ticket(t, "CHG1", 1, true, nil)
		p.Handle(t.Context(), "proxyssl", ev)
		time.Sleep(25 * time.Hour)
		require.Len(t, w.events(events.TypeSwitchFailed), 1)
		w.sim.ClearFaults()
		// Another is in doubt on the instance.
		w.inject(cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.CutBefore, Times: 1})
		on := true
		data, err := json.Marshal(events.SwitchRequested{Switch: "multi-tenancy", Enabled: &on, Target: &events.Target{
			ProjectID: testProject, InstanceID: fmt.Sprintf("%032din07", 1),
		}})
		require.NoError(t, err)
		other := ticket(t, "CHG2", 1, true, nil)
		other.SetType(events.TypeSwitchRequested)
		require.NoError(t, other.SetData(event.ApplicationJSON, json.RawMessage(data)))
		require.Equal(t, events.Doubt, p.Handle(t.Context(), "multitenant", other).Error.Code)
		r := p.Handle(t.Context(), "proxyssl", ev)
		require.Equal(t, events.Held, r.Error.Code)
		require.True(t, r.Stored)
		time.Sleep(time.Hour)
		require.Len(t, w.events(events.TypeSwitchCompleted), 3)
		p.stop()
	})
}

func TestACallWhoseJobIsAnothersIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil))
		job := w.sim.Effects()[0].JobID
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: http.StatusOK, Body: `{"job_id":"` + job + `"}`})
		r := p.Handle(t.Context(), "proxyssl", ticket(t, "CHG2", 2, true, nil))
		require.Equal(t, events.Doubt, r.Error.Code)
		time.Sleep(2 * time.Hour)
		require.Equal(t, 2, w.flips(), "its effect is known, whoever has the job")
		require.Equal(t, map[string]events.Code{"CHG2": events.Unresolved}, w.codes())
		p.stop()
	})
}

func TestADoubtAboutWhatTheCloudDoesNotListEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newTown(t, cloudsim.Options{})
		p := w.start(config.Place{Kind: "memory"}, time.Minute)
		w.inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutBefore, Times: 1})
		require.Equal(t, events.Doubt, p.Handle(t.Context(), "proxyssl", ticket(t, "CHG1", 1, true, nil)).Error.Code)
		time.Sleep(10 * time.Minute)
		require.Len(t, w.events(events.TypeSwitchCompleted), 1)
		require.Len(t, w.sim.Effects(), 1)
		p.stop()
	})
}
