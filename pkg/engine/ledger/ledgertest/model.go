package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// model says how a ledger answers one caller after another. It is written from
// the words of [ledger.Ledger], not from the rules that the ledgers share: the
// hold, for one, is a thing of its own here, and so is the doubt of a decision
// that failed.
type model struct {
	decisions map[ledger.Key]ledger.Record
	holds     map[string]ledger.Holder // by instance
	marks     map[string]time.Time     // by instance and slot
	tags      map[string]string        // likewise
	jobs      map[string]ledger.Key
	uses      map[[2]string]use               // by ticket and slot
	audit     map[string][]ledger.AuditRecord // by instance, without what links them
}

// use is whose a ticket is, and whether he had an effect or may have had:
// unless he is still at it.
type use struct {
	owner         ledger.Key
	ended, effect bool
}

func newModel() model {
	return model{
		map[ledger.Key]ledger.Record{}, map[string]ledger.Holder{}, map[string]time.Time{}, map[string]string{}, map[string]ledger.Key{},
		map[[2]string]use{}, map[string][]ledger.AuditRecord{},
	}
}

func (m model) clone() model {
	return model{
		maps.Clone(m.decisions), maps.Clone(m.holds), maps.Clone(m.marks), maps.Clone(m.tags), maps.Clone(m.jobs),
		maps.Clone(m.uses), maps.Clone(m.audit),
	}
}

// op is an operation of a ledger.
type op struct {
	kind  string
	claim ledger.Claim // its key and nonce are those of every kind
	until time.Time    // of Lapse and Wait and Release; of Mark: now
	known bool
	out   ledger.Outcome
}

func (o op) String() string {
	return fmt.Sprintf("%s(%s by %s, now %s, until %s)", o.kind, o.claim.Key.ID, o.claim.Nonce, o.claim.Now.Format("4:05"), o.until.Format("4:05"))
}

// answer is what can be told of an operation.
type answer struct {
	claimed ledger.Claimed
	err     error
	lost    bool // nothing was told
}

// on does the operation on a ledger.
func (o op) on(ctx context.Context, l ledger.Ledger) answer {
	key, nonce, w := o.claim.Key, o.claim.Nonce, ledger.Wait{Due: o.until, Last: note(o.kind)}
	switch o.kind {
	case "claim":
		a, err := l.Claim(ctx, o.claim)
		return answer{claimed: a, err: err}
	case "settle":
		return answer{err: l.Settle(ctx, key, nonce, o.out)}
	case "reject":
		return answer{err: l.Reject(ctx, o.claim, o.out)}
	case "release":
		return answer{err: l.Release(ctx, key, nonce, w)}
	case "lapse":
		return answer{err: l.Lapse(ctx, key, nonce, o.until, o.known, note(o.kind))}
	case "wait":
		return answer{err: l.Wait(ctx, o.claim, w)}
	case "mark":
		return answer{err: l.Mark(ctx, key, nonce, o.until, o.until.Add(1_000*time.Hour))}
	}
	panic("unknown kind " + o.kind)
}

// do does the operation on the model.
func (m model) do(o op) answer {
	d, exists := m.decisions[o.claim.Key]
	switch o.kind {
	case "claim":
		return answer{claimed: m.claim(o.claim)}
	case "wait", "reject":
		if !exists {
			d = fresh(o.claim)
		}
		if o.kind == "wait" {
			return m.wait(o, d, exists)
		}
		return m.reject(o, d, exists)
	}
	if !exists {
		return answer{err: ledger.ErrNotFound}
	}
	hold, held := m.holds[d.Instance]
	ours := held && hold.Key == d.Key && hold.Nonce == o.claim.Nonce
	if o.kind != "mark" && !ours {
		if d.Nonce == o.claim.Nonce && (o.kind == "settle" && d.State == ledger.Settled || o.kind == "release" && d.State == ledger.Waiting) {
			return answer{} // done before
		}
		return answer{err: ledger.ErrLost}
	}
	switch o.kind {
	case "settle":
		if owner, taken := m.jobs[o.out.JobID]; taken && owner != d.Key {
			return answer{err: ledger.ErrJobTaken}
		}
		delete(m.holds, d.Instance)
		if o.out.JobID != "" {
			m.jobs[o.out.JobID] = d.Key
		}
		if at := d.Instance + d.Slot; o.out.Effective && m.marks[at].Before(d.Order) {
			m.marks[at] = d.Order
		}
		if o.out.Tag != "" && o.out.Effective && !m.marks[d.Instance+d.Slot].After(d.Order) {
			m.tags[d.Instance+d.Slot] = o.out.Tag
		}
		m.settled(d, o)
	case "release":
		delete(m.holds, d.Instance)
		d.State, d.Due, d.Last, d.Quiet = ledger.Waiting, o.until, note(o.kind), false
		m.decisions[d.Key] = pursued(d)
	case "lapse":
		hold.Until, hold.Quiet = o.until, true
		m.holds[d.Instance] = hold
		d.Due, d.Quiet, d.Doubt, d.Last = o.until, true, true, note(o.kind)
		if o.known {
			d.Known = true
		}
		m.decisions[d.Key] = pursued(d)
	case "mark":
		if d.State == ledger.Settled && d.Nonce == o.claim.Nonce && d.Emitted.IsZero() {
			d.Emitted, d.Expire = o.until, o.until.Add(1_000*time.Hour)
			m.decisions[d.Key] = d
		}
	}
	return answer{}
}

func fresh(c ledger.Claim) ledger.Record {
	return ledger.Record{Format: 1, Key: c.Key, Content: c.Content, Stored: c.Stored, Project: c.Project,
		Instance: c.Instance, Slot: c.Slot, Order: c.Order, First: c.Now}
}

func (m model) claim(c ledger.Claim) ledger.Claimed {
	d, exists := m.decisions[c.Key]
	if exists && d.Content != c.Content {
		return ledger.Claimed{Verdict: ledger.Reused, Record: d}
	}
	if exists && d.State == ledger.Settled && (!d.Outcome.Failed || d.Emitted.IsZero()) {
		return ledger.Claimed{Verdict: ledger.Done, Record: d}
	}
	if !exists {
		d = fresh(c)
	}
	hold, held := m.holds[d.Instance]
	mine := held && hold.Key == c.Key
	doubt := d.Doubt
	if d.State == ledger.Settled {
		doubt = d.Outcome.Doubt
	}
	past := m.marks[d.Instance+d.Slot].After(d.Order)
	if mine && hold.Nonce == c.Nonce {
		if doubt {
			return ledger.Claimed{Verdict: ledger.Resumed, Record: d, Superseded: past}
		}
		return ledger.Claimed{Verdict: ledger.New, Record: d}
	}
	if past && !doubt && !mine {
		return ledger.Claimed{Verdict: ledger.Superseded, Record: m.decisions[c.Key]}
	}
	asks := c.Ticket != "" && d.Ticket == "" && !mine && !doubt
	var waits ledger.Key
	for _, slot := range append([]string{c.Slot}, c.Also...) {
		u, used := m.uses[[2]string{c.Ticket, slot}]
		switch {
		case !asks || !used || u.owner == c.Key || u.ended && !u.effect:
		case u.effect:
			return ledger.Claimed{Verdict: ledger.Spent, Record: m.decisions[c.Key], Owner: u.owner}
		case waits == ledger.Key{}:
			waits = u.owner
		}
	}
	if held && !(mine && hold.Until.Before(c.Now)) {
		return ledger.Claimed{Verdict: ledger.Held, Record: m.decisions[c.Key], Holder: hold}
	}
	if waits != (ledger.Key{}) {
		return ledger.Claimed{Verdict: ledger.Held, Record: m.decisions[c.Key], Holder: ledger.Holder{Key: waits, Until: c.Lease}, Owner: waits}
	}
	if asks {
		d.Ticket, d.Also = c.Ticket, nil
		for _, slot := range c.Also {
			if slot != c.Slot && !slices.Contains(d.Also, slot) {
				d.Also = append(d.Also, slot)
			}
		}
	}
	m.used(d, use{owner: c.Key})

	a := ledger.Claimed{Verdict: ledger.New}
	if mine || doubt {
		a = ledger.Claimed{Verdict: ledger.Resumed, Superseded: past}
		d.Doubt = true
	} else {
		d.Since, d.Earlier = c.Now, nil
	}
	if d.State == ledger.Settled {
		d.Since, d.Pursued = c.Now, time.Time{}
	}
	m.holds[d.Instance] = ledger.Holder{Key: c.Key, Nonce: c.Nonce, Until: c.Lease}
	d.State, d.Nonce, d.Due, d.Quiet = ledger.Working, c.Nonce, c.Lease, false
	d.Attempts++
	d.Outcome, d.Emitted, d.Expire = nil, time.Time{}, time.Time{}
	m.decisions[c.Key] = d
	a.Record = d
	return a
}

func (m model) wait(o op, d ledger.Record, exists bool) answer {
	said := d.State == ledger.Settled && d.Outcome.Failed && !d.Outcome.Doubt && !d.Emitted.IsZero()
	if !exists || d.Content == o.claim.Content && (d.State == ledger.Waiting || said) {
		if said {
			d.Pursued, d.Outcome, d.Emitted, d.Expire = time.Time{}, nil, time.Time{}, time.Time{}
		}
		d.State, d.Due, d.Last = ledger.Waiting, o.until, note(o.kind)
		m.decisions[d.Key] = pursued(d)
	}
	return answer{}
}

// pursued is a decision that was put off as its last note says.
func pursued(d ledger.Record) ledger.Record {
	if d.Pursued.IsZero() {
		d.Pursued = d.Last.At
	}
	return d
}

func (m model) reject(o op, d ledger.Record, exists bool) answer {
	emittedFailure := d.State == ledger.Settled && d.Outcome.Failed && !d.Outcome.Doubt && !d.Emitted.IsZero()
	switch {
	case exists && d.State == ledger.Settled && d.Nonce == o.claim.Nonce:
		return answer{} // done before
	case exists && d.Content != o.claim.Content,
		exists && !(d.State == ledger.Waiting && !d.Doubt) && !emittedFailure:
		return answer{err: ledger.ErrLost}
	}
	d.Nonce = o.claim.Nonce
	m.settled(d, o)
	return answer{}
}

// used notes what became of the decision's ticket.
func (m model) used(d ledger.Record, u use) {
	if d.Ticket == "" {
		return
	}
	for _, slot := range append([]string{d.Slot}, d.Also...) {
		m.uses[[2]string{d.Ticket, slot}] = u
	}
}

func (m model) settled(d ledger.Record, o op) {
	out := o.out
	if out.Audit != nil {
		list := m.audit[d.Instance]
		m.audit[d.Instance] = append(slices.Clip(list), ledger.AuditRecord{
			Format: 1, Project: d.Project, Instance: d.Instance, Seq: int64(len(list) + 1), At: out.At, Key: d.Key, Body: out.Audit,
		})
		out.Audit = nil
	}
	effect := out.Effective || out.Failed && out.Doubt
	m.used(d, use{d.Key, true, effect})
	if !effect {
		d.Ticket, d.Also = "", nil
	}
	d.State, d.Outcome = ledger.Settled, &out
	d.Due, d.Emitted, d.Expire = time.Time{}, time.Time{}, time.Time{}
	d.Quiet, d.Doubt = false, out.Failed && out.Doubt
	if out.Failed {
		d.GaveUp++
	}
	if d.Doubt {
		d.Earlier = append(slices.Clip(d.Earlier), ledger.Span{From: d.Since, To: out.At})
	}
	m.decisions[d.Key] = d
}

// due is what the model's decisions ask for at now, in no order.
func (m model) due(now time.Time) []ledger.Due {
	list := []ledger.Due{}
	for k, d := range m.decisions {
		switch {
		case d.State == ledger.Waiting && !d.Due.After(now):
			list = append(list, ledger.Due{Key: k, At: d.Due, Why: ledger.Waited})
		case d.State == ledger.Working && m.holds[d.Instance].Until.Before(now):
			list = append(list, ledger.Due{Key: k, At: m.holds[d.Instance].Until, Why: ledger.Lapsed})
		case d.State == ledger.Settled && d.Emitted.IsZero() && !d.Outcome.At.After(now):
			list = append(list, ledger.Due{Key: k, At: d.Outcome.At, Why: ledger.Unemitted})
		}
	}
	return list
}
