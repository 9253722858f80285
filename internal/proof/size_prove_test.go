//go:build prove

package proof

// The long forms.
const kills = 200

// sharesOf tells of a first, a second and a third crash which are tried with a
// ledger: every one, one in so many, or, with 0, none.
var sharesOf = map[string][4]int{"memory": {1, 1, 23, 0}, "bolt": {1, 7, 0, 0}, "dynamodb": {1, 7, 0, 0}, "postgres": {1, 29, 0, 0}}

// ticketShares are those where two events share a ticket.
var ticketShares = map[string][4]int{"memory": {1, 3, 0, 0}, "bolt": {1, 29, 0, 0}, "dynamodb": {1, 61, 0, 0}}

// schedules are how many are drawn with each ledger.
var schedules = map[string]int{"memory": 25000, "bolt": 2500, "dynamodb": 5000, "postgres": 1000}

// followShares are those where a job is followed: one in so many first crashes, and
// in so many second ones.
var followShares = map[string][2]int{"memory": {1, 1}, "bolt": {1, 3}, "dynamodb": {1, 3}}
