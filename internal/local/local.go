// Package local hosts all functions in one process behind one HTTP address:
// what `interlock serve` runs.
package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/metrics"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/internal/page"
	"github.com/interlock-functions/interlock/internal/position"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Options are what a configuration does not say.
type Options struct {
	// Cloud is the client for the cloud's API; nil is the default.
	Cloud *http.Client
	// Bus, if set, is used instead of the configured one.
	Bus bus.Bus
	// Observe is told of each step, and Around of the work that steps belong to.
	Observe func(context.Context, engine.Step)
	Around  observe.Around
	// Wrap, if set, stands around whatever answers requests.
	Wrap func(http.Handler) http.Handler
	// Warn is told what an operator should know at start.
	Warn func(string)
	// Acts are the page's buttons.
	Acts []page.Act
	// Version and Revision are what the program was built as.
	Version, Revision string
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Host is every function in one process.
type Host struct {
	*host.Host

	follows *follows
	handler http.Handler
	metrics *metrics.Metrics
	// page is nil where other processes write to the ledger as well.
	page *page.Page
	// file is the ledger's; empty if it is in none.
	file string
	// halts: an operator's halt is kept in the ledger. halt: the configuration halts,
	// whatever the ledger says.
	halts, halt bool
	// tick is how often it is looked for what is due.
	tick time.Duration
}

// Open opens the ledger and the bus that a configuration names, and puts the
// functions on them.
func Open(c config.Config, switches []huawei.Switch, o Options) (*Host, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	if c.DryRun {
		o.Warn("INTERLOCK_DRYRUN is true: nothing is called; every event is answered with what would be called and what would change")
	}
	b := o.Bus
	if b == nil {
		aws := &host.AWS{Getenv: os.Getenv}
		auth, err := aws.Auth(c)
		if err != nil {
			return nil, err
		}
		if b, err = host.Bus(c, aws, auth); err != nil {
			return nil, err
		}
	}
	own := &loop{Bus: b}
	counted := metrics.New(o.Version, o.Revision, names(switches)...)
	observers := []observe.Observer{counted.Observe}
	if o.Observe != nil {
		observers = append(observers, o.Observe)
	}
	all, err := host.Open(c, switches, host.Options{
		OpenLedger: func(c config.Config, aws *host.AWS) (ledger.Ledger, error) { return openLedger(c, o, aws) },
		Transport:  o.Cloud, Bus: own, Now: o.Now, Observe: observe.All(observers...), Around: o.Around,
	})
	if err != nil {
		return nil, err
	}
	own.follower = all.Follower
	counted.Ledger(all.Ledger, o.Now)
	h := &Host{Host: all, follows: newFollows(all, o.Now), metrics: counted, tick: 250 * time.Millisecond}
	if c.Ledger.Kind == "bolt" {
		h.file = c.Ledger.Rest
	}
	if c.Ledger.Kind == "bolt" || c.Ledger.Kind == "postgres" {
		h.halts, h.halt = true, c.Halt
		h.Engine.Halted = func(ctx context.Context) bool { return c.Halt || halted(ctx, h.Ledger) }
	}
	h.Sweeper.Alone = c.Ledger.Kind == "bolt" || c.Ledger.Kind == "memory"
	if l, ok := h.Ledger.(*page.Watched); ok {
		h.page = page.New(l.View, o.Acts...)
		h.page.Compare(position.At(h.Cloud))
	}
	h.handler = guarded(h.routes(c.Open), c.Open)
	if o.Wrap != nil {
		h.handler = o.Wrap(h.handler)
	}
	return h, nil
}

func names(switches []huawei.Switch) []string {
	all := make([]string, len(switches))
	for i, sw := range switches {
		all[i] = sw.Name
	}
	return all
}

// Close closes the ledger. Serve must have returned.
func (h *Host) Close() error { return h.Ledger.Close() }

// ServeHTTP answers one request. It lets a test, or a server of one's own, do
// without what Serve does beside.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.handler.ServeHTTP(w, r) }

// longestEnd is how long what is under way may take once the context has ended:
// a request's own 30 s, and some.
const longestEnd = 35 * time.Second

// Serve answers on the listener and at the operator's [Desk], and finishes what
// nobody delivers again, until the context ends; then it lets what is under way
// come to its end. That takes at most the 30 s that a request may be worked on,
// and is no error: a request whose body is still on its way is not waited for,
// and a connection that is open after 35 s is closed. Who sent it sends it again.
func (h *Host) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           impatient(ctx, h),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
		// What is larger than a door takes, it answers itself.
		MaxHeaderBytes: 4 * doors.MaxHeader,
	}
	if h.page != nil {
		server.RegisterOnShutdown(h.page.Close) // else it would wait for the streams
	}
	leave, err := h.attend()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	var timers sync.WaitGroup
	ticking, stop := context.WithCancel(ctx)
	timers.Go(func() { h.keep(ticking) })
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err = <-served:
	case <-ctx.Done():
		err = end(server, longestEnd)
	}
	stop()
	timers.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, leave())
}

// ServeMetrics tells the metrics, and nothing else, on a listener of their own until
// the context ends: whoever may read them there can send no events.
func (h *Host) ServeMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// end has a server let its requests come to their end for a while, and then
// closes what is left.
func end(server *http.Server, within time.Duration) error {
	closing, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	err := server.Shutdown(closing)
	if errors.Is(err, context.DeadlineExceeded) {
		slog.Warn("what was not at its end was cut off", "after", within.String())
		return server.Close()
	}
	return err
}

// ready tells whether the ledger can be read: without it, events are best sent to
// somebody else.
func (h *Host) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if _, err := h.Ledger.Use(ctx, "readyz", "readyz"); err != nil {
		doors.NotReady(w, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"status": "ready"})
}

func (h *Host) routes(open bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "ok"})
	})
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", unlessPublic(h.metrics, open))
	anyone := h.AnyDoor()
	mux.Handle("POST /{$}", anyone)
	mux.Handle("OPTIONS /{$}", anyone)
	var paths []string
	for _, function := range h.Functions() {
		paths = append(paths, "/functions/"+function)
		mux.Handle("/functions/"+function, h.Door(function))
	}
	if h.page != nil {
		mux.Handle("GET /{$}", atHome(h.page, open))
		mux.Handle("GET /page/", atHome(h.page, open))
		mux.Handle("POST /page/", atHome(h.page, open))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		doors.NotFound(w, fmt.Sprintf("there is nothing at %s; functions are at %s", r.URL.Path, strings.Join(paths, ", ")))
	})
	return mux
}
