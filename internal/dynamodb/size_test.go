//go:build !prove

package dynamodb_test

import "github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"

// How often the suite draws at random: where all goes well, where it does not, and with
// DynamoDB Local.
const drawn, troubleDrawn, localDrawn = "25", "15", "25"

var troubles = map[string][]dynamotest.Fault{"all of it": allTroubles}
