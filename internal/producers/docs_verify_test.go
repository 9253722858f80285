//go:build verify

package producers

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/webhook"
)

const signingKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// receiver is a function's URL that takes what is signed, and keeps it.
func receiver(t *testing.T) (url string, took *[]string) {
	keys, err := webhook.ParseKeys([]string{signingKey})
	require.NoError(t, err)
	v := webhook.Verifier{Keys: keys}
	took = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = v.Verify(t.Context(), r.Header, body)
		}
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		*took = append(*took, r.URL.RequestURI()+" "+string(body))
	}))
	t.Cleanup(s.Close)
	return s.URL, took
}

// TestFunctionGraph runs the page's function as FunctionGraph would.
func TestFunctionGraph(t *testing.T) {
	url, took := receiver(t)
	program := blocks(t, "producers.md", "python")[0] + `
import json, os
class Context:
    def getUserData(self, name): return os.environ[name]
message = '{"notification_type":"ResourceChanged"}'
handler({"record": [{"event_source": "smn", "smn": {"message_id": "d84bd6629ef04513ad2e37bffd6e17cb", "message": message}}]}, Context())
`
	cmd := exec.Command("python3", "-c", program)
	cmd.Env = append(os.Environ(), "KEY="+signingKey, "URLS="+url+"/a,"+url+"/b", "no_proxy=*")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, []string{
		`/a?from=config {"notification_type":"ResourceChanged"}`,
		`/b?from=config {"notification_type":"ResourceChanged"}`,
	}, *took)

	cmd = exec.Command("python3", "-c", program)
	cmd.Env = append(os.Environ(), "KEY=whsec_YW5vdGhlci1rZXktYW5vdGhlci1rZXktYW5vdGhlcg==", "URLS="+url, "no_proxy=*")
	require.Error(t, cmd.Run(), "what is refused is tried again")
}

// TestSigningInAShell runs the page's commands.
func TestSigningInAShell(t *testing.T) {
	url, took := receiver(t)
	scripts := blocks(t, "webhooks.md", "sh")
	require.Len(t, scripts, 2)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "event.json"), []byte("{\"specversion\":\"1.0\"}\n"), 0o600))
	run := func(script, key string) (string, error) {
		cmd := exec.Command("sh", "-c", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "KEY="+key, "URL="+url, "no_proxy=*")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	made, err := run(scripts[0], "")
	require.NoError(t, err, made)
	_, err = webhook.ParseKey(strings.TrimSpace(made))
	require.NoError(t, err)

	out, err := run(scripts[1], signingKey)
	require.NoError(t, err, out)
	require.Equal(t, []string{"/ {\"specversion\":\"1.0\"}\n"}, *took)
	_, err = run(scripts[1], strings.TrimSpace(made))
	require.Error(t, err)
}
