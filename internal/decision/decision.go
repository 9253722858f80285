// Package decision turns a CloudEvent into what it asks of one switch: a
// [Decision], checked field by field.
package decision

import (
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/ledger"
)

// Decision is what one event asks of one switch. Its JSON form is what the
// ledger stores, and from which anybody can finish it.
type Decision struct {
	Switch  string         `json:"switch"`
	Enabled bool           `json:"enabled"`
	Target  events.Target  `json:"target"`
	Options map[string]any `json:"options,omitempty"`
	Ticket  *events.Ticket `json:"ticket,omitempty"`
	// Tag is the tag's new value as written, where a tag event asked.
	Tag   string       `json:"tag,omitempty"`
	Cause events.Cause `json:"cause"`
	// Time is the event's time attribute; zero if it has none.
	Time time.Time `json:"time,omitzero"`
	// What the causing event carries on to the out-events.
	CorrelationID string `json:"correlationid"`
	TraceParent   string `json:"traceparent,omitempty"`
	TraceState    string `json:"tracestate,omitempty"`
}

// Key identifies the decision in the ledger.
func (d *Decision) Key() ledger.Key {
	return ledger.Key{Switch: d.Switch, Source: d.Cause.Source, ID: d.Cause.ID}
}
