//go:build prove

package dynamodb_test

import "github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"

// How often the suite draws at random: where all goes well, where it does not, and with
// DynamoDB Local.
const drawn, troubleDrawn, localDrawn = "300", "60", "100"

// troubles is each by itself, and all together.
var troubles = map[string][]dynamotest.Fault{
	"throttled": allTroubles[:1], "broken": allTroubles[1:2], "unreached": allTroubles[2:3], "lost": allTroubles[3:4],
	"conflicting": allTroubles[4:5], "unprocessed": allTroubles[5:6], "stale": allTroubles[6:], "all of it": allTroubles,
}
