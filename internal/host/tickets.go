package host

import (
	"context"
	"fmt"
	"net/url"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Tickets is the system that a configuration has asked for tickets, or nil. Who
// asks is in the configuration, or in the secret that auth, of [AWS.Auth], has
// the cloud's credentials from.
func Tickets(c config.Config, auth cloudapi.Authenticator) (ticketsystem.System, error) {
	if c.TicketSystem.Kind == "" {
		return nil, nil
	}
	base, err := url.Parse(c.TicketSystem.Rest)
	if err != nil {
		return nil, fmt.Errorf("INTERLOCK_TICKET_SYSTEM: expected %s: and a URL", c.TicketSystem.Kind)
	}
	credentials := func(context.Context, bool) (ticketsystem.Credentials, error) { return c.TicketCredentials, nil }
	if s, kept := auth.(*secret); kept && c.TicketCredentials == (ticketsystem.Credentials{}) {
		credentials = s.tickets
	}
	return ticketsystem.New(ticketsystem.Options{
		Kind: c.TicketSystem.Kind, Base: base, Fields: c.TicketFields, Credentials: credentials,
	}), nil
}
