package proof

import (
	"bufio"
	"bytes"
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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// TestDeaths kills the built program with SIGKILL at random moments of an
// event's handling, starts it again on the same ledger file and delivers the
// event again: every decision takes effect exactly once at the cloud, and its
// completion event reaches the bus, with one id and one content.
func TestDeaths(t *testing.T) {
	cloud := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobVisible: -1, JobPending: time.Millisecond, JobRunning: time.Millisecond})
	// Calls take their time, so that death meets them on their way.
	require.NoError(t, cloud.Inject(cloudsim.Fault{Kind: cloudsim.Delay, Delay: 5 * time.Millisecond}))
	api := httptest.NewServer(cloud)
	defer api.Close()
	listener := &listener{contents: map[string]map[string]bool{}}
	bus := httptest.NewServer(listener)
	defer bus.Close()
	p := &program{
		T: t, binary: built(t), dir: t.TempDir(),
		env: []string{
			"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(),
			"INTERLOCK_GAUSSDB_ENDPOINT=" + api.URL, "INTERLOCK_DBSS_ENDPOINT=" + api.URL, "INTERLOCK_AUTH_TOKEN=" + cloudsim.DefaultToken,
			"INTERLOCK_LEDGER=bolt:interlock.db", "INTERLOCK_BUS=http:" + bus.URL, "INTERLOCK_QUIET=300ms",
		},
	}
	p.start()
	defer p.kill()
	r := rand.New(rand.NewPCG(1, 2))
	for n := range kills {
		a := request(fmt.Sprintf("CHG-%d", n), shapes[n%len(shapes)], true)
		a.target.InstanceID = fmt.Sprintf("%032din07", n)
		cloud.Declare(cloudsim.Target{ProjectID: project, InstanceID: a.target.InstanceID, ProxyID: proxy})
		ev := a.event()
		posted := make(chan struct{})
		go func() {
			defer close(posted)
			_, _ = p.post(ev)
		}()
		timer := time.NewTimer(time.Duration(r.IntN(40_000)) * time.Microsecond)
		<-timer.C
		p.kill()
		<-posted
		p.start()
		p.redeliver(ev)
	}

	effects := map[string][]cloudsim.Effect{}
	for _, e := range cloud.Effects() {
		effects[e.Target.InstanceID] = append(effects[e.Target.InstanceID], e)
	}
	for n := range kills {
		of := effects[fmt.Sprintf("%032din07", n)]
		require.Len(t, of, 1, "CHG-%d took effect", n)
		listener.check(t, fmt.Sprintf("CHG-%d", n), of[0].JobID)
	}
	t.Logf("proved: deaths: %d kills, each decision in effect once and its event published, 0 violations", kills)
}

func built(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "interlock")
	out, err := exec.Command("go", "build", "-o", binary, "../../cmd/interlock").CombinedOutput()
	require.NoError(t, err, string(out))
	return binary
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

func (p *program) post(ev event.Event) (status int, err error) {
	res, err := http.Post(p.url+"/functions/"+switchNamed(switchOf(ev)).Function, "application/cloudevents+json", bytes.NewReader(encoded(ev)))
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}

// redeliver delivers an event until it is acknowledged.
func (p *program) redeliver(ev event.Event) {
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	for {
		status, err := p.post(ev)
		require.NoError(p, err)
		if status/100 == 2 {
			return
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
