package host

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/ticketsystem"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// confirming is a system of tickets as the engine asks it.
type confirming struct{ ticketsystem.System }

// Confirm reads the ticket at its system, and compares.
func (c confirming) Confirm(ctx context.Context, d *decision.Decision) ([]events.Field, time.Duration, error) {
	found, err := c.Ticket(ctx, d.Ticket.ID)
	if err != nil {
		var later *ticketsystem.Error
		if errors.As(err, &later) {
			return nil, later.RetryAfter, err
		}
		return nil, 0, err
	}
	return ticketsystem.Compare(*d.Ticket, d.Digest, found), 0, nil
}

// Tickets is the system that a configuration has asked for tickets, or nil. Who
// asks is in the configuration, or in the secret that auth, of [AWS.Auth], has
// the cloud's credentials from.
func Tickets(c config.Config, auth cloudapi.Authenticator) (engine.Tickets, error) {
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
	return confirming{ticketsystem.New(ticketsystem.Options{
		Kind: c.TicketSystem.Kind, Base: base, Fields: c.TicketFields, Credentials: credentials,
	})}, nil
}
