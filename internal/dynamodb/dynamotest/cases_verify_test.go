//go:build verify

package dynamotest_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
)

// What is said of the stand-in is so of DynamoDB Local.
func TestCasesOnDynamoDBLocal(t *testing.T) {
	endpoint := os.Getenv("TEST_DYNAMODB")
	require.NotEmpty(t, endpoint, "TEST_DYNAMODB: not set; see tools/emulators/run")
	env := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB": endpoint,
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
	}
	c, err := awsjson.FromEnv(awsjson.DynamoDB, func(name string) string { return env[name] }, http.DefaultClient)
	require.NoError(t, err)
	runCases(t, c)
}
