// Notices tells a channel of Slack, one of Teams, or both, what became of changes:
// what was applied, rejected, given up, what failed, and what is in doubt. It takes
// Interlock's events by HTTP, from any bus.
//
//	SLACK_WEBHOOK_URL_FILE=/run/secrets/slack notices -addr 127.0.0.1:8090
//	INTERLOCK_BUS=http:http://127.0.0.1:8090 interlock serve
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8090", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, os.Getenv); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string, getenv func(string) string) error {
	webhooks, err := webhooks(getenv)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	log.Info("serving", "addr", l.Addr().String())
	server := &http.Server{Handler: newSink(webhooks, &http.Client{Timeout: 10 * time.Second}, log), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		within, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		ended <- server.Shutdown(within)
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}

// webhooks are those that the environment names: each URL in a variable, or better
// in a file, as secrets are mounted.
func webhooks(getenv func(string) string) (all []webhook, err error) {
	for _, h := range []webhook{
		{name: "SLACK_WEBHOOK_URL", form: (*notice).slack},
		{name: "TEAMS_WEBHOOK_URL", form: (*notice).teams},
	} {
		h.url = getenv(h.name)
		if file := getenv(h.name + "_FILE"); file != "" {
			if h.url != "" {
				return nil, fmt.Errorf("%s, %[1]s_FILE: found both, expected one", h.name)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("%s_FILE: %w", h.name, err)
			}
			h.url = strings.TrimSpace(string(text))
		} else if h.url == "" {
			continue
		}
		if err := h.check(); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	if len(all) == 0 {
		return nil, errors.New("SLACK_WEBHOOK_URL, TEAMS_WEBHOOK_URL: not set; expected one or both, or the same with _FILE")
	}
	return all, nil
}
