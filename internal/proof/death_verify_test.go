//go:build verify

package proof

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres/postgrestest"
)

// TestDeathsOnPostgres is TestDeaths for three processes on one database, of which one
// dies while the others go on; each time the database's server is killed as well, and
// started again. A hold of the dead lasts for half a minute there, so that all is
// delivered again in the end.
func TestDeathsOnPostgres(t *testing.T) {
	server := postgrestest.Start(t)
	s := besiege(t)
	died := 0
	s.also = func() {
		server.Kill()
		server.Restart(t)
		died++
	}
	first := programOf(t, s.api.URL, s.bus.URL)
	first.env = append(first.env, "INTERLOCK_LEDGER="+server.URL(""))
	second, third := *first, *first
	s.kill(t, false, first, &second, &third)
	l, err := postgres.Open(t.Context(), server.URL(""))
	require.NoError(t, err)
	defer l.Close()
	s.check(t, l)
	require.Equal(t, kills, died)
	t.Logf("proved: deaths on PostgreSQL: %d kills of three processes with %d events at once, and as many of the server, the bus in trouble: of two events of a ticket one in effect once and its event published, the other refused, %d audit trails whole, 0 violations", kills, 2*crowd, len(s.twins))
}
