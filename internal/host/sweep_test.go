package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) tell() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// sink is a bus that may be away.
type sink struct {
	mu   sync.Mutex
	away bool
	ids  []string
}

func (b *sink) set(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

func (b *sink) Publish(_ context.Context, out ...bus.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errors.New("away")
	}
	for _, ev := range out {
		b.ids = append(b.ids, ev.ID())
	}
	return nil
}

func (b *sink) published() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ids)
}

var _ bus.Bus = (*sink)(nil)

// swept is an engine with all around it, and a sweeper.
type swept struct {
	*clock
	cloud *cloudsim.Cloud
	bus   *sink
	*Host
	*Sweeper
}

func newSwept(t *testing.T) *swept {
	t.Helper()
	w := &swept{clock: &clock{at: noon}, bus: new(sink)}
	w.cloud = cloudsim.New(cloudsim.Options{Simulations: simulations.All(), Now: w.tell})
	w.Host = New(config.Config{}, functions.All(), &cloudapi.Client{
		GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken),
		HTTP: &http.Client{Transport: w.cloud.RoundTripper()}, Now: w.tell,
	}, ledger.NewMemory(), w.bus)
	w.Sweeper = w.Host.Sweeper
	w.Engine.Now, w.Sweeper.Now = w.tell, w.tell
	require.NoError(t, w.Engine.Init())
	return w
}

// handle delivers a request for an instance, once.
func (w *swept) handle(t *testing.T, id string) engine.Result {
	t.Helper()
	on := true
	ev := event.New()
	ev.SetID(id)
	ev.SetSource("urn:test")
	ev.SetType(events.TypeSwitchRequested)
	ev.SetTime(noon)
	data, err := json.Marshal(events.SwitchRequested{Switch: "proxy-ssl", Enabled: &on, Target: &events.Target{
		ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: strings.Repeat("0", 32-len(id)) + id + "in07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01",
	}})
	require.NoError(t, err)
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(data)))
	return w.Handle(t.Context(), "proxyssl", ev)
}

// sweep sweeps once and waits for what that began.
func (w *swept) sweep(t *testing.T) int {
	t.Helper()
	begun, err := w.Sweep(t.Context())
	require.NoError(t, err)
	w.Wait()
	return begun
}

func (w *swept) busy(t *testing.T, times int) {
	t.Helper()
	require.NoError(t, w.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: times}))
}

// What waits is taken up when it is due and not before, once.
func TestSweepTakesUpWhatIsDue(t *testing.T) {
	w := newSwept(t)
	w.busy(t, 1)
	r := w.handle(t, "1")
	require.Equal(t, engine.Later, r.Kind)
	require.Zero(t, w.sweep(t))
	w.advance(r.RetryAfter - time.Second)
	require.Zero(t, w.sweep(t))
	w.advance(time.Second)
	require.Equal(t, 1, w.sweep(t))
	require.Len(t, w.cloud.Effects(), 1)
	require.Equal(t, 1, w.bus.published())
	require.Zero(t, w.sweep(t))
}

// What cannot be finished is tried again after a wait that grows to a minute,
// while its record asks for work all the time.
func TestSweepWaitsLongerEachTime(t *testing.T) {
	w := newSwept(t)
	w.bus.set(true)
	require.Equal(t, engine.Later, w.handle(t, "1").Kind)
	w.advance(publishing + time.Second)
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		require.Equal(t, 1, w.sweep(t))
		w.advance(wait*time.Second - time.Millisecond)
		require.Zero(t, w.sweep(t), "%d s", wait)
		w.advance(time.Millisecond)
	}
	w.bus.set(false)
	require.Equal(t, 1, w.sweep(t))
	require.Equal(t, 1, w.bus.published())
	require.Len(t, w.cloud.Effects(), 1)
	require.Zero(t, w.sweep(t))
	require.Empty(t, w.again, "what is done is still remembered")
}

// An event that was settled may be about to be published by whoever settled it,
// unless that is known to be gone.
func TestSweepLeavesThePublisherItsTime(t *testing.T) {
	for _, alone := range []bool{false, true} {
		w := newSwept(t)
		w.Alone = alone
		w.bus.set(true)
		require.Equal(t, engine.Later, w.handle(t, "1").Kind)
		w.bus.set(false)
		if !alone {
			w.advance(publishing - time.Second)
		}
		w.advance(time.Second) // a new process starts
		want := 0
		if alone {
			want = 1
		}
		require.Equal(t, want, w.sweep(t))
		require.Equal(t, want, w.bus.published())
		w.advance(publishing)
		require.Equal(t, 1-want, w.sweep(t))
		require.Equal(t, 1, w.bus.published())

		w.bus.set(true)
		require.Equal(t, engine.Later, w.handle(t, "2").Kind)
		w.bus.set(false)
		w.advance(time.Second) // this process may be about to publish it
		require.Zero(t, w.sweep(t))
	}
}

// One that is being worked on is not begun a second time.
func TestSweepDoesNotBeginTwice(t *testing.T) {
	w := newSwept(t)
	w.busy(t, 1)
	w.advance(w.handle(t, "1").RetryAfter)
	arrived, goOn := make(chan struct{}), make(chan struct{})
	w.Engine.Observe = func(_ context.Context, s engine.Step) {
		if s.Name == "claim" {
			close(arrived)
			<-goOn
		}
	}
	begun, err := w.Sweep(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, begun)
	<-arrived
	begun, err = w.Sweep(t.Context())
	require.NoError(t, err)
	require.Zero(t, begun)
	close(goOn)
	w.Wait()
	require.Len(t, w.cloud.Effects(), 1)
}

// A panic costs the decision that it came from its turn, and says nothing but
// its type.
func TestSweepOutlivesAPanic(t *testing.T) {
	w := newSwept(t)
	var out bytes.Buffer
	w.Log = slog.New(slog.NewJSONHandler(&out, nil))
	w.busy(t, 1)
	w.advance(w.handle(t, "1").RetryAfter)
	w.Engine.Observe = func(_ context.Context, s engine.Step) {
		if s.Name == "call" {
			panic("the key is canary")
		}
	}
	require.Equal(t, 1, w.sweep(t))
	require.Contains(t, out.String(), "panic while finishing a decision")
	require.Contains(t, out.String(), `"panic":"string"`)
	require.NotContains(t, out.String(), "canary")
	require.Len(t, w.again, 1, "it is tried again at once")
	w.Engine.Observe = func(context.Context, engine.Step) {}
	w.advance(5 * time.Minute) // the lease, and the quiet time
	require.Equal(t, 1, w.sweep(t))
	require.Len(t, w.cloud.Effects(), 1)
	require.Equal(t, 1, w.bus.published())
}

// Under a halt, what waits for its end is left alone once it says so: taken up, each
// would be written twice to be put off again. What is to be published is, and jobs
// are followed.
func TestSweepUnderAHalt(t *testing.T) {
	w := newSwept(t)
	w.bus.set(true)
	require.Equal(t, engine.Later, w.handle(t, "1").Kind)
	w.bus.set(false)
	halt := true
	w.Engine.Halted = func(context.Context) bool { return halt }
	require.Equal(t, engine.Later, w.handle(t, "2").Kind)
	claims := 0
	w.Engine.Observe = func(_ context.Context, s engine.Step) {
		if s.Name == "claim" {
			claims++
		}
	}
	followed := ledger.Claim{Key: ledger.Key{Switch: engine.JobFollow, ID: "3"}, Stored: json.RawMessage(`{}`), Now: noon}
	require.NoError(t, w.Host.Ledger.Wait(t.Context(), followed, ledger.Wait{Due: noon}))
	w.advance(time.Hour)
	require.Equal(t, 3, w.sweep(t))
	require.Equal(t, 1, w.bus.published())
	require.Equal(t, 1, claims, "it says that it is halted")
	w.advance(time.Hour)
	require.Equal(t, 1, w.sweep(t), "the job")
	require.Equal(t, 1, claims)
	for i := range mostTold {
		w.told[ledger.Key{ID: strconv.Itoa(i)}] = true
	}
	require.Equal(t, engine.Later, w.handle(t, "4").Kind)
	w.advance(time.Hour)
	require.Equal(t, 1, w.sweep(t), "of more, none does")
	require.Len(t, w.cloud.Effects(), 1)
	halt = false
	w.sweep(t)
	require.Empty(t, w.told)
	require.Equal(t, 3, w.bus.published())
	require.Len(t, w.cloud.Effects(), 3)
}

// A whole sweep goes on until nothing is due, and begins nothing near the end of
// its time.
func TestSweepAll(t *testing.T) {
	w := newSwept(t)
	w.bus.set(true)
	const many = dueBatch + atOnce
	for i := range many {
		require.Equal(t, events.Unavailable, w.handle(t, strconv.Itoa(i)).Error.Code)
	}
	w.advance(publishing + time.Second)
	w.bus.set(false)
	short, cancel := context.WithTimeout(t.Context(), publishing/4-time.Second)
	defer cancel()
	require.NoError(t, w.All(short))
	require.Zero(t, w.bus.published())
	require.NoError(t, w.All(t.Context()))
	require.Equal(t, many, w.bus.published())
}

// What another process has finished meanwhile is forgotten, though something is
// due all the time; what is still to be finished keeps its wait.
func TestSweepForgetsWhatOthersFinished(t *testing.T) {
	w := newSwept(t)
	w.bus.set(true)
	require.Equal(t, engine.Later, w.handle(t, "1").Kind)
	require.Equal(t, engine.Later, w.handle(t, "2").Kind)
	w.advance(publishing + time.Second)
	require.Equal(t, 2, w.sweep(t))
	require.Len(t, w.again, 2)
	w.advance(time.Second)
	w.bus.set(false)
	require.NotEqual(t, engine.Later, w.handle(t, "1").Kind, "a repeat publishes")
	w.bus.set(true)
	require.Equal(t, 1, w.sweep(t))
	require.Len(t, w.again, 1)
	for _, r := range w.again {
		require.Equal(t, 2*time.Second, r.after)
	}
}

// A list that was cut off says nothing of what it leaves out, nor does it of
// what was put off after it was made.
func TestSweepForgetsOnlyByWhatItKnows(t *testing.T) {
	s := &Sweeper{again: map[ledger.Key]retry{
		{ID: "before"}: {at: noon, after: time.Second}, {ID: "since"}: {at: noon.Add(time.Minute), after: time.Minute},
	}}
	s.forget(nil, noon)
	require.Equal(t, map[ledger.Key]retry{{ID: "since"}: {at: noon.Add(time.Minute), after: time.Minute}}, s.again)

	w := newSwept(t)
	w.Sweeper.Ledger = crowded{}
	require.Zero(t, w.sweep(t))
	w.again[ledger.Key{ID: "beyond the list"}] = retry{at: noon, after: time.Second}
	w.advance(time.Minute)
	require.Zero(t, w.sweep(t))
	require.Len(t, w.again, 1)
}

// crowded is a ledger in which always more is due than is asked for. It has an
// event that is about to be published, over and over.
type crowded struct{ ledger.Ledger }

func (crowded) Due(_ context.Context, now time.Time, limit int, _ ...func(ledger.Due) bool) ([]ledger.Due, error) {
	return slices.Repeat([]ledger.Due{{Key: ledger.Key{ID: "1"}, Why: ledger.Unemitted, At: now}}, limit), nil
}

// broken is a ledger that cannot be read.
type broken struct{ ledger.Ledger }

func (broken) Due(context.Context, time.Time, int, ...func(ledger.Due) bool) ([]ledger.Due, error) {
	return nil, errors.New("away")
}

func TestSweepWithoutALedger(t *testing.T) {
	w := newSwept(t)
	w.Sweeper.Ledger = broken{}
	require.EqualError(t, w.All(t.Context()), "ledger: away")
}

// A sweep that is cancelled begins nothing more; what it has begun comes to its
// end.
func TestCancelledSweep(t *testing.T) {
	w := newSwept(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.busy(t, 1)
	w.advance(w.handle(t, "1").RetryAfter)
	w.Engine.Observe = func(_ context.Context, s engine.Step) {
		if s.Name == "claim" {
			cancel()
		}
	}
	begun, err := w.Sweep(ctx)
	require.NoError(t, err)
	require.Equal(t, 1, begun)
	w.Wait()
	require.Len(t, w.cloud.Effects(), 1)
	require.Equal(t, 1, w.bus.published())
}

// waiting is a ledger in which these are due, for as long as they are not taken out.
type waiting struct {
	ledger.Ledger
	mu     sync.Mutex
	due    []ledger.Due
	limits []int
}

// whose are n decisions that wait.
func whose(n int) *waiting {
	a := &waiting{}
	for i := range n {
		a.add(strconv.Itoa(i))
	}
	return a
}

func (a *waiting) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.due = append(a.due, ledger.Due{Key: ledger.Key{ID: id}, Why: ledger.Waited})
}

func (a *waiting) remove(key ledger.Key) engine.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.due = slices.DeleteFunc(a.due, func(d ledger.Due) bool { return d.Key == key })
	return engine.Result{}
}

func (a *waiting) Due(_ context.Context, _ time.Time, limit int, _ ...func(ledger.Due) bool) ([]ledger.Due, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limits = append(a.limits, limit)
	return slices.Clone(a.due[:min(limit, len(a.due))]), nil
}

// Any number of decisions that cannot be finished keep nothing back that is due
// after them.
func TestSweepGoesPastTheStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := whose(2 * dueBatch)
		l.add("last")
		finished := false
		s := &Sweeper{Ledger: l, Resume: func(_ context.Context, key ledger.Key) engine.Result {
			if key.ID != "last" {
				return engine.Result{Kind: engine.Later}
			}
			finished = true
			return l.remove(key)
		}}
		require.NoError(t, s.All(t.Context()))
		require.True(t, finished)
		require.Equal(t, []int{dueBatch, 2 * dueBatch, 3 * dueBatch, 3 * dueBatch}, l.limits)
	})
}

// What is at work stands in the list too, and is not begun again.
func TestSweepGoesPastWhatIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := whose(atOnce)
		s := &Sweeper{Ledger: l, Resume: func(_ context.Context, key ledger.Key) engine.Result {
			time.Sleep(time.Second)
			return l.remove(key)
		}}
		for _, want := range []int{atOnce, 0} {
			begun, err := s.Sweep(t.Context())
			require.NoError(t, err)
			require.Equal(t, want, begun)
		}
		require.Equal(t, []int{dueBatch, dueBatch + atOnce}, l.limits)
		s.Wait()
		require.Empty(t, l.due)
	})
}

// A sweep that is ended waits for what it began. What it had only marked is free
// again, after the wait of what could not be finished.
func TestCancelledSweepGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, goOn := whose(atOnce+1), make(chan struct{})
		s := &Sweeper{Ledger: l, Resume: func(_ context.Context, key ledger.Key) engine.Result {
			<-goOn
			return l.remove(key)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.All(ctx) }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		require.Empty(t, ended, "it ended before what it began")
		close(goOn)
		require.ErrorIs(t, <-ended, context.Canceled)
		require.Len(t, l.due, 1)

		require.NoError(t, s.All(t.Context()))
		require.Len(t, l.due, 1, "it was begun at once")
		time.Sleep(time.Second)
		require.NoError(t, s.All(t.Context()))
		require.Empty(t, l.due)
	})
}

// What becomes due by what is done belongs to the same sweep; a wait that grew ends
// with what it was for.
func TestSweepGoesOnWithWhatFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ends := whose(1), []string{"panic", "panic", "on", "panic", "next", "done"}
		s := &Sweeper{Ledger: l, Resume: func(_ context.Context, key ledger.Key) (r engine.Result) {
			time.Sleep(time.Millisecond)
			end := ends[0]
			ends = ends[1:]
			switch end {
			case "panic":
				panic("by the default log and the default clock")
			case "next":
				l.add(end)
				fallthrough
			case "done":
				return l.remove(key)
			}
			return r // and it is due again
		}}
		for _, wait := range []time.Duration{1, 2, 1} {
			require.NoError(t, s.All(t.Context()))
			require.Len(t, l.due, 1)
			time.Sleep(wait * time.Second)
		}
		require.NoError(t, s.All(t.Context()))
		require.Empty(t, l.due)
	})
}

// shared is a ledger that shares out its decisions.
type shared struct {
	ledger.Ledger
	mu    sync.Mutex
	turns map[ledger.Key]turn
}

type turn struct {
	by    string
	until time.Time
}

func (l *shared) Share(_ context.Context, key ledger.Key, by string, now, until time.Time) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if t, given := l.turns[key]; given && t.by != by && t.until.After(now) {
		return false, nil
	}
	l.turns[key] = turn{by, until}
	return true, nil
}

// Of the processes on a ledger that shares out its decisions, one resumes each; the
// others do when its time is over.
func TestSweepsAreShared(t *testing.T) {
	w := newSwept(t)
	w.bus.set(true)
	const decisions = 12
	for i := range decisions {
		require.Equal(t, engine.Later, w.handle(t, strconv.Itoa(i)).Kind)
	}
	w.advance(publishing + time.Second)
	l := &shared{Ledger: w.Host.Ledger, turns: map[ledger.Key]turn{}}
	var mu sync.Mutex
	resumed := map[ledger.Key][]string{}
	var sweepers []*Sweeper
	for _, by := range []string{"one", "two", "three"} {
		sweepers = append(sweepers, &Sweeper{Ledger: l, Now: w.tell, By: by, Resume: func(_ context.Context, key ledger.Key) engine.Result {
			mu.Lock()
			defer mu.Unlock()
			resumed[key] = append(resumed[key], by)
			return engine.Result{Kind: engine.Later}
		}})
	}
	sweep := func(some ...*Sweeper) {
		var all sync.WaitGroup
		for _, s := range some {
			all.Go(func() {
				_, err := s.Sweep(t.Context())
				require.NoError(t, err)
				s.Wait()
			})
		}
		all.Wait()
	}
	sweep(sweepers...)
	require.Len(t, resumed, decisions)
	for key, by := range resumed {
		require.Len(t, by, 1, key.ID)
	}
	w.advance(sharing - time.Second)
	sweep(sweepers[0])
	w.advance(2 * time.Second)
	sweep(sweepers[1])
	for key, by := range resumed {
		want := map[string][]string{"one": {"one", "one"}, "two": {"two", "two"}, "three": {"three", "two"}}[by[0]]
		require.Equal(t, want, by, key.ID)
	}
}
