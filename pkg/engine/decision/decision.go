// Package decision turns a CloudEvent into what it asks of one switch: a
// [Decision], checked field by field.
//
// A [Decoder] knows every switch by its [Spec]. Its Decode answers one of
// three: the event is not meant for this switch; it is, and here is the
// decision; or it is wrong, and here is each wrong field ([Invalid]). Data is
// read strictly: members are matched with their case, unknown or doubled ones
// are errors, and null is the same as absent.
//
// What needs a clock or a policy (an open window, a date in the future) is
// judged by the engine, and so is a ticket that nobody but its requester
// approved: such a decision is well-formed, and its end is on record.
package decision

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Decision is what one event asks of one switch. Its JSON form is what the
// ledger stores, and from which anybody can finish it.
type Decision struct {
	Switch  string `json:"switch"`
	Enabled bool   `json:"enabled"`
	// Target is the switch's own target, in JSON: only what the switch uses.
	Target json.RawMessage `json:"target"`
	// Place is where that is. It is not stored; see [Decoder.Restore].
	Place Place `json:"-"`
	// Options are those that were given; numbers are float64, as
	// encoding/json reads them back. nil: none.
	Options map[string]any `json:"options,omitempty"`
	Ticket  *events.Ticket `json:"ticket,omitempty"`
	// Further are the ticket's other members, as given.
	Further map[string]json.RawMessage `json:"ticket_further,omitempty"`
	// Digest is that of what is asked, where there is a ticket: what the ticket's
	// own has to be, if it has one.
	Digest string `json:"digest,omitempty"`
	// Chain is what the decision is a step of; nil where it stands alone.
	Chain *Chain `json:"chain,omitempty"`
	// Admission is how the event came in.
	admission.Admission
	// Tag is the tag's new value as written, where a tag event asked.
	Tag string `json:"tag,omitempty"`
	// TagOld is its value before, where the event tells it.
	TagOld *string `json:"tag_old,omitempty"`
	// Snapshot: the event tells how the tags are, and not that they changed, as
	// its extension snapshot says.
	Snapshot bool         `json:"snapshot,omitempty"`
	Cause    events.Cause `json:"cause"`
	// Time is the event's time attribute; zero if it has none.
	Time time.Time `json:"time,omitzero"`
	// What the causing event carries on to the out-events. CorrelationID is
	// never empty: it starts as the causing event's id.
	CorrelationID string `json:"correlationid"`
	TraceParent   string `json:"traceparent,omitempty"`
	TraceState    string `json:"tracestate,omitempty"`
	// DryRun: the event's extension dryrun says that nothing is to be done. It
	// is no part of what is asked, and of no use to the ledger.
	DryRun bool `json:"-"`
	// Recorded is the content that the ledger has of it, where it comes from there:
	// an earlier version may have made another hash of the same.
	Recorded string `json:"-"`
}

// Key identifies the decision in the ledger.
func (d *Decision) Key() ledger.Key {
	return ledger.Key{Switch: d.Switch, Source: d.Cause.Source, ID: d.Cause.ID}
}

// Slot names the switch and its target: what order is kept for. No two
// switches and no two targets share one.
func (d *Decision) Slot() string { return d.Switch + " " + d.Place.Subject }

// DecidedAt is when it was decided, as far as the event tells: when its ticket
// was approved, else the event's time.
func (d *Decision) DecidedAt() (at time.Time, ok bool) {
	if d.Ticket != nil && d.Ticket.ApprovedAt != nil {
		return *d.Ticket.ApprovedAt, true
	}
	return d.Time, !d.Time.IsZero()
}

// Order is the decision's place among those on its target: the later of
// [Decision.DecidedAt], which counts as received where it is missing or later
// than that, and the start of its ticket's window.
func (d *Decision) Order(received time.Time) time.Time {
	if d.IsStep() {
		return d.Chain.Order // the root's
	}
	order, ok := d.DecidedAt()
	if !ok || order.After(received) {
		order = received
	}
	if d.Ticket != nil && d.Ticket.Window != nil {
		if start := d.Ticket.Window.Start; start != nil && start.After(order) {
			order = *start
		}
	}
	return order
}

// Approved tells whether somebody other than the requester approved the
// ticket; names are compared as [Principal] has them. A decision without a
// ticket needs no approval.
func (d *Decision) Approved() bool {
	if d.Ticket == nil {
		return true
	}
	requester := Principal(d.Ticket.RequestedBy)
	return slices.ContainsFunc(d.Ticket.ApprovedBy, func(name string) bool {
		approver := Principal(name)
		return approver != "" && approver != requester
	})
}

// Bound tells whether the ticket was approved for just what is asked.
func (d *Decision) Bound() bool {
	return d.Ticket != nil && d.Ticket.Digest != "" && d.Ticket.Digest == d.Digest
}

// Decode puts the target and the options, each unless nil, into a switch's own
// structs, of the types that its [Spec] made. What was not given stays as it is.
func (d *Decision) Decode(target, options any) error {
	if target != nil {
		if err := json.Unmarshal(d.Target, target); err != nil {
			return fmt.Errorf("target: %w", err)
		}
	}
	if options == nil || len(d.Options) == 0 {
		return nil
	}
	text, err := json.Marshal(d.Options)
	if err == nil {
		err = json.Unmarshal(text, options)
	}
	if err != nil {
		return fmt.Errorf("options: %w", err)
	}
	return nil
}
