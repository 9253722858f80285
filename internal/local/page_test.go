package local_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

func see(t *testing.T, w *localtest.World, path string, header http.Header) (string, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+path, nil)
	require.NoError(t, err)
	req.Header = header
	req.Host = header.Get("Host")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text), res.StatusCode
}

// The page is shown to this machine, and to nobody that something passes on.
func TestPageAtHome(t *testing.T) {
	w := localtest.Start(t, localtest.Options{})
	require.Equal(t, http.StatusAccepted, w.Post(t, "proxyssl", ticket(t)).Status)
	require.Eventually(t, func() bool { // until the ledger has been read
		text, status := see(t, w, "/", http.Header{})
		return status == http.StatusOK && strings.Contains(text, "proxy-ssl on") && strings.Contains(text, "CHG0031338")
	}, time.Minute, time.Millisecond)
	for _, path := range []string{"/", "/page/live", "/page/decision?id=x"} {
		for header, status := range map[string]int{
			"Host: evil.example": http.StatusForbidden, "Origin: http://evil.example": http.StatusForbidden,
			"X-Forwarded-For: 192.0.2.1": http.StatusNotFound, "Forwarded: for=192.0.2.1": http.StatusNotFound, "Via: 1.1 proxy": http.StatusNotFound,
		} {
			name, value, _ := strings.Cut(header, ": ")
			text, got := see(t, w, path, http.Header{name: {value}})
			require.Equal(t, status, got, "%s %s", path, header)
			require.NotContains(t, text, "CHG0031338")
		}
	}
	open := localtest.Start(t, localtest.Options{Environ: []string{"INTERLOCK_OPEN=true"}})
	_, status := see(t, open, "/", http.Header{})
	require.Equal(t, http.StatusNotFound, status)
}

// A browser that is kept up to date does not keep the program from ending.
func TestPageLetsEnd(t *testing.T) {
	w := localtest.Start(t, localtest.Options{Bolt: true})
	stop := w.Serve(t)
	res, err := http.Get(w.URL + "/page/live")
	require.NoError(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	require.True(t, lines.Scan())
	began := time.Now()
	stop()
	require.Less(t, time.Since(began), 30*time.Second)
}
