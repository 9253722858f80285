package main

import (
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
)

// approved builds the event of a ticket that was approved just now.
func approved(asked events.TicketApproved, now time.Time) (event.Event, error) {
	at := now.UTC().Truncate(time.Second)
	asked.Ticket.ApprovedAt = &at
	return built(events.TypeTicketApproved, "urn:interlock:send:tickets", now, asked, asked.Ticket.ID)
}

// requested builds the event of an ad hoc request.
func requested(asked events.SwitchRequested, now time.Time) (event.Event, error) {
	return built(events.TypeSwitchRequested, "urn:interlock:send", now, asked, "")
}

func built(typ, source string, now time.Time, data any, subject string) (event.Event, error) {
	ev := event.New()
	ev.SetID(strings.ToLower(rand.Text()))
	ev.SetType(typ)
	ev.SetSource(source)
	ev.SetTime(now.UTC())
	ev.SetDataSchema(events.DataSchema(typ))
	if subject != "" {
		ev.SetSubject(subject)
	}
	// Bytes would go out in Base64.
	if err := ev.SetData(event.ApplicationJSON, data); err != nil {
		return ev, fmt.Errorf("event: %w", err)
	}
	if err := ev.Validate(); err != nil {
		return ev, fmt.Errorf("event: %w", err)
	}
	return ev, nil
}
