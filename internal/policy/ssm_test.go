package policy_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/policy"
)

// Parameters are read as AWS's API has it, and a refusal says which.
func TestFromSSM(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil || q.Header.Get("X-Amz-Target") != "AmazonSSM.GetParameter" || q.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
			t.Errorf("%s %s: %v", q.Header.Get("X-Amz-Target"), q.Header.Get("Content-Type"), err)
		}
		switch string(body) {
		case `{"Name":"/interlock/policy","WithDecryption":true}`:
			fmt.Fprintf(w, `{"Parameter":{"Name":"/interlock/policy","Type":"SecureString","Value":%q,"Version":1}}`, onlyOn)
		case `{"Name":"empty","WithDecryption":true}`:
			fmt.Fprint(w, `{}`)
		default:
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"__type":"ParameterNotFound"}`)
		}
	}))
	defer server.Close()
	env := map[string]string{"AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_SSM": server.URL, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s"}
	from := policy.FromSSM(func() (*awsjson.Client, error) {
		return awsjson.FromEnv(awsjson.SSM, func(name string) string { return env[name] }, nil)
	})
	p, err := load(policy.Places{Policy: "ssm:/interlock/policy", Parameter: from})
	require.NoError(t, err)
	require.Equal(t, "permitted by on", ask(t, p, question()).Reason)

	_, err = load(policy.Places{Policy: "ssm:none", Parameter: from})
	require.EqualError(t, err, "INTERLOCK_POLICY: ssm:none: GetParameter: 400 ParameterNotFound: ")
	var refusal *awsjson.Error
	require.ErrorAs(t, err, &refusal)
	_, err = load(policy.Places{Policy: "ssm:empty", Parameter: from})
	require.EqualError(t, err, "INTERLOCK_POLICY: ssm:empty: the answer holds no value")

	none := policy.FromSSM(func() (*awsjson.Client, error) { return nil, errors.New("AWS_REGION: not set") })
	_, err = load(policy.Places{Policy: "ssm:x", Parameter: none})
	require.EqualError(t, err, "INTERLOCK_POLICY: ssm:x: AWS_REGION: not set")
	_, err = load(policy.Places{Parameter: none})
	require.NoError(t, err, "nothing of AWS is needed")
}
