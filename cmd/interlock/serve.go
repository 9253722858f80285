package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/internal/tracing"
)

const defaultAddr = "127.0.0.1:8080"

func serveCommand() *cobra.Command {
	var addr string
	var asJSON bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve every function at /functions/<name>",
		Long: `Serve hosts every function at /functions/<name> of one HTTP address, configured
by the INTERLOCK_… and HUAWEICLOUD_SDK_… environment variables. The ledger is
the file interlock.db in the working directory, unless INTERLOCK_LEDGER says
otherwise.

At / it shows people what is going on, and at /metrics Prometheus, on this
machine only; INTERLOCK_METRICS=:9090 has the metrics at an address of their own.

Nobody who reaches the address is authenticated, unless by signature where
INTERLOCK_WEBHOOK_SECRETS is set. Without it, serve listens on this machine
only, and takes requests that were sent to it by that name: what a page of
somebody else's makes a browser send is refused. INTERLOCK_OPEN=true says that
something else guards the address, a mesh or a broker, and lifts both.`,
		Example: `  interlock sim --addr 127.0.0.1:8081 &
  export INTERLOCK_GAUSSDB_ENDPOINT=http://127.0.0.1:8081 INTERLOCK_DBSS_ENDPOINT=http://127.0.0.1:8081
  export INTERLOCK_AUTH_TOKEN=simulated-token
  interlock serve`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := config.Read(os.Environ(), "bolt:interlock.db", "memory:")
			if err != nil {
				return err
			}
			log := slog.New(slog.NewJSONHandler(cmd.ErrOrStderr(), nil))
			slog.SetDefault(log) // doors and the sweep log the same way
			if port := os.Getenv("PORT"); port != "" && !cmd.Flags().Changed("addr") {
				addr = ":" + port // as Knative and others say where they expect a server
			}
			l, err := local.Listen(cfg, addr)
			if err != nil {
				return busy(addr, err)
			}
			o := local.Options{Observe: observe.Logs(log), Warn: func(s string) { log.Warn(s) }}
			sent, err := telemetry(&o, log)
			if err != nil {
				return errors.Join(err, l.Close())
			}
			defer sent()
			h, err := local.Open(cfg, functions.All(), o)
			if err != nil {
				return errors.Join(err, l.Close())
			}
			end, err := tellMetrics(h, cfg.Metrics)
			if err != nil {
				return errors.Join(err, l.Close(), h.Close())
			}
			if err := saysWhere(cmd.OutOrStdout(), l, asJSON); err != nil {
				return errors.Join(err, l.Close(), end(), h.Close())
			}
			return errors.Join(h.Serve(cmd.Context(), l), end(), h.Close())
		},
	}
	c.Flags().StringVar(&addr, "addr", defaultAddr, "address to listen on; port 0 picks a free one")
	jsonFlag(c, &asJSON, "a line of JSON that says where")
	return c
}

// telemetry has a host tell what it was built from, and send its traces to where the
// environment says; the returned function sends the last of them.
func telemetry(o *local.Options, log *slog.Logger) (sent func(), err error) {
	built := builtHere()
	o.Version, o.Revision = built.Version, built.Revision
	t, err := tracing.Open(built.Version, time.Now, log)
	if t == nil {
		return func() {}, err
	}
	o.Observe, o.Around, o.Wrap = observe.All(t.Observe, o.Observe), t.Around, t.Handler
	return func() {
		if err := t.Close(); err != nil {
			log.Warn("the last traces are not sent", "error", err)
		}
	}, nil
}

// tellMetrics tells a host's metrics at an address of their own, if there is one, until
// the returned function is called.
func tellMetrics(h *local.Host, addr string) (end func() error, err error) {
	if addr == "" {
		return func() error { return nil }, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("INTERLOCK_METRICS: %w", err)
	}
	slog.Info("metrics have an address of their own", "url", "http://"+l.Addr().String()+"/metrics")
	ctx, cancel := context.WithCancel(context.Background())
	told := make(chan error, 1)
	go func() { told <- h.ServeMetrics(ctx, l) }()
	return func() error {
		cancel()
		return <-told
	}, nil
}

// saysWhere prints where it is served.
func saysWhere(w io.Writer, l net.Listener, asJSON bool) error {
	url := "http://" + l.Addr().String()
	if asJSON {
		return sayJSON(w, map[string]string{"serving": url})
	}
	_, err := fmt.Fprintln(w, "serving on", url)
	return err
}

func listen(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	return l, busy(addr, err)
}

// busy says what to do about an address that another program has.
func busy(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s is in use by another program; choose another with --addr", addr)
	}
	return err
}
