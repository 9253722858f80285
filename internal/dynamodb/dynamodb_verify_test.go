//go:build verify

package dynamodb_test

import (
	"cmp"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/ledgertest"
)

// emulator is one that tools/emulators/run starts, whose address an environment
// variable has.
func emulator(variable string) backend {
	return backend{func(t *testing.T, through http.RoundTripper) *awsjson.Client {
		t.Helper()
		endpoint := os.Getenv(variable)
		require.NotEmpty(t, endpoint, "%s: not set; see tools/emulators/run", variable)
		env := map[string]string{
			"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
			"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		}
		c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, &http.Client{Transport: cmp.Or(through, http.DefaultTransport)})
		require.NoError(t, err)
		return c
	}, http.DefaultTransport}
}

var dynamoDBLocal, moto = emulator("TEST_DYNAMODB"), emulator("TEST_AWS")

// Each run of what is drawn reads all that there is, so that many take long: they are
// for the long form, and for the stand-in.
func TestDynamoDBLocal(t *testing.T) {
	checks(t, localDrawn)
	ledgertest.Run(t, dynamoDBLocal.harness(nil))
}

func TestDynamoDBLocalConcurrent(t *testing.T) {
	ledgertest.RunConcurrent(t, dynamoDBLocal.harness(nil))
}

// moto restores a copy of everything when a transaction is cancelled, and so
// loses what happened meanwhile: its suite is the sequential one. It takes longer
// the more there is: that the rules hold at random, DynamoDB Local shows oftener.
func TestMoto(t *testing.T) {
	checks(t, "20")
	ledgertest.Run(t, moto.harness(nil))
}

func TestRoundTripsOfEmulators(t *testing.T) {
	t.Run("DynamoDB Local", func(t *testing.T) { roundTrips(t, dynamoDBLocal) })
	t.Run("moto", func(t *testing.T) { roundTrips(t, moto) })
}

func TestDynamoDBLocalTroubled(t *testing.T) {
	t.Run("lost answers", func(t *testing.T) { lostAnswers(t, dynamoDBLocal) })
	t.Run("refusals without items", func(t *testing.T) { refusalsWithoutItems(t, dynamoDBLocal) })
	t.Run("expiry", func(t *testing.T) { expiry(t, dynamoDBLocal) })
}
