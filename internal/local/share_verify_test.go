//go:build verify

package local_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

// Of two processes on one database, one follows a job; when it is gone, the other
// does, to its end.
func TestJobsAreShared(t *testing.T) {
	one := localtest.Start(t, localtest.Options{
		Environ: []string{"INTERLOCK_LEDGER=" + postgrestest.Start(t).URL("")},
		Cloud:   cloudsim.Options{JobRunning: 4 * time.Minute},
	})
	two := one.Beside(t)
	require.Equal(t, 202, one.Post(t, "proxyssl", localtest.File(t, "../../functions/proxyssl/sample.json")).Status)
	looks := func(w *localtest.World) bool {
		w.Sent()
		require.NoError(t, w.Host.LookAfterJobs(t.Context()))
		return len(w.Sent()) > 0
	}
	one.Advance(5 * time.Second)
	require.True(t, looks(one))
	require.False(t, looks(two), "it looks in vain")
	one.Advance(time.Minute)
	require.False(t, looks(two), "the other may still be there")
	one.Advance(time.Minute)
	require.True(t, looks(two), "the other is gone")
	require.False(t, looks(one), "it was away")
	one.Advance(5 * time.Minute)
	require.True(t, looks(two))
	var ended []string
	for _, ev := range one.Bus.Take() {
		if ev.Type() == events.TypeJobSucceeded {
			ended = append(ended, ev.ID())
		}
	}
	require.Len(t, ended, 1)
	require.False(t, looks(one), "it has ended")
}
