package proof

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/bolt"
)

// TestDeaths kills the built program with SIGKILL at random moments of the
// handling of a crowd of events, two of each ticket, starts it again on the same
// ledger file and delivers them again, while the bus refuses some events and loses
// its answer to others: of two one takes effect, exactly once at the cloud, and its
// completion event reaches the bus, with one id and one content; the other is
// refused. In the end the audit trails are whole, and tell of both.
func TestDeaths(t *testing.T) {
	s := besiege(t)
	p := programOf(t, s.api.URL, s.bus.URL)
	s.kill(t, true, p)
	l, err := bolt.Open(filepath.Join(p.dir, "interlock.db"), time.Now(), time.Second)
	require.NoError(t, err)
	defer l.Close()
	s.check(t, l)
	t.Logf("proved: deaths on bolt: %d kills of one process with %d events at once, the bus in trouble: of two events of a ticket one in effect once and its event published, the other refused, %d audit trails whole, 0 violations", kills, 2*crowd, kills*crowd)
}

// crowd is how many instances are dealt with when a process dies.
const crowd = 4

// siege is a cloud and a bus for programs that die, and what they were sent.
type siege struct {
	cloud    *cloudsim.Cloud
	api, bus *httptest.Server
	heard    *listener
	twins    [][]event.Event // the one that took effect first, once they were delivered again
	// also, if set, is what else dies with a program and comes back.
	also func()
}

func besiege(t *testing.T) *siege {
	s := &siege{
		cloud: cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: time.Millisecond, JobRunning: time.Millisecond}),
		heard: &listener{contents: map[string]map[string]bool{}, ended: make(chan struct{})},
	}
	// Calls take their time, so that death meets them on their way.
	require.NoError(t, s.cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Delay: 5 * time.Millisecond}))
	s.api, s.bus = httptest.NewServer(s.cloud), httptest.NewServer(s.heard)
	t.Cleanup(s.api.Close)
	t.Cleanup(s.bus.Close)
	return s
}

// kill starts programs on one ledger, sends them events, kills one of them
// meanwhile and starts it again, over and over, and delivers all events again: after
// each death, or in the end.
func (s *siege) kill(t *testing.T, atOnce bool, programs ...*program) {
	for _, p := range programs {
		p.start()
		defer p.kill()
	}
	s.listed(t, programs[0])
	r := rand.New(rand.NewPCG(1, 2))
	pick := func() *program { return programs[r.IntN(len(programs))] }
	for n := range kills * crowd {
		s.twins = append(s.twins, twinsOn(n))
		s.cloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: instanceOf(n), ProxyID: proxy})
	}
	again := func(twins []event.Event) {
		var ends []string
		for _, ev := range twins {
			ends = append(ends, pick().redeliver(ev))
		}
		require.ElementsMatch(t, []string{"", "ticket-spent"}, ends, "of two events of one ticket")
		if ends[0] != "" {
			slices.Reverse(twins)
		}
	}
	for round := range slices.Chunk(s.twins, crowd) {
		var posted sync.WaitGroup
		for _, ev := range slices.Concat(round...) {
			p := pick()
			posted.Go(func() { _, _, _ = p.post(ev) })
		}
		timer := time.NewTimer(time.Duration(r.IntN(40_000)) * time.Microsecond)
		<-timer.C
		victim := pick()
		victim.kill()
		if s.also != nil {
			s.also()
		}
		posted.Wait()
		victim.start()
		if atOnce {
			for _, twins := range round {
				again(twins)
			}
		}
	}
	if !atOnce {
		for _, twins := range s.twins {
			again(twins)
		}
	}
}

// listed has a program follow a job to its end, so that the list of jobs is known to
// show those of ours: before that, a call that a death cut off stays in doubt.
func (s *siege) listed(t *testing.T, p *program) {
	first := request("first", "proxy-ssl", true)
	first.target.InstanceID = strings.Repeat("f", 32) + "in07"
	s.cloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: first.target.InstanceID, ProxyID: proxy})
	require.Empty(t, p.redeliver(first.event()))
	select {
	case <-s.heard.ended:
	case <-time.After(time.Minute):
		require.FailNow(t, "the first job has no end")
	}
}

// check holds what happened at the cloud, on the bus and in the audit trails
// against what was sent.
func (s *siege) check(t *testing.T, l ledger.Ledger) {
	checkTrails(t, l, len(s.twins))
	effects := map[string][]cloudsim.Effect{}
	for _, e := range s.cloud.Effects() {
		effects[e.Target.InstanceID] = append(effects[e.Target.InstanceID], e)
	}
	for n, twins := range s.twins {
		of := effects[instanceOf(n)]
		require.Len(t, of, 1, "%s took effect", twins[0].ID())
		s.heard.check(t, twins[0].ID(), of[0].JobID)
	}
	require.Greater(t, s.heard.posts, len(s.twins), "the bus was in no trouble")
}

func instanceOf(n int) string { return fmt.Sprintf("%032din07", n) }

// twinsOn are two events of one ticket.
func twinsOn(n int) []event.Event {
	a := ticketed(fmt.Sprintf("CHG-%d", n), shapes[n%len(shapes)], true, nil)
	a.target.InstanceID = instanceOf(n)
	b := a
	b.id += "-again"
	return []event.Event{a.event(), b.event()}
}

// checkTrails holds the audit trails in a ledger against what happened: each
// instance has one record of an effect, and one of a ticket that was spent.
func checkTrails(t *testing.T, l ledger.Ledger, instances int) {
	lines := ledger.Export(t.Context(), l, time.Time{})
	require.NoError(t, ledger.VerifyAudit(lines))
	ends := map[string][]string{}
	for line, err := range lines {
		require.NoError(t, err)
		if a := line.Record; a != nil {
			var told told
			require.NoError(t, json.Unmarshal(a.Body, &told))
			ends[a.Instance] = append(ends[a.Instance], cmp.Or(told.Code, "effective"))
		}
	}
	for n := range instances {
		require.ElementsMatch(t, []string{"effective", "ticket-spent"}, ends[instanceOf(n)], instanceOf(n))
	}
}

func built(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "interlock")
	out, err := exec.Command("go", "build", "-o", binary, "../../cmd/interlock").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
}

// programOf is the built program, with a ledger file of its own.
func programOf(t *testing.T, api, bus string) *program {
	return &program{
		T: t, binary: built(t), dir: t.TempDir(),
		env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
			"INTERLOCK_GAUSSDB_ENDPOINT=" + api, "INTERLOCK_DBSS_ENDPOINT=" + api, "INTERLOCK_AUTH_TOKEN=" + cloudsim.DefaultToken,
			"INTERLOCK_LEDGER=bolt:interlock.db", "INTERLOCK_BUS=http:" + bus, "INTERLOCK_QUIET=300ms",
		},
	}
}

// program is the built program, serving.
type program struct {
	*testing.T
	binary, dir string
	env         []string
	cmd         *exec.Cmd
	url         string
}

func (p *program) start() {
	p.cmd = exec.Command(p.binary, "serve", "--addr", "127.0.0.1:0")
	p.cmd.Dir, p.cmd.Env = p.dir, p.env
	var said bytes.Buffer
	p.cmd.Stderr = &said
	out, err := p.cmd.StdoutPipe()
	require.NoError(p, err)
	require.NoError(p, p.cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "serving on "); ok {
			p.url = url
			return
		}
	}
	_ = p.cmd.Wait()
	require.FailNow(p, "it does not serve", said.String())
}

// kill is SIGKILL: nothing of the process runs any more when it returns.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// post delivers an event, and returns its answer's status and its code, if it has
// one.
func (p *program) post(ev event.Event) (status int, code string, err error) {
	res, err := http.Post(p.url+"/functions/"+switchNamed(switchOf(ev)).Function, "application/cloudevents+json", bytes.NewReader(encoded(ev)))
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	var problem struct{ Code string }
	err = json.NewDecoder(res.Body).Decode(&problem)
	return res.StatusCode, problem.Code, err
}

// redeliver delivers an event until it is acknowledged, and returns the code by
// which it was refused, "" if it was not.
func (p *program) redeliver(ev event.Event) string {
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	for {
		status, code, err := p.post(ev)
		require.NoError(p, err)
		switch {
		case status/100 == 2:
			return ""
		case code == string(events.TicketSpent):
			return code
		}
		require.Contains(p, []int{409, 503}, status, ev.ID())
		require.NoError(p, wait(ctx, 50*time.Millisecond), ev.ID())
	}
}

// listener is a bus that keeps what reaches it: of three events it refuses one, and
// of four it hears one without an answer.
type listener struct {
	mu    sync.Mutex
	posts int
	// contents are the completion events, by the id of the event that caused
	// them.
	contents map[string]map[string]bool
	// ended is closed when a job has ended well.
	ended chan struct{}
	once  sync.Once
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var ev event.Event
	if err != nil || json.Unmarshal(body, &ev) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if ev.Type() == events.TypeJobSucceeded {
		l.once.Do(func() { close(l.ended) })
	}
	if ev.Type() != events.TypeSwitchCompleted {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.posts++; l.posts%3 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	cause := fmt.Sprint(ev.Extensions()["causationid"])
	if l.contents[cause] == nil {
		l.contents[cause] = map[string]bool{}
	}
	l.contents[cause][string(body)] = true
	if l.posts%4 == 0 {
		panic(http.ErrAbortHandler)
	}
}

func (l *listener) check(t *testing.T, cause, job string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Len(t, l.contents[cause], 1, "contents of the completion event of %s", cause)
	for body := range l.contents[cause] {
		var ev event.Event
		require.NoError(t, json.Unmarshal([]byte(body), &ev))
		var data events.Completed
		require.NoError(t, ev.DataAs(&data))
		require.Equal(t, job, data.JobID, cause)
	}
}
