package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serves serves until it stands, and returns what it logged.
func serves(t *testing.T, args ...string) *strings.Builder {
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
	if err := c.ExecuteContext(ctx); err != nil {
		require.ErrorContains(t, err, "INTERLOCK_LEDGER: ")
	}
	return logged
}

// What nobody gave a logger to logs as serve does.
func TestServeLogs(t *testing.T) {
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "interlock.db"))
	logged := serves(t, "--addr", "127.0.0.1:0")
	require.Empty(t, logged.String())
	slog.Default().Warn("said by a door")
	require.Contains(t, logged.String(), `"level":"WARN","msg":"said by a door"}`)
}

// Who can be reached by others is told, before anything is opened. There is no
// ledger here, so that nothing listens.
func TestServeWarns(t *testing.T) {
	t.Setenv("INTERLOCK_REGION", "cn-north-4")
	t.Setenv("INTERLOCK_AUTH_TOKEN", "t")
	t.Setenv("INTERLOCK_LEDGER", "bolt:"+filepath.Join(t.TempDir(), "none", "interlock.db"))
	const warning = "nobody is authenticated unless INTERLOCK_WEBHOOK_SECRETS is set"
	for addr, warned := range map[string]int{
		":0": 1, "0.0.0.0:0": 1, "[::]:0": 1, "192.0.2.1:0": 1,
		"127.0.0.1:0": 0, "[::1]:0": 0, "127.0.0.2:0": 0,
	} {
		require.Equal(t, warned, strings.Count(serves(t, "--addr", addr).String(), warning), addr)
	}
	t.Setenv("INTERLOCK_WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.Empty(t, serves(t, "--addr", ":0").String())
}
