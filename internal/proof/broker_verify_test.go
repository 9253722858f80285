//go:build verify

package proof

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/brokertest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

// TestDeathsBehindABroker kills two processes on one database by turns, with SIGKILL,
// while a broker in trouble delivers to them: to each switch three tickets, which are
// approved one after the other and come in any order, one tag event for two switches,
// and a chain whose every step goes by the broker too. Nothing but the broker delivers
// anything again, by Knative's table and with the numbers of deploy/knative. In the
// end each ticket has taken effect once or was superseded, in the order of approval;
// of each, the broker has one end; and only what was superseded is
// among the dead letters.
func TestDeathsBehindABroker(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: time.Millisecond, JobRunning: time.Millisecond})
	// Calls take their time, so that death meets them on their way.
	require.NoError(t, cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Delay: 20 * time.Millisecond}))
	api := httptest.NewServer(cloud)
	t.Cleanup(api.Close)
	pods := new(service)
	broker := &brokertest.Broker{
		Subscriber: pods.url, Retry: 8, Backoff: 2 * time.Second,
		Types: []string{events.TypeTicketApproved, events.TypeTagChanged, events.TypeSwitchRequested},
	}
	t.Cleanup(broker.Start())
	ingress := httptest.NewServer(broker)
	t.Cleanup(ingress.Close)
	first := programOf(t, api.URL, "")
	first.env = append(first.env, "INTERLOCK_LEDGER="+postgrestest.Start(t).URL(""), "INTERLOCK_BUS=sink:", "K_SINK="+ingress.URL)
	second := *first
	pods.run(first, &second)
	t.Cleanup(pods.end)

	sent := new(sendings)
	sent.toCloud, sent.toBroker = cloud, broker
	r := rand.New(rand.NewPCG(5, 6))
	sent.ask(request("first", ssl, true)) // the list of jobs is then known to show those of ours
	require.Eventually(t, func() bool { return len(sent.ends(events.TypeJobSucceeded)) > 0 }, time.Minute, 50*time.Millisecond)
	for range brokerKills {
		for _, ev := range sent.round(r) {
			broker.Send(ev)
		}
		timer := time.NewTimer(time.Duration(r.IntN(150)) * time.Millisecond)
		<-timer.C
		pods.kill(r.IntN(2))
	}
	require.Eventually(t, func() bool { return sent.missing() == "" }, 6*time.Minute, 200*time.Millisecond, "%s", &missing{sent})
	broken, err := broker.Broken()
	require.NoError(t, err)
	require.Positive(t, broken, "no death met a delivery")
	sent.check(t)
	t.Logf("proved: deaths behind a broker: %d kills of two processes on PostgreSQL, %d deliveries cut off, the broker in trouble: %d decisions, each once in effect or superseded, in order, one end each, %d chains whole, 0 violations",
		brokerKills, broken, len(sent.all), brokerKills)
}

// brokerKills is how often a process dies.
const brokerKills = 8

// service is what Kubernetes calls so: an address that leads to one of several
// processes, also to one that has just died.
type service struct {
	mu   sync.Mutex
	next int
	urls []string
	pods []*program
}

func (s *service) run(pods ...*program) {
	s.pods, s.urls = pods, make([]string, len(pods))
	for i := range pods {
		s.start(i)
	}
}

func (s *service) start(i int) {
	s.pods[i].start()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.urls[i] = s.pods[i].url + "/"
}

// kill kills a process, and starts it anew.
func (s *service) kill(i int) {
	s.pods[i].kill()
	s.start(i)
}

func (s *service) end() {
	for _, p := range s.pods {
		p.kill()
	}
}

func (s *service) url() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return s.urls[s.next%len(s.urls)]
}

// sendings is what was sent, and what has come of it.
type sendings struct {
	toCloud  *cloudsim.Cloud
	toBroker *brokertest.Broker
	// all are the decisions, in order for each instance and switch, and roots the
	// chains.
	all   []ask
	roots []event.Event
	n     int
}

// ask sends one decision, on an instance of its own.
func (s *sendings) ask(a ask) {
	s.toBroker.Send(s.on(s.instance(), a).event())
}

// instance is a new one, with its proxy and database.
func (s *sendings) instance() string {
	id := instanceOf(s.n)
	s.n++
	s.toCloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: id, ProxyID: proxy})
	s.toCloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: id, DatabaseID: audited})
	return id
}

func (s *sendings) on(instance string, a ask) ask {
	a.target.InstanceID = instance
	s.all = append(s.all, a)
	return a
}

// round is what is sent before a death, in any order.
func (s *sendings) round(r *rand.Rand) (all []event.Event) {
	for _, sw := range functions.All() {
		instance := s.instance()
		for i := range 3 {
			id := fmt.Sprintf("CHG-%d-%d", s.n, i)
			a := ticketed(id, sw.Name, i%2 == 0, nil)
			at := a.decided.Add(time.Duration(i-3) * time.Second)
			a.decided, a.ticket.ApprovedAt, a.ticket.ID = at, &at, id
			all = append(all, s.on(instance, a).event())
		}
	}
	instance := s.instance()
	tag := s.on(instance, tagged(fmt.Sprintf("tags-%d", s.n), ssl, true))
	s.on(instance, tagged(tag.id, acl, true))
	both := tag.event()
	value := "on"
	data := events.TagChanged{Target: &tag.target, Changes: []events.TagChange{{Key: events.TagPrefix + ssl, New: &value}, {Key: events.TagPrefix + acl, New: &value}}}
	if err := both.SetData(event.ApplicationJSON, data); err != nil {
		panic(err)
	}
	instance = s.instance()
	steps := []ask{ticketed(instance, acl, true, nil), request("", alt, true), request("", mt, true)}
	for i := range steps {
		steps[i].target.InstanceID = instance
	}
	steps[0].ticket.ID = instance
	root := steps[0].chained(events.Stop, steps[1:]...)
	s.roots = append(s.roots, root)
	all = append(all, both, root)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// ends are the events of some types that the broker has, one for each id.
func (s *sendings) ends(types ...string) map[string]event.Event {
	found := map[string]event.Event{}
	for _, ev := range s.toBroker.Taken() {
		if slices.Contains(types, ev.Type()) {
			found[ev.ID()] = ev
		}
	}
	return found
}

// of are those that tell of one decision of a switch.
func of(ends map[string]event.Event, a ask) (found []event.Event) {
	for _, ev := range ends {
		if ev.Extensions()["causationid"] == a.id && strings.HasSuffix(ev.Source(), ":"+a.sw) {
			found = append(found, ev)
		}
	}
	return found
}

var switched = []string{events.TypeSwitchCompleted, events.TypeSwitchRejected, events.TypeSwitchFailed}

// missing says what has no end yet, "" if nothing.
func (s *sendings) missing() string {
	ends := s.ends(switched...)
	for _, a := range s.all {
		if len(of(ends, a)) == 0 {
			return a.sw + " " + a.id + " has no end"
		}
	}
	if n := len(s.ends(events.TypeChainSucceeded)); n < len(s.roots) {
		return fmt.Sprintf("%d of %d chains have ended", n, len(s.roots))
	}
	jobs := 0
	for _, e := range s.toCloud.Effects() {
		if e.JobID != "" {
			jobs++
		}
	}
	if n := len(s.ends(events.TypeJobSucceeded)); n < jobs {
		return fmt.Sprintf("of %d jobs, %d have ended", jobs, n)
	}
	return ""
}

// missing tells it when it is asked.
type missing struct{ *sendings }

func (m *missing) String() string { return m.sendings.missing() }

// laid is how a switch was laid, or is told to have been.
type laid struct {
	enabled bool
	job     string
}

// flips leaves out what has no job and left a switch as it lay, off at first: it may
// have been asked for again, and who resumes what a death has left may have found it so.
func flips(all []laid) (kept []laid) {
	on := false
	for _, l := range all {
		if l.job != "" || l.enabled != on {
			kept = append(kept, l)
		}
		on = l.enabled
	}
	return kept
}

func (s *sendings) check(t *testing.T) {
	contents := map[string][]byte{}
	for _, ev := range s.toBroker.Taken() {
		text := encoded(ev)
		if before, known := contents[ev.ID()]; known {
			require.True(t, bytes.Equal(before, text), "%s has two contents:\n%s\n%s", ev.ID(), before, text)
		}
		contents[ev.ID()] = text
	}
	ends := s.ends(switched...)
	effects := map[string][]cloudsim.Effect{}
	for _, e := range s.toCloud.Effects() {
		key := e.Operation + " " + e.Target.InstanceID
		effects[key] = append(effects[key], e)
	}
	superseded := map[string]bool{}
	told := map[string][]event.Event{} // of each switch on each instance, in the order of approval
	for _, a := range s.all {
		end := of(ends, a)
		require.Len(t, end, 1, a.id)
		key := operationOf(a.sw) + " " + a.target.InstanceID
		if end[0].Type() == events.TypeSwitchCompleted {
			told[key] = append(told[key], end[0])
			continue
		}
		var data events.Rejected
		require.NoError(t, end[0].DataAs(&data))
		require.Equal(t, events.Superseded, data.Error.Code, "%s %s: %s", a.sw, a.id, data.Error.Detail)
		superseded[a.id] = true
	}
	for key, completed := range told {
		var took, tells []laid
		for _, e := range effects[key] {
			took = append(took, laid{e.Enabled, e.JobID})
		}
		for _, ev := range completed {
			var data events.Completed
			require.NoError(t, ev.DataAs(&data))
			tells = append(tells, laid{data.Enabled, data.JobID})
			if data.Result != events.Unchanged {
				require.Contains(t, took, laid{data.Enabled, data.JobID}, "%s tells of what the cloud has not done", key)
			}
		}
		require.Equal(t, flips(tells), flips(took), key)
	}
	for _, dead := range s.toBroker.Dead() {
		require.True(t, superseded[dead.ID()], "%s is among the dead letters", dead.ID())
	}
	for _, root := range s.roots {
		var order []string
		for _, e := range s.toCloud.Effects() {
			if e.Target.InstanceID == root.ID() {
				order = append(order, e.Operation)
			}
		}
		require.Equal(t, []string{operationOf(acl), operationOf(alt), operationOf(mt)}, slices.Compact(order))
	}
}
