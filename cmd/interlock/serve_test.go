package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// serves serves until it stands, and returns what it logged.
func serves(t *testing.T, args ...string) (*strings.Builder, error) {
	t.Helper()
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	logged := new(strings.Builder)
	c := root()
	c.SetOut(new(strings.Builder))
	c.SetErr(logged)
	c.SetArgs(append([]string{"serve"}, args...))
	return logged, c.ExecuteContext(ctx)
}

// What nobody gave a logger to logs as serve does.
func TestServeLogs(t *testing.T) {
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "interlock.db"))
	logged, err := serves(t, "--addr", "127.0.0.1:0")
	require.NoError(t, err)
	require.Empty(t, logged.String())
	slog.Default().Warn("said by a door")
	require.Contains(t, logged.String(), `"level":"WARN","msg":"said by a door"}`)
}

// Nobody listens for others who asks them for nothing; it is said before
// anything is opened. There is no ledger here, so that nothing serves.
func TestServeListens(t *testing.T) {
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "none", "interlock.db"))
	for addr, want := range map[string]string{
		":0": "whoever reaches it could flip switches", "0.0.0.0:0": "whoever reaches it could flip switches", "[::]:0": "whoever reaches it could flip switches",
		"127.0.0.1:0": "INTERLOCK_LEDGER: ", "[::1]:0": "INTERLOCK_LEDGER: ", "127.0.0.2:0": "INTERLOCK_LEDGER: ",
	} {
		_, err := serves(t, "--addr", addr)
		require.ErrorContains(t, err, want, addr)
	}
	for _, setting := range []string{"INTERLOCK_WEBHOOK_SECRETS=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "INTERLOCK_OPEN=true"} {
		t.Run(setting, func(t *testing.T) {
			name, value, _ := strings.Cut(setting, "=")
			t.Setenv(name, value)
			_, err := serves(t, "--addr", ":0")
			require.ErrorContains(t, err, "INTERLOCK_LEDGER: ")
		})
	}
}

// The metrics have an address of their own where one is given, and it is an error if
// that is in use.
func TestServeMetrics(t *testing.T) {
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "interlock.db"))
	t.Setenv("INTERLOCK_METRICS", "127.0.0.1:0")
	logged, err := serves(t, "--addr", "127.0.0.1:0")
	require.NoError(t, err)
	require.Regexp(t, `"url":"http://127\.0\.0\.1:\d+/metrics"`, logged.String())
	other, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	t.Setenv("INTERLOCK_METRICS", other.Addr().String())
	_, err = serves(t, "--addr", "127.0.0.1:0")
	require.ErrorContains(t, err, "INTERLOCK_METRICS: ")
	t.Setenv("INTERLOCK_METRICS", "127.0.0.1:0")
	_, err = serves(t, "--addr", "127.0.0.1:0")
	require.NoError(t, err, "the ledger was closed")
}

// The spans of what serve has done are sent by when it has ended.
func TestServeSendsTraces(t *testing.T) {
	var sent atomic.Int64
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); err == nil && bytes.Contains(body, []byte("claim")) {
			sent.Add(1)
		}
	}))
	defer collector.Close()
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_HALT", "true") // no cloud is called
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "interlock.db"))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.URL)
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	ctx, end := context.WithCancel(t.Context())
	out, in := io.Pipe()
	c := root()
	c.SetOut(in)
	c.SetErr(io.Discard)
	c.SetArgs([]string{"serve", "--addr", "127.0.0.1:0"})
	ended := make(chan error, 1)
	go func() { ended <- c.ExecuteContext(ctx) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	sample, err := os.ReadFile("../../functions/proxyssl/sample.json")
	require.NoError(t, err)
	res, err := http.Post(serving(line)+"/functions/proxyssl", "application/cloudevents+json", bytes.NewReader(sample))
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Zero(t, sent.Load(), "they are sent together, later")
	end()
	require.NoError(t, <-ended)
	require.Positive(t, sent.Load())
}
