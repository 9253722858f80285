package functiongraph

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
)

// complete is an environment with which a function starts; what its settings name
// comes as one object.
func complete(t *testing.T, set map[string]string) environment {
	t.Helper()
	vars := map[string]string{
		"RUNTIME_API_ADDR": "127.0.0.1:1", "RUNTIME_TIMEOUT": "60", "RUNTIME_HANDLER": "proxyssl.handler",
	}
	settings := map[string]string{"INTERLOCK_REGION": "eu-west-101", "INTERLOCK_LEDGER": "memory:", "INTERLOCK_BUS": "memory:"}
	for name, value := range set {
		if strings.HasPrefix(name, "RUNTIME_") {
			vars[name] = value
		} else {
			settings[name] = value
		}
	}
	if vars["RUNTIME_USERDATA"] == "" {
		text, err := json.Marshal(settings)
		require.NoError(t, err)
		vars["RUNTIME_USERDATA"] = string(text)
	}
	var environ []string
	for name, value := range vars {
		environ = append(environ, name+"="+value)
	}
	all, err := variables(environ)
	require.NoError(t, err)
	return all
}

func TestOpen(t *testing.T) {
	l, err := open(complete(t, nil), functions.All(), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:1/v1/runtime/invocation", l.api)
	require.Equal(t, "1m0s", l.timeout.String())

	door, err := openDoor(complete(t, map[string]string{"RUNTIME_HANDLER": "jobfollow.handler", "INTERLOCK_LEDGER": "dynamodb:t", "AWS_REGION": "eu-central-1"}), functions.All(), nil)
	require.NoError(t, err)
	require.Equal(t, "jobfollow", door.Function)
	require.NotNil(t, door.Sweep)
	require.Nil(t, door.Queue)
}

// Each wrong setting is one line that names the variable, and tells nothing
// secret.
func TestOpenStops(t *testing.T) {
	const canary = "canary-5e2f0c6d9b"
	for name, c := range map[string]struct {
		set  map[string]string
		want string
	}{
		"not there":      {map[string]string{"RUNTIME_API_ADDR": ""}, "RUNTIME_API_ADDR: not set"},
		"no time-out":    {map[string]string{"RUNTIME_TIMEOUT": ""}, `RUNTIME_TIMEOUT: found "", expected the function's time-out in seconds`},
		"no function":    {map[string]string{"RUNTIME_HANDLER": "index.handler"}, `RUNTIME_HANDLER: found "index.handler", expected the name of a function and .handler: of proxyalt, `},
		"no ledger":      {map[string]string{"INTERLOCK_LEDGER": ""}, "INTERLOCK_LEDGER: not set"},
		"a file":         {map[string]string{"INTERLOCK_LEDGER": "bolt:/tmp/x"}, `INTERLOCK_LEDGER: found "bolt:/tmp/x", expected postgres:URL or dynamodb:TABLE`},
		"no database":    {map[string]string{"INTERLOCK_LEDGER": "postgres://u:" + canary + "@127.0.0.1:1/d?connect_timeout=1"}, "INTERLOCK_LEDGER: ledger database"},
		"a queue":        {map[string]string{"INTERLOCK_QUEUE_URL": "https://sqs.example.com/q"}, "INTERLOCK_QUEUE_URL: found one"},
		"half a key":     {map[string]string{"HUAWEICLOUD_SDK_AK": canary}, "HUAWEICLOUD_SDK_SK: not set"},
		"misspelt there": {map[string]string{"INTERLOCK_QEUE_URL": "x"}, "INTERLOCK_QEUE_URL: unknown variable"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(complete(t, c.set), functions.All(), slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, c.want)
			if name != "no database" { // where each address is a line
				require.NotContains(t, err.Error(), "\n")
			}
			require.NotContains(t, err.Error(), canary)
		})
	}
}

// The process's own variables count before those of the function's settings.
func TestVariables(t *testing.T) {
	vars, err := variables([]string{`RUNTIME_USERDATA={"A":"settings","B":"settings"}`, "A=process", "C=process=too"})
	require.NoError(t, err)
	require.Equal(t, "process", vars.get("A"))
	require.Equal(t, "settings", vars.get("B"))
	require.Equal(t, "process=too", vars.get("C"))
	require.Empty(t, vars.get("D"))
	vars, err = variables(os.Environ())
	require.NoError(t, err)
	require.Equal(t, environment(os.Environ()), vars)
	_, err = variables([]string{`RUNTIME_USERDATA={"A":very-secret`})
	require.ErrorContains(t, err, "RUNTIME_USERDATA: expected a JSON object")
	require.NotContains(t, err.Error(), "very-secret")
}

// The cloud is called by the invocation's credentials, unless the function has
// others configured.
func TestWhoCalls(t *testing.T) {
	var by []string
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Access=")
		who, _, _ := strings.Cut(rest, ",")
		by = append(by, who)
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(cloud.Close)
	sample, err := os.ReadFile("../../functions/proxyssl/sample.json")
	require.NoError(t, err)
	ctx := context.WithValue(t.Context(), invocationKey{}, with("X-CFF-Access-Key", "invocation", "X-CFF-Secret-Key", "s"))
	for want, set := range map[string]map[string]string{
		"invocation": {},
		"configured": {"HUAWEICLOUD_SDK_AK": "configured", "HUAWEICLOUD_SDK_SK": "s"},
	} {
		by = nil
		set["INTERLOCK_GAUSSDB_ENDPOINT"] = cloud.URL
		door, err := openDoor(complete(t, set), functions.All(), slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		_, err = door.Invoke(ctx, sample)
		require.ErrorContains(t, err, "1 of 1 events to be handled later: cloud-denied")
		require.Equal(t, []string{want}, by)
	}
}
