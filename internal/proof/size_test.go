//go:build !prove

package proof

// The short forms.
const (
	schedules = 400
	kills     = 5
)

// shares tells of a first, a second and a third crash which are tried: every
// one, one in so many, or, with 0, none.
var shares = [...]int{1, 41, 0, 0}

// ticketShares are those where two events share a ticket.
var ticketShares = [...]int{1, 397, 0, 0}
