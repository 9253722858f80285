// Package ledger is the durable memory of decisions and targets: what makes a
// flip happen once and in order.
//
// A [Ledger] keeps five kinds of record. A [Record] is what one event asks
// of one switch and how that ended. An instance record says which decision
// works on the instance now (the hold), and, for each switch and target on it,
// the order of the newest effective decision (the mark). A job record says to
// whom a job of the cloud belongs, a [Use] which decision owns a ticket on a
// switch and target. An [AuditRecord] tells of one settled decision, and is
// linked to the one before it on the instance. What came and became no decision
// is kept apart from them, and only for a while: an [Arrival].
//
// # States of a decision
//
//	(none) ──Claim──▶ Claimed ──Settle──▶ Settled ──Mark──▶ Settled, emitted
//	   │               │   ▲                 │
//	  Wait          Release │ Claim          └─ failed: Claim takes it up again
//	   ▼               ▼   │
//	   └────────────▶ Waiting
//
// A decision is Claimed exactly while it holds its instance. The hold has a
// lease; when that has run out, the decision is in doubt: nobody knows whether
// its call was sent. The next claim of it resumes it; no claim of another
// decision steals the hold.
//
// # Tickets
//
// A ticket is spent once on a switch and target. The claim that names it owns
// it from then on, in the claim's own write, and every end of the decision
// brings that up to date in its own:
//
//	(none) ──Claim──▶ open ──Settle──▶ spent   effective, or failed in doubt
//	                   ▲      or Reject ▶ void  without any effect
//	                   └── Claim ──┘            by anybody; of spent ones by its owner
//
// Nothing frees a ticket in advance, and its use is kept for good: the owner's
// record may be long gone.
//
// # Nonces
//
// Every claim carries a random nonce, and what follows is conditional on it. A
// method called again with the same arguments, because its answer was lost,
// does nothing and answers as it did the first time.
//
// # Errors
//
// [ErrLost]: the nonce is no longer the decision's; another has taken it over.
// [ErrJobTaken]: the job belongs to another decision. [ErrNotFound]: no such
// decision. [ErrNewer]: the record was written by a newer version of Interlock
// and is left alone. Any other error means that the ledger could not be
// reached or written and that the operation may or may not have happened.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"time"
)

// Errors that tell of the ledger's state rather than of its absence.
var (
	ErrLost     = errors.New("ledger: another attempt has taken the decision over")
	ErrJobTaken = errors.New("ledger: the job belongs to another decision")
	ErrNotFound = errors.New("ledger: no such decision")
	ErrNewer    = errors.New("ledger: the record was written by a newer version")
)

// Ledger is the memory of decisions. All methods are safe for concurrent use
// by many processes. Every time that a method needs is given to it: a ledger
// has no clock of its own.
type Ledger interface {
	// Claim asks to work on a decision; see [Verdict] for its answers. It
	// writes only where it answers New or Resumed.
	Claim(ctx context.Context, c Claim) (Claimed, error)

	// Settle ends the claim with an outcome and its events, in one write: it
	// frees the instance, makes the job the decision's own and, for an
	// effective outcome, raises the mark to the decision's order if that is
	// later.
	Settle(ctx context.Context, key Key, nonce string, o Outcome) error

	// Reject settles a decision that holds nothing, as superseded ones do: it
	// is conditional on the decision being absent, or one that a claim would
	// answer as New if its order and instance allow (Waiting, or Settled as
	// failed without doubt and emitted), with the given content, and fails
	// with ErrLost otherwise. The outcome's nonce for Mark is c.Nonce.
	Reject(ctx context.Context, c Claim, o Outcome) error

	// Release gives the hold back without doubt: no call was made, or it
	// certainly had no effect. The decision becomes Waiting, due at w.Due.
	Release(ctx context.Context, key Key, nonce string, w Wait) error

	// Lapse shortens the lease to until and keeps hold, first-claim time and
	// doubt. known tells that a call is known to have had an effect (once
	// told, it stays). last is noted as the last thing that happened. The
	// next claim of the decision resumes it, whatever happens to its record
	// before.
	Lapse(ctx context.Context, key Key, nonce string, until time.Time, known bool, last Note) error

	// Wait notes a decision that could not be claimed as Waiting, so that it
	// is due without anybody delivering it again. It does nothing where the
	// decision is Claimed or Settled, or has another content.
	Wait(ctx context.Context, c Claim, w Wait) error

	// Mark notes that the settled outcome's events were published, and lets
	// the decision expire at expire. It is conditional on the nonce that
	// settled it, and does nothing where another has settled since.
	Mark(ctx context.Context, key Key, nonce string, now, expire time.Time) error

	// Owners tells which of the jobs of a project belong to a decision, and for
	// [Listed], where it is asked for, whose was seen on the list of jobs.
	Owners(ctx context.Context, project string, jobs []string) (map[string]Key, error)

	// Instance reads what is kept of an instance: who works on it, and by
	// switch and target ([Record.Slot]) the mark and the last tag value. It
	// is zero for one that nobody has worked on.
	Instance(ctx context.Context, project, instance string) (Instance, error)

	// Use reads what is kept of a ticket on a slot. It is zero where nobody has
	// used it.
	Use(ctx context.Context, ticket, slot string) (Use, error)

	// Get reads a decision.
	Get(ctx context.Context, key Key) (Record, error)

	// Due lists, soonest first and at most limit, the decisions that ask for
	// work at now: Claimed with a lease that ran out, Waiting and due, or
	// Settled and not marked emitted (due from when it was settled). A ledger
	// may learn of a decision a moment late, but lists none that asks for
	// nothing. It passes over those of which one of but is true: they take
	// nobody's place, and cost less than to be listed.
	Due(ctx context.Context, now time.Time, limit int, but ...func(Due) bool) ([]Due, error)

	// All lists every decision, in no order, for people to look at. It reads
	// everything there is. A record that cannot be read comes as an error, and
	// the list goes on where it can. With texts, decisions in whose records not
	// each of them stands may be left out, as far as the texts are [Plain]: that
	// takes a fraction of the time.
	All(ctx context.Context, texts ...string) iter.Seq2[Record, error]

	// Instances lists every instance that has been worked on, in no order.
	Instances(ctx context.Context) iter.Seq2[Instance, error]

	// Trail lists an instance's audit records in order, from the one with the
	// number from on. It passes over those that are missing, and goes on past
	// the instance's head if there is more: see [Export] and [VerifyAudit].
	Trail(ctx context.Context, project, instance string, from int64) iter.Seq2[AuditRecord, error]

	// Close releases what the ledger holds open.
	Close() error
}

// Listed stands for a job of ours, whichever: that the cloud's list of a
// project's jobs has been seen to show one is remembered for good under this
// name, beside the jobs. A list that never has proves nothing by what it lacks.
const Listed = ""

// Halter keeps the word of an operator that nothing is to be called until he
// lifts it. Every ledger here is one.
type Halter interface {
	// Halted tells whether it is so; at first it is not.
	Halted(ctx context.Context) (bool, error)
	// SetHalt makes it so, or lifts it.
	SetHalt(ctx context.Context, halt bool) error
}

// Sharer is a ledger whose decisions several processes look after at once, which
// share them out so that each is seen to by one. Nothing rests on it but that no
// work is done in vain.
type Sharer interface {
	// Share asks whether the decision is to be seen to by whoever asks: it is until
	// then, or until it is next written. It is not while another was told so, or
	// where the decision asks for nothing.
	Share(ctx context.Context, key Key, by string, now, until time.Time) (bool, error)
}

// Key identifies a decision: CloudEvents say that source and id identify an
// event, and each switch decides on it for itself.
type Key struct {
	Switch string `json:"switch"`
	Source string `json:"source"`
	ID     string `json:"id"`
}

// Claim is the request to work on a decision.
type Claim struct {
	Key Key
	// Content is the hash of what is asked. The same key with another
	// content is refused.
	Content string
	// Project and Instance name what is held.
	Project, Instance string
	// Slot is the switch and target for which order is kept.
	Slot string
	// Ticket is the id of the ticket that is spent on the slot; empty if none
	// is. Also are further slots that it is spent on with this one, at once or
	// not at all.
	Ticket string
	Also   []string
	// Order is when the decision was made. It counts at the decision's first
	// claim; later ones go by the order stored then.
	Order time.Time
	// Stored is the decision itself, from which anybody can finish it.
	Stored json.RawMessage
	// Reopen takes up what has failed for good.
	Reopen bool
	// Nonce is random and new for each claim.
	Nonce string
	// Now is the time, and Lease until when the hold lasts if nothing else
	// ends it.
	Now, Lease time.Time
}

// Verdict is how a ledger answers a claim.
type Verdict int

const (
	// New: the decision is ours and no call of it was ever left in doubt.
	New Verdict = iota + 1
	// Resumed: the decision is ours, and an earlier attempt may have sent its
	// call: look up first.
	Resumed
	// Done: it is settled, and the outcome is there. A failed outcome is Done
	// only until its event is marked emitted; then a claim takes it up again.
	Done
	// Superseded: a newer decision on the same switch and target is already
	// effective. Resumed decisions are never answered so; see
	// Claimed.Superseded.
	Superseded
	// Held: the instance is worked on; see Claimed.Holder. A ledger that is
	// too busy to say by whom names no holder (its Key is zero) and a short
	// Until.
	Held
	// Reused: the key was used before with another content.
	Reused
	// Spent: another decision owns the ticket, and was effective or may have
	// been; see Claimed.Owner. So it is for the owner itself once its record has
	// expired.
	Spent
)

// Claimed is the answer to a claim.
type Claimed struct {
	Verdict Verdict
	// Record is the decision as stored (New, Resumed, Done, Reused; and for
	// Superseded, Held and Spent where there is one already).
	Record Record
	// Superseded tells of a Resumed decision that the mark is past its order:
	// should its call prove absent, it must not be sent.
	Superseded bool
	// Holder, for Held, is who holds the instance; it may be the decision
	// itself.
	Holder Holder
	// Owner, for Spent, is the decision that owns the ticket. It is set for
	// Held too where the ticket is in the way and not the instance: the owner
	// may still come to an end without any effect. Holder names it as well then,
	// until the end of the lease that was asked for.
	Owner Key
}

// Holder is the hold on an instance.
type Holder struct {
	Key   Key    `json:"key"`
	Nonce string `json:"nonce"`
	// Until is when the lease runs out. Until it has, nobody else may work on
	// the instance; after it, whoever meets the hold finishes that decision.
	Until time.Time `json:"until"`
	// Quiet: the holder is at rest, waiting in doubt, not at work.
	Quiet bool `json:"quiet,omitempty"`
}

// State of a decision.
type State string

// States of a decision.
const (
	Working State = "claimed"
	Waiting State = "waiting"
	Settled State = "settled"
)

// Record is the record of a decision.
type Record struct {
	// Format is the version of the record's form, 1.
	Format  int             `json:"format"`
	Key     Key             `json:"key"`
	State   State           `json:"state"`
	Content string          `json:"content"`
	Stored  json.RawMessage `json:"stored,omitempty"`

	Project  string    `json:"project"`
	Instance string    `json:"instance"`
	Slot     string    `json:"slot"`
	Order    time.Time `json:"order"`
	// Ticket is the one that the decision owns, on its slot and those that are
	// Also; empty if it owns none.
	Ticket string   `json:"ticket,omitempty"`
	Also   []string `json:"also,omitempty"`

	// First is the time of the first claim or wait.
	First time.Time `json:"first"`
	// Pursued is since when it has been tried in vain: the first time that it
	// was put off, unless patiently since, or since it was taken up anew.
	Pursued time.Time `json:"pursued,omitzero"`
	// Since is the time of the last claim of the decision while it held
	// nothing: only since then, and in the spans that are Earlier, can a call of
	// it have been sent.
	Since time.Time `json:"since,omitzero"`
	// Earlier are the spans in which it held its instance before it failed in
	// doubt. Between them, others did.
	Earlier []Span `json:"earlier,omitempty"`
	// Nonce is that of the last claim.
	Nonce string `json:"nonce,omitempty"`
	// Doubt: a call may have been sent by an earlier attempt than one that
	// claims it next. Set by a claim that resumes, by Lapse, and by a failed
	// outcome that says so; ended by any other outcome.
	Doubt bool `json:"doubt,omitempty"`
	// Known: a call is known to have had an effect, though its answer could
	// not be read.
	Known bool `json:"known,omitempty"`
	// Due is when a Waiting decision is to be taken up, and when the lease of
	// a Working one runs out.
	Due time.Time `json:"due,omitzero"`
	// Quiet: Working, but at rest since a Lapse.
	Quiet bool `json:"quiet,omitempty"`
	// Attempts counts the claims; GaveUp how often it ended as failed.
	Attempts int `json:"attempts,omitempty"`
	GaveUp   int `json:"gave_up,omitempty"`
	// Last is what happened last.
	Last Note `json:"last,omitzero"`

	// Outcome is there once it is settled.
	Outcome *Outcome  `json:"outcome,omitempty"`
	Emitted time.Time `json:"emitted,omitzero"`
	Expire  time.Time `json:"expire,omitzero"`
}

// Span is a time from one moment to another.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Note is what happened last to a decision that goes on.
type Note struct {
	At     time.Time `json:"at,omitzero"`
	Code   string    `json:"code,omitempty"`
	Detail string    `json:"detail,omitempty"`
	// Patient: what is in the way ends by itself (a halt, a window that is not
	// open yet), and is not held against the decision.
	Patient bool `json:"patient,omitempty"`
	// Policies are the rules by which a policy had let the call be sent.
	Policies []string `json:"policies,omitempty"`
	// JobID is the job that the call's answer named, where that could not be settled.
	JobID string `json:"job_id,omitempty"`
}

// Wait is why and until when a decision waits.
type Wait struct {
	Due  time.Time
	Last Note
	// Absent ends the doubt, and what was known of an effect: somebody has found
	// out that no call had any. It is for Release alone, and an operator's word.
	Absent bool
}

// Outcome is how a decision ended.
type Outcome struct {
	// Result is accepted, applied, unchanged, rejected or failed.
	Result string `json:"result"`
	// Code says why it was rejected or failed.
	Code string `json:"code,omitempty"`
	// At is when it was settled.
	At time.Time `json:"at"`
	// JobID is the cloud's job; it becomes this decision's own.
	JobID string `json:"job_id,omitempty"`
	// JobExpire is until when at least the job is remembered as the decision's own;
	// zero: for good. Ledgers that forget it with the decision do that.
	JobExpire time.Time `json:"-"`
	// Listed: the cloud's list of jobs was seen to show the job that this is the
	// end of; see [Listed].
	Listed bool `json:"-"`
	// Events are the out-events to publish, structured CloudEvents in JSON.
	Events []json.RawMessage `json:"events,omitempty"`
	// Effective outcomes raise the mark: accepted, applied, unchanged.
	Effective bool `json:"effective,omitempty"`
	// Failed outcomes may be taken up again; Doubt is kept for that. Final ones
	// only by a claim that says so: more than the decision has ended with it.
	Failed bool `json:"failed,omitempty"`
	Final  bool `json:"final,omitempty"`
	// Changed: what was switched is known to have been in the other position.
	Changed bool `json:"changed,omitempty"`
	Doubt   bool `json:"doubt,omitempty"`
	// Tag is the tag value that was settled, for a tag event.
	Tag string `json:"tag,omitempty"`
	// By names the operator who resolved it by hand, if one did.
	By string `json:"by,omitempty"`
	// Audit is what the instance's audit trail is to tell of it; nothing is
	// added to the trail without. It is kept there and not with the outcome.
	Audit json.RawMessage `json:"-"`
}

// Why says which kind of work a due decision asks for.
type Why string

// Kinds of work.
const (
	Lapsed    Why = "lapsed"
	Waited    Why = "waited"
	Unemitted Why = "unemitted"
)

// Due is a decision that asks for work.
type Due struct {
	Key Key
	At  time.Time
	Why Why
}
