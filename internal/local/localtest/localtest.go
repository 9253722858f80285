// Package localtest hosts all functions as the local program does, for tests:
// configured by variables, called over HTTP, in front of a simulated cloud that
// is reached over HTTP too and a bus that is an HTTP server. Time stands still
// until a test moves it.
package localtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
)

// Region is the region of the functions.
const Region = "eu-west-101"

// The targets of the samples of events/samples.
var (
	Proxy    = cloudsim.Target{ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: "096c0fc43e804757b59946b80dc27f8bin07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01"}
	Database = cloudsim.Target{ProjectID: Proxy.ProjectID, InstanceID: "5c1f4b2f-9a3e-4d5b-8f60-7e2d3c4b5a69", DatabaseID: "Gadr-Y4B51p4J06s5s5B"}
)

// Options are what a test may want otherwise.
type Options struct {
	// Cloud configures the simulated cloud. Its clock is the world's.
	Cloud cloudsim.Options
	// Bolt has the ledger in a file instead of in memory.
	Bolt bool
	// Environ are further variables, as NAME=value.
	Environ []string
	// Host, if set, changes what the host is opened with.
	Host func(*local.Options)
	// Timeout is how long the cloud may take to answer, once it has the request;
	// by default as long as the functions themselves allow.
	Timeout time.Duration
}

// World is all functions and everything around them.
type World struct {
	*Clock
	Cloud *cloudsim.Cloud
	Bus   *Bus
	Host  *local.Host
	// URL is where the functions are, at /functions/<name>.
	URL string

	wire    *wire
	config  config.Config
	options local.Options
}

// Start starts a world that ends with the test.
func Start(t testing.TB, o Options) *World {
	t.Helper()
	w := &World{Clock: &Clock{at: time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)}, Bus: new(Bus)}
	o.Cloud.Now, o.Cloud.Simulations = w.Now, simulations.All()
	if o.Cloud.Seed == 0 {
		o.Cloud.Seed = 1
	}
	o.Cloud.Targets = append(o.Cloud.Targets, Proxy, Database)
	w.Cloud = cloudsim.New(o.Cloud)
	w.wire = &wire{next: w.Cloud}
	cloud := serve(t, w.wire)
	environ := append([]string{
		"INTERLOCK_REGION=" + Region,
		"INTERLOCK_GAUSSDB_ENDPOINT=" + cloud, "INTERLOCK_DBSS_ENDPOINT=" + cloud, "INTERLOCK_IAM_ENDPOINT=" + cloud,
		"HUAWEICLOUD_SDK_AK=" + cloudsim.DefaultAccessKey, "HUAWEICLOUD_SDK_SK=" + cloudsim.DefaultSecretKey,
		"INTERLOCK_BUS=http:" + serve(t, w.Bus) + "/events",
	}, o.Environ...)
	ledger := "memory:"
	if o.Bolt {
		ledger = "bolt:" + filepath.Join(t.TempDir(), "interlock.db")
	}
	var err error
	w.config, err = config.Read(environ, ledger, "")
	require.NoError(t, err)
	w.options.Now = w.Now
	if o.Timeout > 0 {
		w.options.Cloud = &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: o.Timeout}}
		t.Cleanup(w.options.Cloud.CloseIdleConnections)
	}
	if o.Host != nil {
		o.Host(&w.options)
	}
	w.open(t)
	t.Cleanup(func() { require.NoError(t, w.Host.Close()) })
	return w
}

func (w *World) open(t testing.TB) {
	t.Helper()
	var err error
	w.Host, err = local.Open(w.config, functions.All(), w.options)
	require.NoError(t, err)
	w.Host.Cloud.Now = w.Now
	w.URL = serve(t, w.Host)
}

// Restart ends the program and starts it again. What it served must have been
// stopped.
func (w *World) Restart(t testing.TB) {
	t.Helper()
	require.NoError(t, w.Host.Close())
	w.open(t)
}

// Beside starts another process on the same ledger, which must be one that several
// can have.
func (w *World) Beside(t testing.TB) *World {
	t.Helper()
	other := *w
	other.open(t)
	t.Cleanup(func() { require.NoError(t, other.Host.Close()) })
	return &other
}

// Serve has the program serve for real, with all that it does beside, until the
// returned function is called; that returns when nothing is at work any more.
func (w *World) Serve(t testing.TB) (stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.URL = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Host.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func serve(t testing.TB, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// Answer is what a function answered.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Post posts a structured event, or what should be one, to a function.
func (w *World) Post(t testing.TB, function string, body []byte) Answer {
	t.Helper()
	return w.PostAs(t, function, http.Header{"Content-Type": {event.ApplicationCloudEventsJSON}}, body)
}

// PostAs posts a body with the given headers.
func (w *World) PostAs(t testing.TB, function string, header http.Header, body []byte) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.URL+"/functions/"+function, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return Answer{res.StatusCode, res.Header, answer}
}

// Sent returns the requests that reached the cloud's API, and forgets them.
func (w *World) Sent() []Request { return w.wire.take() }

// Flips returns those of them that are no reads, and forgets all.
func (w *World) Flips() (flips []Request) {
	for _, r := range w.wire.take() {
		if r.Method != http.MethodGet {
			flips = append(flips, r)
		}
	}
	return flips
}

// Request is one that reached the cloud's API.
type Request struct {
	Method, Path, Body string
	Header             http.Header
}

// wire keeps what passes through it.
type wire struct {
	next http.Handler
	mu   sync.Mutex
	seen []Request
}

func (w *wire) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	w.mu.Lock()
	w.seen = append(w.seen, Request{r.Method, r.URL.RequestURI(), string(body), r.Header.Clone()})
	w.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	w.next.ServeHTTP(rw, r)
}

func (w *wire) take() []Request {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// Clock is a clock that stands still.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Bus is an HTTP server that takes events.
type Bus struct {
	mu   sync.Mutex
	got  []event.Event
	away bool
}

// SetAway has the bus refuse whatever comes, or take it again.
func (b *Bus) SetAway(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// Take returns the events that came, and forgets them.
func (b *Bus) Take() []event.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

func (b *Bus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var ev event.Event
	text, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(text, &ev)
	}
	if err == nil {
		err = ev.Validate()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.away:
		w.WriteHeader(http.StatusServiceUnavailable)
	case err != nil || r.Header.Get("Content-Type") != event.ApplicationCloudEventsJSON+"; charset=utf-8":
		w.WriteHeader(http.StatusBadRequest)
	default:
		b.got = append(b.got, ev)
		w.WriteHeader(http.StatusAccepted)
	}
}
