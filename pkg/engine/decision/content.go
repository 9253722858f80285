package decision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// content is the canonical form of what is hashed. It is spelt out here, apart
// from the event types, because ledgers keep its hash for months: a member
// added to an event must not change the hash of what does not have it.
type content struct {
	Switch  string          `json:"switch"`
	Enabled bool            `json:"enabled"`
	Target  json.RawMessage `json:"target,omitempty"`
	Options map[string]any  `json:"options,omitempty"`
	Ticket  *contentTicket  `json:"ticket,omitempty"`
	Chain   *Chain          `json:"chain,omitempty"`
}

type contentTicket struct {
	ID          string   `json:"id"`
	RequestedBy string   `json:"requested_by"`
	ApprovedBy  []string `json:"approved_by"`
	Start       string   `json:"start,omitempty"`
	End         string   `json:"end,omitempty"`
}

// Content is the SHA-256, in hexadecimal, of what is asked: switch, enabled,
// target, options, ticket id, requester and approvers as given, and window. It is the same
// however the event was spelt: order of members, white space, the form of
// numbers and the zone of times do not count; nor do attributes such as time
// and traceparent, which a sender may set anew when it repeats itself. What else
// a ticket says, when it was approved and of which digest, a repeat may say too:
// the engine judges a decision by what its first delivery said. Of one that comes
// from the ledger it is what the ledger has.
func (d *Decision) Content() string {
	if d.Recorded != "" {
		return d.Recorded
	}
	c := content{Switch: d.Switch, Enabled: d.Enabled, Target: d.Target, Options: d.Options, Chain: d.Chain}
	if t := d.Ticket; t != nil {
		c.Ticket = &contentTicket{ID: t.ID, RequestedBy: t.RequestedBy, ApprovedBy: append([]string{}, t.ApprovedBy...)}
		if t.Window != nil {
			c.Ticket.Start, c.Ticket.End = instant(t.Window.Start), instant(t.Window.End)
		}
	}
	// Structs in their order, maps by key: one form for one content. It cannot
	// fail, for target and options hold nothing but what JSON can.
	text, _ := json.Marshal(c)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func instant(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
