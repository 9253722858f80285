package host

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// TestTickets: who asks for tickets is in the configuration, or in the secret,
// which is fetched again where the system refuses it.
func TestTickets(t *testing.T) {
	var token string
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"result":[]}`))
	}))
	defer desk.Close()
	fields, err := ticketsystem.ParseFields("servicenow", "")
	require.NoError(t, err)
	c := config.Config{TicketSystem: config.Place{Kind: "servicenow", Rest: desk.URL}, TicketFields: fields}
	with := func(token string) keys {
		all := pair("1")
		maps.Copy(all, keys{"INTERLOCK_TICKET_TOKEN": token})
		return all
	}
	v := &vault{value: with("one")}
	auth := open(t, v, "")
	s, err := Tickets(c, auth)
	require.NoError(t, err)
	ask := func() error {
		_, _, err := s.Confirm(t.Context(), &decision.Decision{Ticket: &events.Ticket{ID: "CHG1"}})
		return err
	}

	token = "one"
	require.NoError(t, ask())
	require.NoError(t, ask())
	require.Equal(t, 1, v.times())
	token = "two"
	require.ErrorContains(t, ask(), "found status 401")
	v.set(with("two"), false)
	require.NoError(t, ask(), "rotated")
	v.set(pair("1"), false)
	token = "three"
	err = ask()
	require.ErrorContains(t, err, "credentials: secret the-secret: INTERLOCK_TICKET_TOKEN: not set")
	require.NotContains(t, err.Error(), "two")

	c.TicketCredentials.Token = "three"
	s, err = Tickets(c, auth)
	require.NoError(t, err)
	v.times()
	require.NoError(t, ask())
	require.Zero(t, v.times(), "what is in the configuration goes before")

	none, err := Tickets(config.Config{}, auth)
	require.NoError(t, err)
	require.Nil(t, none)
}
