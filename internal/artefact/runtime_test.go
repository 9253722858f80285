package artefact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// lambda runs one function as Lambda does: a process that fetches invocations
// from a Runtime API, one at a time, and that is killed when one takes too long
// ("Using the Lambda runtime API for custom runtimes").
type lambda struct {
	t    testing.TB
	path string
	env  []string
	// variable tells a process where its API is.
	variable string
	// out is all that its processes ever wrote.
	out output
	// answers is all that they ever answered.
	answers output

	server *httptest.Server
	one    sync.Mutex
	// asked is how often a process asked for an invocation.
	asked atomic.Int32

	mu      sync.Mutex
	process *process
	waiting map[string]chan answer
	// serial and starts count invocations and processes.
	serial, starts int
}

type process struct {
	name string
	cmd  *exec.Cmd
	gone chan struct{}
	// next has the invocation that this process is to fetch.
	next chan invocation
}

type invocation struct {
	id, payload string
	deadline    time.Time
}

// answer is what became of an invocation: a body, an error, a process that
// ended, or one that was killed at its deadline.
type answer struct {
	Body []byte
	// ErrorType and ErrorMessage are a function error's.
	ErrorType, ErrorMessage string
	Killed, Exited          bool
}

// failed tells that the sender is to send again, and will.
func (a answer) failed() bool { return a.ErrorType != "" || a.Killed || a.Exited }

// deploy makes a function of an artefact. The environment is the function's
// own; what Lambda adds is added.
func deploy(t testing.TB, path, name string, env ...string) *lambda {
	t.Helper()
	l := &lambda{t: t, path: path, variable: "AWS_LAMBDA_RUNTIME_API", waiting: map[string]chan answer{}}
	mux := http.NewServeMux()
	// A process reaches the API by a number of its own: what a killed one had
	// asked for is not answered to the next.
	mux.HandleFunc("GET /{pid}/2018-06-01/runtime/invocation/next", l.serveNext)
	mux.HandleFunc("POST /{pid}/2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) {
		l.take(w, r, func(body []byte) (answer, error) { return answer{Body: body}, nil })
	})
	mux.HandleFunc("POST /{pid}/2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		l.take(w, r, func(body []byte) (a answer, err error) { return a, json.Unmarshal(body, &a) })
	})
	l.listen(mux)
	l.env = append([]string{
		"AWS_LAMBDA_FUNCTION_NAME=interlock-" + name, "AWS_LAMBDA_FUNCTION_VERSION=1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=DEBUG", "_HANDLER=" + name, "LAMBDA_TASK_ROOT=/var/task",
		"TZ=:UTC", "PATH=/usr/local/bin:/usr/bin:/bin",
	}, env...)
	return l
}

func (l *lambda) listen(api http.Handler) {
	l.server = httptest.NewServer(api)
	l.t.Cleanup(func() {
		l.kill()
		l.server.CloseClientConnections()
		l.server.Close()
	})
}

func (l *lambda) serveNext(w http.ResponseWriter, r *http.Request) {
	l.next(w, r, func(i invocation) map[string]string {
		return map[string]string{
			"Lambda-Runtime-Aws-Request-Id": i.id, "Lambda-Runtime-Deadline-Ms": fmt.Sprint(i.deadline.UnixMilli()),
			"Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:123456789012:function:interlock:live",
			"Lambda-Runtime-Trace-Id":             traceID,
		}
	})
}

// next hands out an invocation when there is one, with the header that it has.
func (l *lambda) next(w http.ResponseWriter, r *http.Request, header func(invocation) map[string]string) {
	l.asked.Add(1)
	l.mu.Lock()
	p := l.process
	l.mu.Unlock()
	if p == nil || r.PathValue("pid") != p.name {
		w.WriteHeader(http.StatusGone)
		return
	}
	select {
	case i := <-p.next:
		for name, value := range header(i) {
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, i.payload)
	case <-r.Context().Done():
	}
}

// traceID is X-Ray's, as Lambda hands it over.
const traceID = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1"

func (l *lambda) take(w http.ResponseWriter, r *http.Request, read func([]byte) (answer, error)) {
	body, err := io.ReadAll(r.Body)
	var a answer
	if err == nil {
		_, _ = l.answers.Write(append(body, '\n'))
		_, _ = l.answers.Write([]byte(r.Header.Get("Lambda-Runtime-Function-Xray-Error-Cause") + "\n"))
		a, err = read(body)
	}
	l.mu.Lock()
	wait := l.waiting[r.PathValue("id")]
	delete(l.waiting, r.PathValue("id"))
	l.mu.Unlock()
	if err != nil || wait == nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	wait <- a
}

// timeout is that of a function in template.yaml.
const timeout = 30 * time.Second

// invoke delivers a payload and waits for what becomes of it. A function that
// does not run is started: it is cold.
func (l *lambda) invoke(payload []byte) answer { return l.invokeFor(payload, timeout) }

func (l *lambda) invokeFor(payload []byte, timeout time.Duration) answer {
	l.t.Helper()
	l.one.Lock()
	defer l.one.Unlock()
	p := l.start()
	wait := make(chan answer, 1)
	l.mu.Lock()
	l.serial++
	id := fmt.Sprintf("8476a536-e9f4-11e8-9739-%012d", l.serial)
	l.waiting[id] = wait
	l.mu.Unlock()
	deadline := time.Now().Add(timeout)
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	next := p.next
	for {
		select {
		case next <- invocation{id, string(payload), deadline}:
			next = nil
		case a := <-wait:
			return a
		case <-p.gone:
			select {
			case a := <-wait: // a panic is reported, then the process ends
				return a
			default:
			}
			l.kill()
			return answer{Exited: true}
		case <-timer.C:
			l.kill()
			return answer{Killed: true}
		}
	}
}

// shortly is little more than the least time in which a call is made and settled,
// on this machine as it is now: what is killed has a short lease then. The
// function is cold again afterwards.
func (l *lambda) shortly() time.Duration {
	l.t.Helper()
	began := time.Now()
	l.invoke([]byte(`{}`)) // no event at all
	l.kill()
	return 7*time.Second + 10*time.Since(began)
}

// start returns the process that runs, or a new one.
func (l *lambda) start() *process {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.process != nil {
		select {
		case <-l.process.gone:
		default:
			return l.process
		}
	}
	l.starts++
	p := &process{name: fmt.Sprint(l.starts), cmd: exec.Command(l.path), gone: make(chan struct{}), next: make(chan invocation)}
	api := strings.TrimPrefix(l.server.URL, "http://") + "/" + p.name
	p.cmd.Env = append(slices.Clone(l.env), l.variable+"="+api)
	p.cmd.Stdout, p.cmd.Stderr = &l.out, &l.out
	require.NoError(l.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	l.process = p
	return p
}

// kill ends the process as Lambda does, without a word.
func (l *lambda) kill() {
	l.mu.Lock()
	p := l.process
	l.process = nil
	l.mu.Unlock()
	if p != nil {
		_ = p.cmd.Process.Kill()
		<-p.gone
	}
}

// output keeps what is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// lines are the lines of JSON that were written so far.
func (o *output) lines(t testing.TB) (lines []map[string]any) {
	t.Helper()
	for text := range strings.Lines(o.String()) {
		if !strings.HasSuffix(text, "\n") {
			break // more of it is on its way
		}
		var line map[string]any
		require.NoError(t, json.Unmarshal([]byte(text), &line), "not a line of JSON: %s", text)
		lines = append(lines, line)
	}
	return lines
}

// awaits returns a line with the given member once it is there: what a process
// writes comes a moment later than what it answers.
func (o *output) awaits(t testing.TB, key string, value any) (line map[string]any) {
	t.Helper()
	require.Eventually(t, func() bool {
		all := o.lines(t)
		i := slices.IndexFunc(all, func(l map[string]any) bool { return l[key] == value })
		if i >= 0 {
			line = all[i]
		}
		return i >= 0
	}, 2*time.Minute, 10*time.Millisecond, "%s: %v", key, value)
	return line
}
