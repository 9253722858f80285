package proof

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// The times that the proofs run with: the defaults, but for giving up, which
// is to happen now and then.
const (
	quiet      = 60 * time.Second
	giveUp     = 3 * time.Hour
	lifetime   = 30 * time.Second
	reserve    = 3 * time.Second
	retention  = 2160 * time.Hour
	skew       = 2 * time.Second
	mostAdrift = quiet - 2*skew - time.Second // how late an effect may be
)

// lab holds three workers, whose clocks differ. An engine keeps nothing between
// two events, so all worlds share them: which world an invocation is in, its
// context says.
type lab struct {
	workers [3]*engine.Engine
	nonces  atomic.Int64
	shelf   shelf
}

func newLab(t testing.TB) *lab {
	l := &lab{shelf: inMemory}
	for i := range l.workers {
		ahead := time.Duration(i-1) * skew
		e := &engine.Engine{
			Switches: huawei.Bind(functions.All(), &cloudapi.Client{
				GaussDB: "http://cloud", DBSS: "http://cloud",
				Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: gated{}},
			}),
			Ledger: gated{}, Bus: gated{}, Policy: gated{}, Tickets: gated{},
			GiveUp: giveUp, Retention: retention,
			Now:    func() time.Time { return time.Now().Add(ahead) },
			Nonce:  func() string { return fmt.Sprintf("nonce-%d", l.nonces.Add(1)) },
			Halted: func(ctx context.Context) bool { return from(ctx).world.halted.Load() },
			Observe: func(ctx context.Context, s engine.Step) {
				from(ctx).saw(s)
			},
		}
		require.NoError(t, e.Init())
		l.workers[i] = e
	}
	return l
}

// world is one run: a cloud, a ledger, a bus, and what happens between them.
type world struct {
	*lab
	cloud *cloudsim.Cloud
	way   http.RoundTripper
	// ledger is how whoever looks on sees it; the workers have books.
	ledger ledger.Ledger
	books
	halted atomic.Bool
	// reusable: the engine lets tickets be spent more than once.
	reusable bool
	// unlisted: the list of jobs has never been seen to show one of ours.
	unlisted bool
	// gate decides what becomes of each call of an invocation. It runs on the
	// invocation's goroutine and may keep it waiting.
	gate func(ctx context.Context, inv *invocation, what string) fate
	// drift is how much later a call takes effect whose process died with it on
	// its way; delay is what a slow call waits.
	drift, delay time.Duration
	// lasting, if set, is how long an invocation may last: its timers then tell it
	// nothing of that, as those of a process that stood still.
	lasting time.Duration
	// arrival, if set, tells when the call of a dead process takes effect; see drift.
	arrival func(*invocation) <-chan struct{}
	// ahead is how far the cloud's clock is.
	ahead time.Duration
	// began is the world's first moment.
	began time.Time

	minds
	history
	landing sync.WaitGroup
}

func (l *lab) newWorld() *world {
	w := &world{lab: l, began: time.Now(), drift: 0, delay: 10 * time.Second}
	w.working, w.close = map[*invocation]bool{}, func() {}
	l.shelf.open(w)
	w.cloud = cloudsim.New(cloudsim.Options{Simulations: simulations.All(), Now: func() time.Time { return time.Now().Add(w.ahead) }, Targets: []cloudsim.Target{
		{ProjectID: project, InstanceID: instance, ProxyID: proxy}, {ProjectID: project, InstanceID: instance, ProxyID: proxyB},
		{ProjectID: project, InstanceID: instance, DatabaseID: audited}, {ProjectID: project, InstanceID: other, ProxyID: proxy},
	}})
	w.way = w.cloud.RoundTripper()
	w.gate = func(context.Context, *invocation, string) fate { return succeeds }
	w.history.start()
	return w
}

// inBubble runs f under a fake clock, and hands a panic of it on.
func inBubble(t *testing.T, f func()) {
	var panicked any
	synctest.Test(t, func(*testing.T) {
		defer func() { panicked = recover() }()
		f()
	})
	if panicked != nil {
		panic(panicked)
	}
}

// invocation is one process that handles one event, or resumes one decision.
type invocation struct {
	world  *world
	worker int
	name   string
	// ledger is the worker's own.
	ledger ledger.Ledger
	book
	// deadline is when it ends by itself.
	deadline time.Time
	// nonces are those of the claims that it was granted.
	nonces map[string]bool
	// doubted are the decisions that it resumes and has not found absent yet.
	doubted map[ledger.Key]bool
	// granted and confirmed are the decisions to whose next call policy and
	// ticket system have said yes.
	granted, confirmed map[ledger.Key]bool

	// waits: it is held up at a gate; resume lets it go on.
	waits  atomic.Bool
	resume chan fate

	done chan struct{}
	died bool
	// adrift: it died with a call on its way.
	adrift atomic.Bool
	result engine.Result
}

type invocationKey struct{}

func from(ctx context.Context) *invocation { return ctx.Value(invocationKey{}).(*invocation) }

func (inv *invocation) now() time.Time { return inv.world.workers[inv.worker].Now() }

func (inv *invocation) over() bool {
	select {
	case <-inv.done:
		return true
	default:
		return false
	}
}

// start begins an invocation of a worker.
func (w *world) start(worker int, name string, run func(context.Context, *engine.Engine) engine.Result) *invocation {
	inv := &invocation{
		world: w, worker: worker, name: name, ledger: w.book(worker), deadline: time.Now().Add(cmp.Or(w.lasting, lifetime)),
		nonces: map[string]bool{}, doubted: map[ledger.Key]bool{}, granted: map[ledger.Key]bool{}, confirmed: map[ledger.Key]bool{},
		resume: make(chan fate), done: make(chan struct{}),
	}
	w.begins(inv)
	w.tell("%s begins, worker %d", name, worker)
	ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), invocationKey{}, inv), lifetime)
	if w.lasting > 0 {
		cancel()
		ctx, cancel = frozen{context.WithValue(context.Background(), invocationKey{}, inv), inv.deadline}, func() {}
	}
	go func() {
		defer cancel()
		defer close(inv.done)
		defer w.closed(inv)
		defer func() {
			switch p := recover().(type) {
			case nil:
				w.ended(inv)
			case death:
				inv.died = true
			default:
				w.wrong("%s: panic: %v", name, p)
			}
		}()
		inv.result = run(ctx, w.workers[worker])
	}()
	return inv
}

// frozen is a context that has a deadline and does not notice when it is there.
type frozen struct {
	context.Context
	deadline time.Time
}

func (f frozen) Deadline() (time.Time, bool) { return f.deadline, true }

// deliver starts the handling of an event by a worker.
func (w *world) deliver(worker int, ev event.Event) *invocation {
	if ev.Type() == events.TypeSwitchCompleted {
		return w.follow(worker, ev)
	}
	return w.start(worker, "delivery of "+ev.ID(), func(ctx context.Context, e *engine.Engine) engine.Result {
		r := e.Handle(ctx, switchOf(ev), ev)
		if r.Kind == engine.Ignored && ev.Type() != events.TypeTagChanged {
			w.wrong("%s is ignored", ev.ID())
		}
		return r
	})
}

// handle delivers an event and waits for the end of its handling.
func (w *world) handle(ev event.Event) engine.Result {
	inv := w.deliver(1, ev)
	<-inv.done
	return inv.result
}

// due lists what the ledger says is due, each to be resumed as the keeper of
// the local program and the sweep on AWS do.
func (w *world) due(worker int) (resume []func() *invocation) {
	due, err := w.ledger.Due(dynamotest.With(context.Background(), w.lag), w.workers[worker].Now(), 100)
	if err != nil {
		w.wrong("due: %v", err)
	}
	for _, d := range due {
		resume = append(resume, func() *invocation {
			return w.start(worker, "sweep of "+d.Key.ID, func(ctx context.Context, e *engine.Engine) engine.Result {
				return goOn(ctx, e, d.Key)
			})
		})
	}
	return resume
}

// rest lets time pass, and with it everything that depends on nothing else.
func (w *world) rest(d time.Duration) {
	_ = wait(context.Background(), d)
	synctest.Wait()
	if w.expire != nil {
		w.expire()
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// setAdrift makes a call whose process is dead.
func (w *world) setAdrift(inv *invocation, op func(context.Context) error) {
	drift := w.drift
	w.landing.Go(func() {
		if w.arrival != nil {
			<-w.arrival(inv)
		}
		ctx, cancel := context.WithTimeout(context.WithValue(context.Background(), invocationKey{}, inv), mostAdrift+time.Millisecond)
		defer cancel()
		_ = wait(ctx, drift)
		_ = op(ctx)
	})
}

func read(r *http.Request) []byte {
	if r.Body == nil {
		return nil
	}
	b, _ := io.ReadAll(r.Body)
	_ = r.Body.Close()
	return b
}

// send lets a request reach the cloud, and tells net/http's observers how far
// it got, as its own transport would.
func (w *world) send(ctx context.Context, s *send, r *http.Request, body []byte) (*http.Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(r.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	q := r.Clone(ctx)
	q.Body = io.NopCloser(bytes.NewReader(body))
	if s != nil {
		w.numbering.Lock()
		w.mu.Lock()
		w.current = s
		w.mu.Unlock()
	}
	res, err := w.way.RoundTrip(q)
	w.sent(s, res, err)
	if trace != nil && !errors.Is(err, syscall.ECONNREFUSED) {
		trace.GotConn(httptrace.GotConnInfo{})
		trace.WroteHeaders()
	}
	return res, err
}

// The things that are switched.
const (
	project  = "056538411200d4cd2f79c003c7606412"
	instance = "096c0fc43e804757b59946b80dc27f8bin07"
	other    = "196c0fc43e804757b59946b80dc27f8bin07"
	proxy    = "2ec617ba62da4eafb921b69438beed3cpo01"
	proxyB   = "3ec617ba62da4eafb921b69438beed3cpo01"
	audited  = "hP2mXLsBZmiBxPyuz4vA"
)

// targetOf is the usual target of a switch.
func targetOf(name string) events.Target {
	t := events.Target{ProjectID: project, InstanceID: instance}
	switch switchNamed(name).Kind {
	case huawei.OnProxy:
		t.ProxyID = proxy
	case huawei.OnDatabase:
		t.DatabaseID = audited
	}
	return t
}

// ask is what an event is made of.
type ask struct {
	id      string
	source  string // that of every event, if empty
	sw      string
	target  events.Target
	on      bool
	options map[string]any
	// decided is the time attribute, or the ticket's approval where there is
	// one; zero: none.
	decided time.Time
	ticket  *events.Ticket
	// tag makes it a tag event.
	tag bool
}

// request asks for a switch on its usual target, decided now.
func request(id, sw string, on bool) ask {
	return ask{id: id, sw: sw, target: targetOf(sw), on: on, decided: time.Now()}
}

func (a ask) event() event.Event {
	ev := event.New()
	ev.SetID(a.id)
	ev.SetSource(cmp.Or(a.source, "https://tickets.example.com/changes"))
	if !a.decided.IsZero() {
		ev.SetTime(a.decided)
	}
	var data any
	switch {
	case a.tag:
		ev.SetType(events.TypeTagChanged)
		value := map[bool]string{true: "on", false: "off"}[a.on]
		data = events.TagChanged{Target: &a.target, Changes: []events.TagChange{{Key: events.TagPrefix + a.sw, New: &value}}}
	case a.ticket != nil:
		ev.SetType(events.TypeTicketApproved)
		data = events.TicketApproved{Switch: a.sw, Enabled: &a.on, Target: &a.target, Options: a.options, Ticket: a.ticket}
	default:
		ev.SetType(events.TypeSwitchRequested)
		data = events.SwitchRequested{Switch: a.sw, Enabled: &a.on, Target: &a.target, Options: a.options}
	}
	raw, err := json.Marshal(data)
	if err != nil {
		panic(err)
	}
	if err := ev.SetData(event.ApplicationJSON, raw); err != nil {
		panic(err)
	}
	return ev
}

// approved is a ticket for a change, within a window if one is given.
func approved(at time.Time, window *events.Window) *events.Ticket {
	return &events.Ticket{
		ID: "CHG0031337", RequestedBy: "requester@example.com", ApprovedBy: []string{"approver@example.com"},
		ApprovedAt: &at, Window: window,
	}
}

// switchOf names the switch that an event of ask is for.
func switchOf(ev event.Event) string {
	if name := namedFirst(ev); name != "" {
		return name
	}
	for _, s := range functions.All() {
		if strings.Contains(string(ev.Data()), `"`+s.Name+`"`) || strings.Contains(string(ev.Data()), `"`+events.TagPrefix+s.Name+`"`) {
			return s.Name
		}
	}
	panic("an event for nobody")
}

func switchNamed(name string) huawei.Switch {
	for _, s := range functions.All() {
		if s.Name == name {
			return s
		}
	}
	panic(name)
}

// simulationOf is what the simulated cloud has of a switch.
func simulationOf(name string) cloudsim.Simulation {
	for _, s := range simulations.All() {
		if s.Switch == name {
			return s
		}
	}
	panic(name)
}

// operationOf is the call that flips a switch, as the simulated cloud names it.
func operationOf(name string) string { return simulationOf(name).Flip.Name }

// targetIn is a decision's target, as the simulated cloud names it.
func targetIn(d *decision.Decision) (t cloudsim.Target) {
	if err := d.Decode(&t, nil); err != nil {
		panic(err)
	}
	return t
}

// positionOf is how a decision's switch lies at the cloud.
func (w *world) positionOf(d *decision.Decision) (on bool, openJob string) {
	s := w.cloud.State(targetIn(d))
	return s.On[simulationOf(d.Switch).Positions[0]], s.OpenJob
}

func keyOf(ev event.Event) ledger.Key {
	if ev.Type() == events.TypeSwitchCompleted {
		return ledger.Key{Switch: engine.JobFollow, Source: ev.Source(), ID: ev.ID()}
	}
	return ledger.Key{Switch: switchOf(ev), Source: ev.Source(), ID: ev.ID()}
}
