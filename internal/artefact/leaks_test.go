package artefact

import (
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// canary is the secret that every test gives the functions in as many places as
// there are: it must come out nowhere.
const canary = "canary-5e2f0c6d9b"

// leaks knows every secret of a test, and looks for them in what came out.
type leaks struct {
	mu      sync.Mutex
	secrets map[string]bool
}

func newLeaks() *leaks { return &leaks{secrets: map[string]bool{canary: true, "Signature=": true}} }

// seen learns the secrets of a request's header: signatures and tokens are new
// with each.
func (l *leaks) seen(h http.Header) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{"X-Auth-Token", "X-Subject-Token", "X-Security-Token", "X-Amz-Security-Token", "Authorization"} {
		for _, v := range h.Values(name) {
			if _, signature, ok := strings.Cut(v, "Signature="); ok {
				v = signature
			}
			l.secrets[v] = true
		}
	}
}

// none sees to it that no secret is in a text.
func (l *leaks) none(t testing.TB, where, text string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	require.Greater(t, len(text), 0, where)
	for secret := range l.secrets {
		if i := strings.Index(text, secret); i >= 0 {
			require.Fail(t, "a secret came out", "%s: %q in …%s…", where, secret, text[max(0, i-200):min(len(text), i+100)])
		}
		require.NotContains(t, text, base64.StdEncoding.EncodeToString([]byte(secret)), where)
	}
}
