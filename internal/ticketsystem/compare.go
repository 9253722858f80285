package ticketsystem

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
)

// Compare tells what a ticket's system says against a ticket that an event
// names: nothing where it says the same. What the event asks for is given by
// its digest, as package digest computes it from the event's data. "" is for an
// event that rests on another's approval, as the step of a chain does: there
// the digest that the ticket itself carries counts.
//
// An event may name fewer approvers than the system: it may have been sent
// before the last of them. It may name a narrower window, too.
func Compare(asked events.Ticket, digest string, found Found) []events.Field {
	if found.State != Approved {
		return []events.Field{{
			Path: "data.ticket.id", Found: fmt.Sprintf("%.64q, which is %s at its system: %s", asked.ID, found.State, found.Because),
			Expected: "a ticket that is approved there",
		}}
	}
	c := comparison{asked: asked, found: found}
	c.people()
	c.digest(digest)
	c.times()
	return c.against
}

// comparison gathers what speaks against a ticket.
type comparison struct {
	asked   events.Ticket
	found   Found
	against []events.Field
}

func (c *comparison) no(field, found, expected string) {
	c.against = append(c.against, events.Field{Path: "data.ticket." + field, Found: found, Expected: expected})
}

// people looks at who asked and who approved. Somebody who stands in the event
// by two names is one person all the same.
func (c *comparison) people() {
	requester := c.found.RequestedBy
	if !requester.is(c.asked.RequestedBy) {
		c.no("requested_by", shown(c.asked.RequestedBy), requester.String()+", as at the ticket's system")
	}
	others := 0
	for i, name := range c.asked.ApprovedBy {
		at := slices.IndexFunc(c.found.Approvers, func(p Person) bool { return p.is(name) })
		switch {
		case at < 0:
			c.no(fmt.Sprintf("approved_by[%d]", i), shown(name), "who approved it at the ticket's system: "+list(c.found.Approvers))
		case !c.found.Approvers[at].same(requester):
			others++
		}
	}
	if others == 0 && len(c.against) == 0 {
		c.no("approved_by", "nobody but who requested it", "another approver, as at the ticket's system: "+list(c.found.Approvers))
	}
}

func (c *comparison) digest(of string) {
	name := "what the event asks for, " + of
	if of == "" {
		of, name = c.asked.Digest, shown(c.asked.Digest)
	}
	kept := c.found.Digest
	switch {
	case kept == nil:
	case *kept == "" && c.asked.Digest != "":
		c.no("digest", shown(c.asked.Digest), "none, as at the ticket's system")
	case *kept != "" && !strings.EqualFold(*kept, of):
		c.no("digest", name, shown(*kept)+", as at the ticket's system")
	}
}

// times looks at when it was approved, which is another time for a ticket that
// was approved anew, and at when it may be applied.
func (c *comparison) times() {
	if at, kept := c.asked.ApprovedAt, c.found.ApprovedAt; at != nil && kept != nil && !at.Truncate(time.Second).Equal(kept.Truncate(time.Second)) {
		c.no("approved_at", at.Format(time.RFC3339), kept.Format(time.RFC3339)+", as at the ticket's system")
	}
	var w events.Window
	if c.asked.Window != nil {
		w = *c.asked.Window
	}
	if start := c.found.Start; start != nil && (w.Start == nil || w.Start.Before(*start)) {
		c.no("window.start", instant(w.Start), start.Format(time.RFC3339)+" or later, as at the ticket's system")
	}
	if end := c.found.End; end != nil && (w.End == nil || w.End.After(*end)) {
		c.no("window.end", instant(w.End), end.Format(time.RFC3339)+" or earlier, as at the ticket's system")
	}
}

func instant(t *time.Time) string {
	if t == nil {
		return "nothing"
	}
	return t.Format(time.RFC3339)
}

// is tells whether a name is one of the person's.
func (p Person) is(name string) bool {
	name = strings.TrimSpace(name)
	return name != "" && slices.ContainsFunc(p, func(own string) bool { return strings.EqualFold(own, name) })
}

// same tells whether two are the same person.
func (p Person) same(q Person) bool { return slices.ContainsFunc(q, p.is) }

func (p Person) String() string {
	if len(p) == 0 {
		return "nobody"
	}
	return shown(p[len(p)-1])
}

func list(people []Person) string {
	if len(people) == 0 {
		return "nobody"
	}
	const some = 10
	var names []string
	for _, p := range people[:min(len(people), some)] {
		names = append(names, p.String())
	}
	if len(people) > some {
		names = append(names, "…")
	}
	return strings.Join(names, ", ")
}

func shown(s string) string {
	if strings.TrimSpace(s) == "" {
		return "nothing"
	}
	if r := []rune(s); len(r) > 80 {
		s = string(r[:80]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
