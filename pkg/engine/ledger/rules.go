package ledger

import (
	"bytes"
	"slices"
	"time"
)

// Format is the version of the records' form that this version reads and
// writes. Records of a later one are left alone.
const Format = 1

// Facts are what a rule goes by. The rules are pure: they say what is to be
// written, and a ledger writes that only while the facts hold, by running the
// rule inside a transaction or by making the writes conditional on the facts.
type Facts struct {
	// Record as recorded; nil if it is not.
	Record *Record
	// Instance is that of the decision.
	Instance Instance
	// Owner of the outcome's job; nil if nobody has it. Settle asks for it.
	Owner *Key
	// Uses of the claim's ticket, by slot. Claim asks for them.
	Uses map[string]Use
}

// Instance is the record of an instance. Its zero value is that of one that
// nobody has worked on.
type Instance struct {
	Format  int    `json:"format"`
	Project string `json:"project"`
	ID      string `json:"id"`
	// Hold is nil while nobody works on the instance.
	Hold *Holder `json:"hold,omitempty"`
	// Marks holds, by slot, the order of the newest effective decision. Marks
	// never expire.
	Marks map[string]time.Time `json:"marks,omitempty"`
	// Tags holds, by slot, the last tag value that was settled.
	Tags map[string]string `json:"tags,omitempty"`
	// LastJob is when a job last became a decision's own: one that the cloud's
	// job list may not show yet.
	LastJob time.Time `json:"last_job,omitzero"`
	// Head is the end of the audit trail. It is stored beside this record: a
	// version that does not know of it must not lose it.
	Head Head `json:"-"`
}

// Change is what a rule asks to be written. A Working decision holds its
// instance and no other does, so what becomes of the hold follows from the
// decision; see [Change.Instance].
type Change struct {
	// Before is the decision as the rule met it; nil if there was none.
	Before *Record
	// After is the decision to be written.
	After Record
	// InOrder: the rule rests on the mark being no later than the order.
	InOrder bool
	// Raise the mark to the decision's order.
	Raise bool
	// Job, if any, becomes the decision's own, until JobExpire if that is set.
	Job       string
	JobExpire time.Time
	// Listed is remembered of the project.
	Listed bool
	// Tag, if any, is the tag value that was settled.
	Tag string
	// Uses are what becomes of those of the ticket.
	Uses []UseChange
	// Audit, if any, is added to the instance's trail, which ended where the
	// record begins.
	Audit *AuditRecord
}

// Claim is the rule for [Ledger.Claim].
func (f Facts) Claim(c Claim) (Claimed, *Change, error) {
	c = c.instants()
	d := f.Record
	if d == nil {
		return f.take(c.decision(), c)
	}
	switch {
	case d.Format > Format:
		return Claimed{}, nil, ErrNewer
	case d.Content != c.Content:
		return Claimed{Verdict: Reused, Record: *d}, nil, nil
	case d.State == Working:
		return f.resume(*d, c)
	case d.State == Settled && !d.open() && !(c.Reopen && d.final()):
		return Claimed{Verdict: Done, Record: *d}, nil, nil
	}
	return f.take(*d, c)
}

// resume answers a claim of a decision that holds its instance.
func (f Facts) resume(d Record, c Claim) (Claimed, *Change, error) {
	switch {
	case d.Nonce == c.Nonce: // our own claim, whose answer was lost
		return f.granted(d), nil, nil
	case !d.Due.Before(c.Now):
		return Claimed{Verdict: Held, Record: d, Holder: *d.hold()}, nil, nil
	case f.Instance.Format > Format:
		return Claimed{}, nil, ErrNewer
	}
	d.Doubt = true
	return f.work(d, c)
}

// take answers a claim of a decision that holds nothing.
func (f Facts) take(d Record, c Claim) (Claimed, *Change, error) {
	known := Record{}
	if f.Record != nil {
		known = *f.Record
	}
	switch {
	case f.Instance.Format > Format:
		return Claimed{}, nil, ErrNewer
	case !d.Doubt && !f.inOrder(d):
		return Claimed{Verdict: Superseded, Record: known}, nil, nil
	}
	use := f.taken(d, c)
	switch {
	case use.Format > Format:
		return Claimed{}, nil, ErrNewer
	case use.State == UseSpent:
		return Claimed{Verdict: Spent, Record: known, Owner: use.Owner}, nil, nil
	case f.Instance.Hold != nil:
		return Claimed{Verdict: Held, Record: known, Holder: *f.Instance.Hold}, nil, nil
	case use.State == UseOpen:
		return Claimed{Verdict: Held, Record: known, Holder: Holder{Key: use.Owner, Until: c.Lease}, Owner: use.Owner}, nil, nil
	}
	switch {
	case !d.Doubt:
		d.Since, d.Earlier = c.Now, nil
	case d.State == Settled:
		d.Since = c.Now
	}
	return f.work(d, c)
}

// work hands the decision to the claim.
func (f Facts) work(d Record, c Claim) (Claimed, *Change, error) {
	d, uses := f.own(d, c)
	d = d.anew()
	d.State, d.Nonce, d.Due, d.Quiet = Working, c.Nonce, c.Lease, false
	d.Attempts++
	if len(d.Stored) == 0 {
		d.Stored = c.Stored
	}
	return f.granted(d), &Change{Before: f.Record, After: d, InOrder: f.inOrder(d), Uses: uses}, nil
}

// granted is the answer to a claim that has the decision.
func (f Facts) granted(d Record) Claimed {
	if !d.Doubt {
		return Claimed{Verdict: New, Record: d}
	}
	return Claimed{Verdict: Resumed, Record: d, Superseded: !f.inOrder(d)}
}

// inOrder tells whether no later decision is effective already. Equal orders
// do not supersede each other.
func (f Facts) inOrder(d Record) bool { return !f.Instance.Marks[d.Slot].After(d.Order) }

// Settle is the rule for [Ledger.Settle].
func (f Facts) Settle(nonce string, o Outcome) (*Change, error) {
	d, err := f.recorded()
	switch {
	case err != nil:
		return nil, err
	case d.State == Settled && d.Nonce == nonce:
		return nil, nil
	case d.State != Working || d.Nonce != nonce:
		return nil, ErrLost
	case f.Instance.Format > Format:
		return nil, ErrNewer
	case f.Owner != nil && *f.Owner != d.Key:
		return nil, ErrJobTaken
	}
	ordered, tag := o.Effective && f.inOrder(d), ""
	if ordered {
		tag = o.Tag // an older value does not take the place of a newer one
	}
	return f.end(d, o, Change{InOrder: ordered, Raise: ordered, Job: o.JobID, JobExpire: o.JobExpire, Tag: tag})
}

// Reject is the rule for [Ledger.Reject].
func (f Facts) Reject(c Claim, o Outcome) (*Change, error) {
	c = c.instants()
	d := c.decision()
	if f.Record != nil {
		d = *f.Record
		switch {
		case d.Format > Format:
			return nil, ErrNewer
		case d.State == Settled && d.Nonce == c.Nonce:
			return nil, nil
		case d.Content != c.Content || d.Doubt || !d.open():
			return nil, ErrLost
		}
	}
	if o.Audit != nil && f.Instance.Format > Format {
		return nil, ErrNewer
	}
	d.Nonce = c.Nonce
	return f.end(d, o, Change{})
}

// end completes the change that settles a decision.
func (f Facts) end(d Record, o Outcome, ch Change) (_ *Change, err error) {
	if ch.Audit, err = f.Instance.entry(d, o); err != nil {
		return nil, err
	}
	ch.Before, ch.Listed = f.Record, o.Listed
	d, ch.Uses = d.spent(o)
	ch.After = d.settled(o)
	return &ch, nil
}

// Release is the rule for [Ledger.Release].
func (f Facts) Release(nonce string, w Wait) (*Change, error) {
	d, err := f.recorded()
	switch {
	case err != nil:
		return nil, err
	case d.State == Waiting && d.Nonce == nonce:
		return nil, nil
	case d.State != Working || d.Nonce != nonce:
		return nil, ErrLost
	case f.Instance.Format > Format:
		return nil, ErrNewer
	}
	if w.Absent {
		d.Doubt, d.Known = false, false
	}
	return &Change{Before: f.Record, After: d.waiting(w)}, nil
}

// Lapse is the rule for [Ledger.Lapse].
func (f Facts) Lapse(nonce string, until time.Time, known bool, last Note) (*Change, error) {
	d, err := f.recorded()
	switch {
	case err != nil:
		return nil, err
	case d.State != Working || d.Nonce != nonce:
		return nil, ErrLost
	case f.Instance.Format > Format:
		return nil, ErrNewer
	}
	d.Due, d.Quiet, d.Doubt = instant(until), true, true
	d.Known = d.Known || known
	d = d.putOff(last)
	return &Change{Before: f.Record, After: d}, nil
}

// Wait is the rule for [Ledger.Wait].
func (f Facts) Wait(c Claim, w Wait) (*Change, error) {
	c = c.instants()
	d := c.decision()
	if f.Record != nil {
		d = *f.Record
		switch {
		case d.Format > Format:
			return nil, ErrNewer
		case d.Content != c.Content || !d.open() || d.State == Settled && d.Doubt:
			return nil, nil
		}
		d = d.anew()
	}
	return &Change{Before: f.Record, After: d.waiting(w)}, nil
}

// Mark is the rule for [Ledger.Mark].
func (f Facts) Mark(nonce string, now, expire time.Time) (*Change, error) {
	d, err := f.recorded()
	switch {
	case err != nil:
		return nil, err
	case d.State != Settled || d.Nonce != nonce || !d.Emitted.IsZero():
		return nil, nil
	}
	d.Emitted, d.Expire = instant(now), instant(expire)
	return &Change{Before: f.Record, After: d}, nil
}

// Orphan is the rule for [Transactional.Orphan].
func (f Facts) Orphan(until time.Time) (*Change, error) {
	d, err := f.recorded()
	if err != nil || d.State != Working {
		return nil, err
	}
	d.Due, d.Quiet = instant(until), true
	return &Change{Before: f.Record, After: d}, nil
}

// recorded is the decision of a rule that needs one.
func (f Facts) recorded() (Record, error) {
	switch {
	case f.Record == nil:
		return Record{}, ErrNotFound
	case f.Record.Format > Format:
		return Record{}, ErrNewer
	}
	return *f.Record, nil
}

// Touches tells whether the change is one of the instance too: the hold is
// taken, moved or given back.
func (c *Change) Touches() bool {
	return c.After.State == Working || c.Before != nil && c.Before.State == Working
}

// OnInstance tells whether anything of the instance is written.
func (c *Change) OnInstance() bool { return c.Touches() || c.Audit != nil }

// Instance is what becomes of the instance.
func (c *Change) Instance(in Instance) Instance {
	in.Format, in.Project, in.ID = Format, c.After.Project, c.After.Instance
	if c.Touches() {
		in.Hold = c.After.hold()
	}
	if c.Audit != nil {
		in.Head = c.Audit.head()
	}
	if c.Raise {
		in.Marks = with(in.Marks, c.After.Slot, c.After.Order)
	}
	if c.Tag != "" {
		in.Tags = with(in.Tags, c.After.Slot, c.Tag)
	}
	if c.Job != "" {
		in.LastJob = c.After.Outcome.At
	}
	return in
}

func with[V any](m map[string]V, k string, v V) map[string]V {
	n := make(map[string]V, len(m)+1)
	for k, v := range m {
		n[k] = v
	}
	n[k] = v
	return n
}

// decision is the record of one that is claimed for the first time.
func (c Claim) decision() Record {
	return Record{
		Format: Format, Key: c.Key, Content: c.Content, Stored: c.Stored,
		Project: c.Project, Instance: c.Instance, Slot: c.Slot,
		Order: c.Order, First: c.Now,
	}
}

func (d Record) settled(o Outcome) Record {
	o.At, o.Audit, o.Listed, o.JobExpire = instant(o.At), nil, false, time.Time{}
	d.State, d.Outcome, d.Due, d.Quiet = Settled, &o, time.Time{}, false
	if d.Doubt = o.Failed && o.Doubt; d.Doubt {
		d.Earlier = append(slices.Clip(d.Earlier), Span{d.Since, o.At})
	}
	d.Emitted, d.Expire = time.Time{}, time.Time{}
	if o.Failed {
		d.GaveUp++
	}
	return d
}

func (d Record) waiting(w Wait) Record {
	d.State, d.Due, d.Quiet = Waiting, instant(w.Due), false
	return d.putOff(w.Last)
}

// anew is a decision without the outcome that it had: one that failed is taken
// up again, and pursued for as long as any.
func (d Record) anew() Record {
	if d.State == Settled {
		d.Pursued = time.Time{}
	}
	d.Outcome, d.Emitted, d.Expire = nil, time.Time{}, time.Time{}
	return d
}

// putOff notes why a decision goes on.
func (d Record) putOff(last Note) Record {
	d.Last = last.instants()
	switch {
	case last.Patient:
		d.Pursued = time.Time{}
	case d.Pursued.IsZero():
		d.Pursued = d.Last.At
	}
	return d
}

// hold is the hold that the decision has on its instance, nil if none.
func (d *Record) hold() *Holder {
	if d.State != Working {
		return nil
	}
	return &Holder{Key: d.Key, Nonce: d.Nonce, Until: d.Due, Quiet: d.Quiet}
}

// open tells whether a decision that holds nothing may be taken up: it waits,
// or it failed, not for good, and has said so.
func (d *Record) open() bool {
	return d.State == Waiting || d.State == Settled && d.Outcome.Failed && !d.Outcome.Final && !d.Emitted.IsZero()
}

// final tells whether it failed for good, and has said so.
func (d *Record) final() bool {
	return d.State == Settled && d.Outcome.Failed && d.Outcome.Final && !d.Emitted.IsZero()
}

// Asks tells what kind of work the decision asks for, from when on; false if
// for none. A lease that ends at a moment has not run out at that moment.
func (d *Record) Asks() (Due, bool) {
	switch {
	case d.Format > Format:
	case d.State == Working:
		return Due{Key: d.Key, At: d.Due, Why: Lapsed}, true
	case d.State == Waiting:
		return Due{Key: d.Key, At: d.Due, Why: Waited}, true
	case d.State == Settled && d.Emitted.IsZero():
		return Due{Key: d.Key, At: d.Outcome.At, Why: Unemitted}, true
	}
	return Due{}, false
}

// By tells whether what is due is so at now.
func (d Due) By(now time.Time) bool {
	return d.At.Before(now) || d.At.Equal(now) && d.Why != Lapsed
}

// In tells whether one of them is true of it.
func (d Due) In(some []func(Due) bool) bool {
	return slices.ContainsFunc(some, func(is func(Due) bool) bool { return is(d) })
}

// Clone is a copy that shares no memory.
func (d *Record) Clone() *Record {
	n := *d
	n.Stored = bytes.Clone(d.Stored)
	n.Earlier, n.Also = slices.Clone(d.Earlier), slices.Clone(d.Also)
	if d.Outcome != nil {
		o := *d.Outcome
		o.Events = nil
		for _, e := range d.Outcome.Events {
			o.Events = append(o.Events, bytes.Clone(e))
		}
		n.Outcome = &o
	}
	return &n
}

// instants makes the times comparable with those that were stored.
func (c Claim) instants() Claim {
	c.Order, c.Now, c.Lease = instant(c.Order), instant(c.Now), instant(c.Lease)
	return c
}

func (n Note) instants() Note {
	n.At = instant(n.At)
	return n
}

// instant is wall clock time without the zone and the process's own clock.
func instant(t time.Time) time.Time { return t.Round(0).UTC() }
