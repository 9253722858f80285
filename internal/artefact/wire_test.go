package artefact

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// wire stands between the functions and what they call. It keeps what passes,
// may lose it or answer in its place, and can be pulled out of its socket.
type wire struct {
	t testing.TB
	// leaks is told of every secret that passes.
	leaks *leaks

	mu     sync.Mutex
	next   http.Handler
	addr   string
	server *http.Server
	calls  []call
	// history is every call, taken or not.
	history []call
	fate    func(call) fate
	inside  sync.WaitGroup
}

// call is a request that passed.
type call struct {
	// Name is the operation on AWS, as PutEvents, else method and path.
	Name string
	Body []byte
}

// fate is what becomes of a request; the zero value: it passes.
type fate struct {
	// Status and Body are answered in the place of whom was called.
	Status int
	Body   string
	// Lost requests reach nobody; of lost answers, only the request arrives.
	// Either way the client hears nothing, until Until is closed.
	LoseRequest, LoseAnswer bool
	Until                   <-chan struct{}
}

func newWire(t testing.TB, next http.Handler, leaks *leaks) *wire {
	t.Helper()
	w := &wire{t: t, next: next, leaks: leaks, addr: "127.0.0.1:0"}
	w.plug()
	t.Cleanup(func() {
		w.unplug()
		w.inside.Wait()
	})
	return w
}

// URL is where the wire listens while it is plugged.
func (w *wire) URL() string { return "http://" + w.addr }

// plug has it listen, where it did before.
func (w *wire) plug() {
	w.t.Helper()
	var l net.Listener
	require.Eventually(w.t, func() (ok bool) {
		var err error
		// Another connection may have taken the port for the moment.
		l, err = net.Listen("tcp", w.addr)
		return err == nil
	}, 2*time.Minute, 50*time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addr, w.server = l.Addr().String(), &http.Server{Handler: w}
	go w.server.Serve(l)
}

// unplug has every connection end, and new ones refused.
func (w *wire) unplug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.server.Close()
}

// interfere decides on the fate of each call from now on; nil lets all pass.
func (w *wire) interfere(f func(call) fate) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fate = f
}

// lead has it lead elsewhere from now on.
func (w *wire) lead(to http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = to
}

// take returns the calls since the last time.
func (w *wire) take() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.inside.Add(1)
	defer w.inside.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.leaks.seen(r.Header)
	c := call{Name: r.Method + " " + r.URL.Path, Body: body}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		_, c.Name, _ = strings.Cut(target, ".")
	}
	w.mu.Lock()
	w.calls, w.history = append(w.calls, c), append(w.history, c)
	decide, next := w.fate, w.next
	w.mu.Unlock()
	var f fate
	if decide != nil {
		f = decide(c)
	}
	switch {
	case f.LoseRequest, f.LoseAnswer:
		if f.LoseAnswer {
			next.ServeHTTP(&deaf{http.Header{}}, r)
		}
		if f.Until != nil {
			select {
			case <-f.Until:
			case <-r.Context().Done():
			}
		}
		panic(http.ErrAbortHandler)
	case f.Status != 0:
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.WriteHeader(f.Status)
		_, _ = io.WriteString(rw, f.Body)
	default:
		next.ServeHTTP(rw, r)
	}
}

// deaf takes an answer that nobody gets.
type deaf struct{ header http.Header }

func (d *deaf) Header() http.Header         { return d.header }
func (d *deaf) Write(p []byte) (int, error) { return len(p), nil }
func (d *deaf) WriteHeader(int)             {}

// times gives each of the first n calls of an operation a fate.
func times(n int, operation string, f fate) func(call) fate {
	var mu sync.Mutex
	return func(c call) fate {
		mu.Lock()
		defer mu.Unlock()
		if c.Name != operation || n == 0 {
			return fate{}
		}
		n--
		return f
	}
}

// count counts the calls of each operation.
func count(calls []call) map[string]int {
	n := map[string]int{}
	for _, c := range calls {
		n[c.Name]++
	}
	return n
}
