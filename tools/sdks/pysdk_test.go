package sdks

import (
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// python is client.py, started once, for that takes longer than all calls. It
// ends when this program does.
var python = sync.OnceValues(func() (func(call [4]any) (outcome, error), error) {
	cmd := exec.Command(cmp.Or(os.Getenv("PYTHON"), "python3"), "client.py")
	cmd.Env, cmd.Stderr = append(os.Environ(), "NO_PROXY=127.0.0.1"), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	calls, outcomes := json.NewEncoder(in), json.NewDecoder(out)
	return func(call [4]any) (o outcome, err error) {
		if err = calls.Encode(call); err == nil {
			err = outcomes.Decode(&o)
		}
		return o, err
	}, cmd.Start()
})

func pythonSDK(t *testing.T, url string, c cloudsim.Credentials) sdk {
	call, err := python()
	require.NoError(t, err)
	return func(t *testing.T, operation string, request members) outcome {
		o, err := call([4]any{url, []string{c.AccessKey, c.SecretKey, project, c.SecurityToken}, operation, request})
		require.NoError(t, err, "PYTHON is to be the Python that has the SDKs: make verify-sdks")
		return o
	}
}
