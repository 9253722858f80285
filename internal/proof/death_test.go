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
// handling of two events of one ticket, starts it again on the same ledger file
// and delivers them again: one of the two takes effect, exactly once at the cloud,
// and its completion event reaches the bus, with one id and one content; the other
// is refused. In the end the audit trails are whole, and tell of both.
func TestDeaths(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: time.Millisecond, JobRunning: time.Millisecond})
	// Calls take their time, so that death meets them on their way.
	require.NoError(t, cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Delay: 5 * time.Millisecond}))
	api := httptest.NewServer(cloud)
	defer api.Close()
	listener := &listener{contents: map[string]map[string]bool{}}
	bus := httptest.NewServer(listener)
	defer bus.Close()
	p := programOf(t, api.URL, bus.URL)
	p.start()
	defer p.kill()
	r := rand.New(rand.NewPCG(1, 2))
	var owners []string
	for n := range kills {
		twins := twinsOn(n)
		cloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: instanceOf(n), ProxyID: proxy})
		var posted sync.WaitGroup
		for _, ev := range twins {
			posted.Go(func() { _, _, _ = p.post(ev) })
		}
		timer := time.NewTimer(time.Duration(r.IntN(40_000)) * time.Microsecond)
		<-timer.C
		p.kill()
		posted.Wait()
		p.start()
		var ends []string
		for _, ev := range twins {
			ends = append(ends, p.redeliver(ev))
		}
		require.ElementsMatch(t, []string{"", "ticket-spent"}, ends, "of two events of one ticket")
		if ends[0] != "" {
			slices.Reverse(twins)
		}
		owners = append(owners, twins[0].ID())
	}
	p.kill()
	checkTrails(t, filepath.Join(p.dir, "interlock.db"))

	effects := map[string][]cloudsim.Effect{}
	for _, e := range cloud.Effects() {
		effects[e.Target.InstanceID] = append(effects[e.Target.InstanceID], e)
	}
	for n := range kills {
		of := effects[instanceOf(n)]
		require.Len(t, of, 1, "%s took effect", owners[n])
		listener.check(t, owners[n], of[0].JobID)
	}
	t.Logf("proved: deaths: %d kills, of two events of one ticket one in effect once and its event published, the other refused, %d audit trails whole, 0 violations", kills, kills)
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

// checkTrails holds the audit trails in a ledger file against what happened: each
// instance has one record of an effect, and one of a ticket that was spent.
func checkTrails(t *testing.T, file string) {
	l, err := bolt.Open(file, time.Now(), time.Second)
	require.NoError(t, err)
	defer l.Close()
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
	for n := range kills {
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

// listener is a bus that keeps what reaches it.
type listener struct {
	mu sync.Mutex
	// contents are the completion events, by the id of the event that caused
	// them.
	contents map[string]map[string]bool
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var ev event.Event
	if err != nil || json.Unmarshal(body, &ev) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if ev.Type() != events.TypeSwitchCompleted {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	cause := fmt.Sprint(ev.Extensions()["causationid"])
	if l.contents[cause] == nil {
		l.contents[cause] = map[string]bool{}
	}
	l.contents[cause][string(body)] = true
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
