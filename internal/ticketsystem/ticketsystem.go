// Package ticketsystem asks for a ticket where it is kept: in ServiceNow or in
// Jira Service Management.
//
// An event only claims that a change was approved, and what it claims may be
// forged, or no longer so: an approver may have been removed, the change
// canceled or opened for approval again. A [System] reads the ticket as it is
// now, and [Compare] tells whether it still says what the event says of it.
//
// # No, and not now
//
// A system that answers says yes or no: what [Compare] returns is its no. A
// system that does not answer, refuses the credentials, is busy, or answers
// what nobody can read, says neither. That is an [*Error], which means later
// and never yes. A column that is not in the answer is one that the user may
// not read, or a misspelt name, and so is an error and not an empty column: an
// empty digest would be one that binds nothing.
package ticketsystem

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// System is where tickets are kept.
type System interface {
	// Ticket reads a ticket as it is now. Its errors are of type *[Error]. That
	// there is no such ticket is no error.
	Ticket(ctx context.Context, id string) (Found, error)
}

// State is what a system says of a ticket.
type State string

// States of a ticket. Only one of them is a yes.
const (
	Approved State = "approved"
	// Waiting: it is not approved, or not any more.
	Waiting State = "waiting"
	// Declined: somebody said no, whatever else was said.
	Declined State = "declined"
	// Closed: it was approved, and is over or canceled.
	Closed State = "closed"
	// Missing: there is no such ticket.
	Missing State = "missing"
)

// Found is a ticket as its system has it.
type Found struct {
	State State
	// Because is the field of the system that decides the state, with its value.
	Because string
	// RequestedBy is who asked for it, Approvers are those who approved it.
	RequestedBy Person
	Approvers   []Person
	// Digest is what the ticket is bound to, "" where it is not; nil where the
	// system was set up to keep none.
	Digest *string
	// ApprovedAt is when it was approved; nil where the system does not say so.
	ApprovedAt *time.Time
	// Start and End are when it may be applied; nil where that is not limited.
	Start, End *time.Time
}

// Person is somebody by all the names that the system has, of which the first
// is the one that never changes.
type Person []string

// Error says why a ticket could not be read for now. It holds nothing of the
// system's answer, which might repeat what it was sent.
type Error struct {
	Ticket string
	// Status is that of the answer; 0 where there was none.
	Status int
	// RetryAfter is when the system wants to be asked again, where it says so.
	RetryAfter time.Duration
	// Err is what was found, and what is expected.
	Err error
}

func (e *Error) Error() string {
	return fmt.Sprintf("ticket %.64q at its system: %s", e.Ticket, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// LogValue names the parts one by one.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("ticket", e.Ticket), slog.Int("status", e.Status), slog.String("error", e.Err.Error()))
}

// Kinds are the systems that are known.
func Kinds() []string { return []string{serviceNow, jira} }

// Options are how a system is reached.
type Options struct {
	// Kind is one of [Kinds], Base the address that its API's paths follow.
	Kind string
	Base *url.URL
	// Fields are where the system keeps what is asked for.
	Fields Fields
	// Credentials are asked for each ticket, and once more with renew set where
	// they were refused.
	Credentials func(ctx context.Context, renew bool) (Credentials, error)
	// HTTP sends the requests; its redirects are not followed. Default
	// [http.DefaultClient].
	HTTP *http.Client
	// Timeout is how long one ticket may take. Default 10 s, and never longer
	// than the context lasts.
	Timeout time.Duration
	// Now is the clock of Retry-After. Default [time.Now].
	Now func() time.Time
}

// New makes a system of the kind that the options name.
func New(o Options) System {
	c := newClient(o)
	if o.Kind == jira {
		return &jiraSystem{c}
	}
	return &serviceNowSystem{c}
}
