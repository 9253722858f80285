//go:build prove

package proof

// The long forms.
const (
	schedules = 25000
	kills     = 200
)

// shares tells of a first, a second and a third crash which are tried: every
// one, one in so many, or, with 0, none.
var shares = [...]int{1, 1, 23, 0}

// ticketShares are those where two events share a ticket.
var ticketShares = [...]int{1, 3, 0, 0}
