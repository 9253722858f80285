// Package events is Interlock's event contract: the CloudEvents types that go
// in and out, the Go form of their data, their JSON Schemas and samples.
// Nothing in it runs.
//
// # In
//
// A [TicketApproved], a [TagChanged] or a [SwitchRequested] asks for a switch
// to be flipped.
//
// # Out
//
// A [Completed] event says that the cloud's API took the request and carries
// the job_id, from which the next step chains. A [Rejected] event says that it
// never will be applied, a [Failed] one that it was given up for now, and a
// [JobEnded] one how the cloud's job ended. A [ChainEnded] one says how each step
// of a chain stands when nothing more will be done of it.
package events

import "time"

// Types of the events that Interlock takes in.
const (
	TypeTicketApproved  = "dev.interlock.ticket.approved.v1"
	TypeTagChanged      = "dev.interlock.tag.changed.v1"
	TypeSwitchRequested = "dev.interlock.switch.requested.v1"
)

// Types of the events that Interlock emits.
const (
	TypeSwitchCompleted = "dev.interlock.switch.completed.v1"
	TypeSwitchRejected  = "dev.interlock.switch.rejected.v1"
	TypeSwitchFailed    = "dev.interlock.switch.failed.v1"
	TypeJobSucceeded    = "dev.interlock.job.succeeded.v1"
	TypeJobFailed       = "dev.interlock.job.failed.v1"
	TypeJobUnknown      = "dev.interlock.job.unknown.v1"
	TypeChainSucceeded  = "dev.interlock.chain.succeeded.v1"
	TypeChainFailed     = "dev.interlock.chain.failed.v1"
)

// SchemaBase is what a type's name is appended to, followed by ".json", to
// give the dataschema attribute of its events and the $id of its JSON Schema.
const SchemaBase = "https://interlock.dev/schemas/"

// DataSchema returns the dataschema attribute of the events of a type.
func DataSchema(eventType string) string { return SchemaBase + eventType + ".json" }

// TagPrefix is followed by a switch's name in the key of the tag that sets it.
const TagPrefix = "interlock:"

// Target is what a switch is flipped on. Which ids it needs, and in which form,
// depends on the switch; see the table in events/README.md.
type Target struct {
	// Region is the Huawei Cloud region. An event whose region is not the
	// function's own is not meant for it. Empty: any.
	Region string `json:"region,omitempty"`
	// ProjectID is the project in its region: 32 letters and digits
	// (database audit: 32 to 64 characters).
	ProjectID string `json:"project_id"`
	// InstanceID is the TaurusDB instance, 36 letters and digits ending in
	// in07, or the audit instance of DBSS, 32 to 64 characters.
	InstanceID string `json:"instance_id"`
	// ProxyID is the proxy instance, 36 letters and digits ending in po01.
	ProxyID string `json:"proxy_id,omitempty"`
	// DatabaseID is the audited database, as DBSS lists it.
	DatabaseID string `json:"database_id,omitempty"`
}

// Ticket is the approved change that a request rests on. Tickets may carry
// more members than Interlock reads.
type Ticket struct {
	ID          string     `json:"id" validate:"required,notblank,max=256"`
	RequestedBy string     `json:"requested_by" validate:"required,notblank"`
	ApprovedBy  []string   `json:"approved_by" validate:"required"`
	ApprovedAt  *time.Time `json:"approved_at,omitempty"`
	Window      *Window    `json:"window,omitempty"`
	// Digest binds the ticket to what it approves: sha-256: and 64 hexadecimal
	// digits, as interlock digest prints them. Empty: it is not bound.
	Digest string `json:"digest,omitempty"`
}

// Window is when a change may be applied: from Start on, before End. Either
// may be missing.
type Window struct {
	Start *time.Time `json:"start,omitempty"`
	End   *time.Time `json:"end,omitempty"`
}

// The data of the events about Huawei Cloud's switches. Whoever has switches of
// another cloud puts their own target in its place.
type (
	TicketApproved  = TicketApprovedOf[Target]
	SwitchRequested = SwitchRequestedOf[Target]
	TagChanged      = TagChangedOf[Target]
	Completed       = CompletedOf[Target]
	Rejected        = RejectedOf[Target]
	JobEnded        = JobEndedOf[Target]
	Step            = StepOf[Target]
	Chain           = ChainOf[Target]
	ChainStep       = ChainStepOf[Target]
	ChainEnded      = ChainEndedOf[Target]
)

// TicketApprovedOf is the data of [TypeTicketApproved].
type TicketApprovedOf[T any] struct {
	Switch  string         `json:"switch" validate:"required"`
	Enabled *bool          `json:"enabled" validate:"required"`
	Target  *T             `json:"target" validate:"required"`
	Options map[string]any `json:"options,omitempty"`
	Ticket  *Ticket        `json:"ticket" validate:"required"`
	// Then are the steps that follow, each once the one before has taken effect.
	Then []StepOf[T] `json:"then,omitempty" validate:"max=50,dive"`
	// OnFailure is what is done where a step fails.
	OnFailure OnFailure `json:"on_failure,omitempty" validate:"omitempty,oneof=stop undo"`
}

// SwitchRequestedOf is the data of [TypeSwitchRequested]: an ad hoc request, or
// the next step of a chain.
type SwitchRequestedOf[T any] struct {
	Switch  string         `json:"switch" validate:"required"`
	Enabled *bool          `json:"enabled" validate:"required"`
	Target  *T             `json:"target" validate:"required"`
	Options map[string]any `json:"options,omitempty"`
	Ticket  *Ticket        `json:"ticket,omitempty"`
	// Then are the steps that follow, each once the one before has taken effect.
	Then []StepOf[T] `json:"then,omitempty" validate:"max=50,dive"`
	// OnFailure is what is done where a step fails.
	OnFailure OnFailure `json:"on_failure,omitempty" validate:"omitempty,oneof=stop undo"`
	// Chain is there where it is a step of a chain, by Interlock's own word: it
	// says which, and what came before.
	Chain *ChainOf[T] `json:"chain,omitempty"`
}

// StepOf is one more switch that a ticket or a request asks for.
type StepOf[T any] struct {
	Switch  string `json:"switch" validate:"required"`
	Enabled *bool  `json:"enabled" validate:"required"`
	// Target is that of the step before, less what this switch does not use,
	// where it is missing.
	Target  *T             `json:"target,omitempty"`
	Options map[string]any `json:"options,omitempty"`
}

// OnFailure is what is done where a step of a chain fails.
type OnFailure string

const (
	// Stop leaves what was done as it is. It is the default.
	Stop OnFailure = "stop"
	// Undo flips back, last first, what the chain is known to have changed.
	Undo OnFailure = "undo"
)

// ChainOf is a chain as it stands when a step of it is due.
type ChainOf[T any] struct {
	// Root names the event that asked for the chain, and its switch.
	Root Link `json:"root"`
	// After names what the step follows: the record whose write made it due.
	After Link `json:"after"`
	// Type is that of the root's event.
	Type string `json:"type"`
	// At is the step's place, from 0, the root's. Undo: it is flipped back.
	At   int  `json:"at"`
	Undo bool `json:"undo,omitempty"`
	// Order is the root's place in time, which is that of each step.
	Order     time.Time        `json:"order"`
	OnFailure OnFailure        `json:"on_failure,omitempty" validate:"omitempty,oneof=stop undo"`
	Digest    string           `json:"digest,omitempty"`
	Steps     []ChainStepOf[T] `json:"steps" validate:"min=1,max=51,dive"`
}

// Link names a record of the ledger.
type Link struct {
	Switch string `json:"switch"`
	Source string `json:"source"`
	ID     string `json:"id"`
}

// ChainStepOf is a step of a chain, and how it stands.
type ChainStepOf[T any] struct {
	Switch  string         `json:"switch"`
	Target  T              `json:"target"`
	Enabled bool           `json:"enabled"`
	Options map[string]any `json:"options,omitempty"`
	State   StepState      `json:"state" validate:"oneof=not-done done unchanged failed undone undo-failed"`
	// Changed: it is known to have been in the other position before.
	Changed bool   `json:"changed,omitempty"`
	JobID   string `json:"job_id,omitempty"`
	Error   *Error `json:"error,omitempty"`
}

// StepState is how a step of a chain stands.
type StepState string

const (
	// StepNotDone: it was not begun.
	StepNotDone StepState = "not-done"
	// StepDone: it has taken effect. StepUnchanged: it was as wanted already.
	StepDone      StepState = "done"
	StepUnchanged StepState = "unchanged"
	StepFailed    StepState = "failed"
	// StepUndone: it was flipped back. StepUndoFailed: that failed.
	StepUndone     StepState = "undone"
	StepUndoFailed StepState = "undo-failed"
)

// ChainEndedOf is the data of [TypeChainSucceeded] and [TypeChainFailed]. Its
// steps are without options, and without a word on what they changed: their
// states say it.
type ChainEndedOf[T any] struct {
	Cause Cause            `json:"cause"`
	Steps []ChainStepOf[T] `json:"steps"`
}

// TagChangedOf is the data of [TypeTagChanged]. Each function minds only the
// change of its own key, [TagPrefix] and the name of its switch.
type TagChangedOf[T any] struct {
	Target  *T          `json:"target" validate:"required"`
	Changes []TagChange `json:"changes" validate:"required,min=1,dive"`
}

// TagChange is one tag's change. A missing New means that the tag was
// removed, which asks for nothing.
type TagChange struct {
	Key string  `json:"key" validate:"required"`
	Old *string `json:"old,omitempty"`
	New *string `json:"new,omitempty"`
}

// Result is how the cloud took a request.
type Result string

const (
	// Accepted: the cloud created a job, which goes on.
	Accepted Result = "accepted"
	// Applied: the switch has its new position at once.
	Applied Result = "applied"
	// Unchanged: a look-up found the switch in the wanted position, and
	// nothing was called.
	Unchanged Result = "unchanged"
)

// Cause names the event that asked.
type Cause struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Type   string `json:"type"`
	// Ticket is the id of the ticket that the request rests on.
	Ticket string `json:"ticket,omitempty"`
}

// CompletedOf is the data of [TypeSwitchCompleted].
type CompletedOf[T any] struct {
	Switch  string         `json:"switch"`
	Target  T              `json:"target"`
	Enabled bool           `json:"enabled"`
	Options map[string]any `json:"options,omitempty"`
	Result  Result         `json:"result"`
	// JobID is the cloud's job, where its API creates one.
	JobID string `json:"job_id,omitempty"`
	// Inferred: the answer that carried the job_id was lost, and the job was
	// found by exclusion in the cloud's job list.
	Inferred bool  `json:"inferred,omitempty"`
	Cause    Cause `json:"cause"`
}

// RejectedOf is the data of [TypeSwitchRejected] and [TypeSwitchFailed]. What
// could not be known from the causing event is missing.
type RejectedOf[T any] struct {
	Switch  string         `json:"switch,omitempty"`
	Target  *T             `json:"target,omitempty"`
	Enabled *bool          `json:"enabled,omitempty"`
	Options map[string]any `json:"options,omitempty"`
	Error   Error          `json:"error"`
	Cause   Cause          `json:"cause"`
}

// Code is why a request was not applied, for machines.
type Code string

// Codes that end a decision.
const (
	InvalidEvent Code = "invalid-event"
	InvalidData  Code = "invalid-data"
	NotApproved  Code = "not-approved"
	WindowOver   Code = "window-over"
	Future       Code = "future"
	Superseded   Code = "superseded"
	Expired      Code = "expired"
	TicketSpent  Code = "ticket-spent"
	IDReused     Code = "id-reused"
	Denied       Code = "denied"
	CloudRefused Code = "cloud-refused"
	Unresolved   Code = "unresolved"
	GaveUp       Code = "gave-up"
)

// Codes of what is to be tried again later.
const (
	Held        Code = "held"
	NotYet      Code = "not-yet"
	Busy        Code = "busy"
	Throttled   Code = "throttled"
	Doubt       Code = "doubt"
	CloudDenied Code = "cloud-denied"
	Unavailable Code = "unavailable"
)

// Error says why a request was not applied.
type Error struct {
	Code   Code    `json:"code"`
	Title  string  `json:"title"`
	Detail string  `json:"detail"`
	Fields []Field `json:"fields,omitempty"`
	// Policy names the rules of the policy that said no.
	Policy []string `json:"policy,omitempty"`
	Cloud  *Cloud   `json:"cloud,omitempty"`
}

// Field is one wrong field of an event.
type Field struct {
	// Path is the field's place: an attribute's name, or a dotted path that
	// starts at data, as in data.target.proxy_id.
	Path     string `json:"path"`
	Found    string `json:"found"`
	Expected string `json:"expected"`
}

// Cloud is the cloud's own word on a refusal.
type Cloud struct {
	Status    int    `json:"status,omitempty"`
	ErrorCode string `json:"error_code,omitempty"`
	ErrorMsg  string `json:"error_msg,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// JobEndedOf is the data of [TypeJobSucceeded] and [TypeJobFailed], and of
// [TypeJobUnknown]: there the job was not seen to end for as long as it was followed.
type JobEndedOf[T any] struct {
	Switch  string `json:"switch"`
	Target  T      `json:"target"`
	Enabled bool   `json:"enabled"`
	JobID   string `json:"job_id"`
	Job     Job    `json:"job"`
	Cause   Cause  `json:"cause"`
}

// Job is what the cloud said of its job, in the cloud's own words.
type Job struct {
	// Status is the cloud's; [NotSeen] of a job that could not be found or read.
	Status string `json:"status"`
	// FailReason is the cloud's; of a job that was not seen to end, why not.
	FailReason string     `json:"fail_reason,omitempty"`
	Began      *time.Time `json:"began,omitempty"`
	Ended      *time.Time `json:"ended,omitempty"`
}

// NotSeen is the status of a job of which the cloud has said nothing.
const NotSeen = "not seen"
