//go:build prove

package proof

// The long forms.
const kills = 100

// sharesOf tells of a first, a second and a third crash which are tried with a
// ledger: every one, one in so many, or, with 0, none.
var sharesOf = map[string][4]int{"memory": {1, 3, 211, 0}, "bolt": {1, 29, 0, 0}, "dynamodb": {1, 29, 0, 0}, "postgres": {1, 61, 0, 0}}

// ticketShares are those where two events share a ticket.
var ticketShares = map[string][4]int{"memory": {1, 11, 0, 0}, "bolt": {1, 101, 0, 0}, "dynamodb": {1, 211, 0, 0}}

// schedules are how many are drawn with each ledger.
var schedules = map[string]int{"memory": 8000, "bolt": 800, "dynamodb": 1500, "postgres": 300}

// followShares are those where a job is followed: one in so many first crashes, and
// in so many second ones.
var followShares = map[string][4]int{"memory": {1, 3, 0, 0}, "bolt": {1, 11, 0, 0}, "dynamodb": {1, 11, 0, 0}}
