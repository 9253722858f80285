//go:build !prove

package dynamodb_test

import "github.com/interlock-functions/interlock/internal/dynamodb/dynamotest"

// How often the suite draws at random: where all goes well, and where it does not.
const drawn, troubleDrawn = "25", "15"

var troubles = map[string][]dynamotest.Fault{"all of it": allTroubles}
