package proof

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// What is promised of approval: nothing is called to which policy and ticket
// system have not said yes, a ticket is spent once, and each end is on record.

// policy is a world's policy, system its system of tickets.
type (
	policy func(*decision.Decision, time.Time) (engine.Permission, error)
	system func(context.Context, *decision.Decision) ([]events.Field, time.Duration, error)
)

// minds are whom the engine asks; nil: nobody. They change while it asks.
type minds struct {
	asking sync.Mutex
	policy policy
	system system
}

func (m *minds) asked() (policy, system) {
	m.asking.Lock()
	defer m.asking.Unlock()
	return m.policy, m.system
}

// decides has the policy be of that mind from now on.
func (m *minds) decides(p policy) {
	m.asking.Lock()
	defer m.asking.Unlock()
	m.policy = p
}

// says has the system of tickets say that from now on.
func (m *minds) says(s system) {
	m.asking.Lock()
	defer m.asking.Unlock()
	m.system = s
}

// The minds that a policy can be of.
func grants(*decision.Decision, time.Time) (engine.Permission, error) {
	return engine.Permission{Granted: true, Policies: []string{"let it"}}, nil
}

func denies(*decision.Decision, time.Time) (engine.Permission, error) {
	return engine.Permission{Policies: []string{"freeze"}, Reason: "it is frozen"}, nil
}

func broken(*decision.Decision, time.Time) (engine.Permission, error) {
	return engine.Permission{}, errors.New("the policy cannot be read")
}

// What a system of tickets can say.
func agrees(context.Context, *decision.Decision) ([]events.Field, time.Duration, error) {
	return nil, 0, nil
}

func disagrees(context.Context, *decision.Decision) ([]events.Field, time.Duration, error) {
	return []events.Field{{Path: "data.ticket.id", Found: "state canceled", Expected: "state implement"}}, 0, nil
}

func away(context.Context, *decision.Decision) ([]events.Field, time.Duration, error) {
	return nil, 70 * time.Second, errAway
}

func hangs(ctx context.Context, _ *decision.Decision) ([]events.Field, time.Duration, error) {
	<-ctx.Done()
	return nil, 0, ctx.Err()
}

// judging holds a question against the rules: only who holds a decision asks
// about it, and only once it is known that no call of it had an effect.
func (w *world) judging(inv *invocation, d *decision.Decision, whom string) {
	if inv.rehearses() {
		return
	}
	holder := w.holder(d.Place.Instance)
	w.mu.Lock()
	own := holder != nil && holder.Key == d.Key() && inv.nonces[holder.Nonce]
	doubted := inv.doubted[d.Key()]
	w.mu.Unlock()
	switch {
	case !own:
		w.wrong("%s asks %s about %s, which it does not hold", inv.name, whom, d.Cause.ID)
	case doubted:
		w.wrong("%s asks %s about %s before it was looked up", inv.name, whom, d.Cause.ID)
	}
}

func (w *world) judged(answers map[ledger.Key]bool, d *decision.Decision, yes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answers[d.Key()] = yes
}

// unapproved is why a call is not approved, "" if it is. Each answer is good for
// one call.
func (w *world) unapproved(d *decision.Decision, rec ledger.Record, inv *invocation) string {
	policy, system := w.asked()
	w.mu.Lock()
	granted, confirmed := inv.granted[rec.Key], inv.confirmed[rec.Key]
	delete(inv.granted, rec.Key)
	delete(inv.confirmed, rec.Key)
	owner, spent := w.spent[useOf(d, rec)]
	w.mu.Unlock()
	switch {
	case policy != nil && !granted:
		return "the policy has not granted it"
	case d.Ticket == nil:
		return ""
	case system != nil && !confirmed:
		return "the ticket's system has not confirmed it"
	case d.Ticket.Digest != "" && d.Ticket.Digest != d.Digest:
		return "its ticket was approved for something else"
	case w.reusable:
		return ""
	case d.IsStep():
		return w.unspentFor(d, rec)
	case rec.Ticket == "":
		return "it has no claim to its ticket"
	case spent && owner != rec.Key:
		return "its ticket was spent on " + owner.ID
	}
	for _, other := range w.records() {
		if other.Key != rec.Key && other.Ticket == rec.Ticket && other.Slot == rec.Slot {
			return "its ticket belongs to " + other.Key.ID
		}
	}
	return ""
}

// use is a ticket, on a switch and target.
type use struct{ ticket, slot string }

func useOf(d *decision.Decision, rec ledger.Record) use {
	if d.Ticket == nil {
		return use{}
	}
	return use{strings.ToLower(norm.NFKC.String(strings.TrimSpace(d.Ticket.ID))), rec.Slot}
}

// spentByAnother looks into the ledger itself: what a dead process had on its way
// may stand there a moment before it is noticed here.
func (w *world) spentByAnother(u use, rec ledger.Record) bool {
	return slices.ContainsFunc(w.records(), func(r ledger.Record) bool {
		o := r.Outcome
		return o != nil && r.Key != rec.Key && r.Slot == rec.Slot && r.Ticket == u.ticket && (o.Effective || o.Failed && o.Doubt)
	})
}

// spends holds an outcome against what has become of its ticket: one decision
// spends it, and who is refused for that is so because of another.
func (w *world) spends(d *decision.Decision, rec ledger.Record) {
	u, o := useOf(d, rec), rec.Outcome
	if u == (use{}) || w.reusable || d.IsStep() {
		return // of a step, the root has spent it
	}
	w.mu.Lock()
	owner, spent := w.spent[u]
	found := w.refused[rec.Key]
	switch {
	case o.Effective || o.Failed && o.Doubt:
		w.spent[u] = rec.Key
	case owner == rec.Key:
		delete(w.spent, u)
	}
	w.mu.Unlock()
	switch others := spent && owner != rec.Key; {
	case others && (o.Effective || o.Failed && o.Doubt):
		w.wrong("%s is %s with the ticket that %s has spent", rec.Key.ID, o.Result, owner.ID)
	case !others && o.Code == "ticket-spent" && !found && !w.spentByAnother(u, rec):
		w.wrong("%s is refused for a ticket that nobody has spent", rec.Key.ID)
	}
}

// foundSpent notes that a claim was refused for a ticket that another one has
// spent; should that one free it yet, the answer was right all the same.
func (h *history) foundSpent(c ledger.Claim) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, slot := range c.Slots() {
		if owner, spent := h.spent[use{c.Ticket, slot}]; spent && owner != c.Key {
			h.refused[c.Key] = true
		}
	}
}

// verifyTickets: of all decisions under one ticket on one switch and target, one
// at most took effect.
func (w *world) verifyTickets(recs []ledger.Record, of map[ledger.Key][]cloudsim.Effect) {
	took := map[use]ledger.Key{}
	for _, rec := range recs {
		d := decoded(rec)
		u := useOf(d, rec)
		if u == (use{}) || w.reusable || len(of[rec.Key]) == 0 {
			continue
		}
		owner := spender(d)
		if other, ok := took[u]; ok && other != owner {
			w.wrong("%s and %s took effect under one ticket", other.ID, owner.ID)
		}
		took[u] = owner
	}
}

// end is an outcome that a decision had.
type end struct {
	ledger.Record
	// sent: a call of it had left before.
	sent bool
}

// anEnd notes an outcome, once.
func (h *history) anEnd(rec ledger.Record) (isNew bool) {
	ends := h.ends[rec.Key]
	if n := len(ends); n > 0 {
		now, _ := json.Marshal(rec.Outcome)
		then, _ := json.Marshal(ends[n-1].Outcome)
		if bytes.Equal(now, then) {
			return false
		}
	}
	e := end{Record: rec}
	for _, s := range h.sends {
		e.sent = e.sent || s.key == rec.Key
	}
	h.ends[rec.Key] = append(ends, e)
	return true
}

// verifyTrail: the audit trails are whole, and tell of each end once, as it was.
func (w *world) verifyTrail() {
	lines := ledger.Export(context.Background(), w.ledger, time.Time{})
	if err := ledger.VerifyAudit(lines); err != nil {
		w.wrong("%v", err)
	}
	told := map[ledger.Key]int{}
	for line, err := range lines {
		if err != nil || line.Record == nil {
			continue
		}
		key := line.Record.Key
		if n := told[key]; n < len(w.ends[key]) {
			w.verifyRecord(w.ends[key][n], line.Record)
		}
		told[key]++
	}
	for key, ends := range w.ends {
		if told[key] != len(ends) {
			w.wrong("%s ended %d times, and is on the audit trail %d times", key.ID, len(ends), told[key])
		}
		delete(told, key)
	}
	for key, n := range told {
		w.wrong("%s is on the audit trail %d times, and never ended", key.ID, n)
	}
}

// told is what an audit record says.
type told struct {
	Switch   string          `json:"switch"`
	Target   json.RawMessage `json:"target"`
	Enabled  bool            `json:"enabled"`
	Cause    events.Cause    `json:"cause"`
	Ticket   *events.Ticket  `json:"ticket"`
	Policies []string        `json:"policies"`
	Call     *engine.Request `json:"call"`
	MayBe    bool            `json:"may_be"`
	Result   string          `json:"result"`
	Code     string          `json:"code"`
	JobID    string          `json:"job_id"`
}

func (w *world) verifyRecord(e end, a *ledger.AuditRecord) {
	var t told
	if err := json.Unmarshal(a.Body, &t); err != nil {
		w.wrong("audit record %d: %v", a.Seq, err)
		return
	}
	d, o, id := decoded(e.Record), e.Outcome, e.Key.ID
	want, _ := json.Marshal(told{d.Switch, d.Target, d.Enabled, d.Cause, d.Ticket, t.Policies, t.Call, t.MayBe, o.Result, o.Code, o.JobID})
	if got, _ := json.Marshal(t); !bytes.Equal(got, want) || !a.At.Equal(o.At) {
		w.wrong("the audit trail says of %s\n%s, and it was\n%s", id, got, want)
	}
	policy, _ := w.asked()
	called := o.Result == "accepted" || o.Result == "applied" || o.Code == "cloud-refused"
	switch {
	case called && t.Call == nil:
		w.wrong("%s ended as %s%s, and the audit trail knows of no call", id, o.Result, o.Code)
	case !e.sent && t.Call != nil && !t.MayBe:
		w.wrong("the audit trail says that a call of %s was sent", id)
	case policy != nil && len(t.Policies) == 0 && (t.Call != nil && !t.MayBe || o.Code == "denied"):
		w.wrong("the audit trail does not say which policy has decided about %s", id)
	}
}
