package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Use is what is kept of a ticket on a slot. It never expires, and says by
// itself what the owner came to.
type Use struct {
	Format int      `json:"format"`
	Ticket string   `json:"ticket"`
	Slot   string   `json:"slot"`
	Owner  Key      `json:"owner"`
	State  UseState `json:"state"`
}

// UseState is what the owner of a ticket came to.
type UseState string

const (
	// UseOpen: it is at work or waits.
	UseOpen UseState = "open"
	// UseSpent: it was effective, or failed in doubt.
	UseSpent UseState = "spent"
	// UseVoid: it ended without any effect. Whoever claims next owns the ticket.
	UseVoid UseState = "void"
)

// UseChange is what becomes of a use.
type UseChange struct {
	Use
	// Was is the use as the rule met it; nil if there was none.
	Was *Use
	// Ours: the rule did not look, for the decision owns it.
	Ours bool
}

// UseKey is a short name that the ticket has on no other slot, and no other
// ticket on any: a hash over both, which may be long and may hold any character.
func UseKey(ticket, slot string) string { return digest(ticket, slot) }

// digest is a hash over length-prefixed texts.
func digest(texts ...string) string {
	h := sha256.New()
	for _, s := range texts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(s))))
		h.Write([]byte(s))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// DecodeUse reads a use, and of one with a later format the format.
func DecodeUse(b []byte) (Use, error) {
	var u Use
	err := json.Unmarshal(b, &u)
	if newer, ok := later(b, err, u.Format); ok {
		return Use{Format: newer}, nil
	}
	return u, err
}

// Slots are what the claim's ticket is to be spent on, if it has one: each once,
// the first the claim's own.
func (c Claim) Slots() (all []string) {
	if c.Ticket == "" {
		return nil
	}
	for _, slot := range append([]string{c.Slot}, c.Also...) {
		if !slices.Contains(all, slot) {
			all = append(all, slot)
		}
	}
	return all
}

// owns tells whether a claim of the decision asks for no ticket: it has its own
// already, or is in doubt, and keeps what it has.
func (d Record) owns() bool { return d.Ticket != "" || d.Doubt }

// taken is the use that is in the way of a claim, one that is spent before one
// that may come to be; zero if none is. What a decision spent that is forgotten since
// is spent for itself too: taken for its own again, an end without effect would
// free it.
func (f Facts) taken(d Record, c Claim) (open Use) {
	if d.owns() {
		return Use{}
	}
	for _, slot := range c.Slots() {
		switch u := f.Uses[slot]; {
		case u.Format > Format || u.Owner != d.Key && u.State == UseSpent:
			return u
		case u.State == UseSpent && f.Record == nil:
			return u
		case u.Owner != d.Key && u.State == UseOpen && open.State == "":
			open = u
		}
	}
	return open
}

// own makes the claim's ticket the decision's, unless it has its own.
func (f Facts) own(d Record, c Claim) (Record, []UseChange) {
	if d.owns() {
		if d.State == Settled {
			return d, d.uses(UseOpen) // it failed in doubt, and may yet end without effect
		}
		return d, nil
	}
	if c.Ticket == "" {
		return d, nil
	}
	d.Ticket, d.Also = c.Ticket, nil
	if slots := c.Slots(); len(slots) > 1 {
		d.Also = slots[1:]
	}
	uses := d.uses(UseOpen)
	for i, u := range uses {
		uses[i].Ours = false
		if was, ok := f.Uses[u.Slot]; ok {
			uses[i].Was = &was
		}
	}
	return d, uses
}

// spent is what becomes of the decision's ticket by its outcome.
func (d Record) spent(o Outcome) (Record, []UseChange) {
	if o.Effective || o.Failed && o.Doubt {
		return d, d.uses(UseSpent)
	}
	uses := d.uses(UseVoid)
	d.Ticket, d.Also = "", nil
	return d, uses
}

// uses are those of the decision's own ticket, in a state.
func (d Record) uses(state UseState) []UseChange {
	if d.Ticket == "" {
		return nil
	}
	var all []UseChange
	for _, slot := range append([]string{d.Slot}, d.Also...) {
		all = append(all, UseChange{Use: Use{Format: Format, Ticket: d.Ticket, Slot: slot, Owner: d.Key, State: state}, Ours: true})
	}
	return all
}
