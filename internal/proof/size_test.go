//go:build !prove

package proof

// The short forms.
const kills = 5

// sharesOf tells of a first, a second and a third crash which are tried with a
// ledger: every one, one in so many, or, with 0, none.
var sharesOf = map[string][4]int{"memory": {1, 41, 0, 0}, "bolt": {19, 23, 0, 0}, "dynamodb": {37, 23, 0, 0}, "postgres": {11, 23, 0, 0}}

// ticketShares are those where two events share a ticket.
var ticketShares = map[string][4]int{"memory": {1, 397, 0, 0}, "bolt": {29, 0, 0, 0}, "dynamodb": {37, 0, 0, 0}}

// schedules are how many are drawn with each ledger.
var schedules = map[string]int{"memory": 400, "bolt": 20, "dynamodb": 15, "postgres": 40}

// followShares are those where a job is followed: one in so many first crashes, and
// in so many second ones.
var followShares = map[string][4]int{"memory": {1, 1, 0, 0}, "bolt": {11, 13, 0, 0}, "dynamodb": {5, 7, 0, 0}}
