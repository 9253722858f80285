package local_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/local/localtest"
)

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// TestListen: beyond this machine only where somebody is asked for something.
func TestListen(t *testing.T) {
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0"} {
		for name, test := range map[string]struct {
			environ []string
			listens bool
		}{
			"nothing": {nil, false}, "not open": {[]string{"INTERLOCK_OPEN=false"}, false},
			"open": {[]string{"INTERLOCK_OPEN=true"}, true}, "keys": {[]string{"INTERLOCK_WEBHOOK_SECRETS=" + hookKey}, true},
			"keys in a secret": {[]string{"INTERLOCK_SECRET_ID=arn", "INTERLOCK_WEBHOOK_SECRETS=secret:"}, true},
		} {
			c, err := config.ReadLedger(test.environ, "memory:", "memory:")
			require.NoError(t, err)
			l, err := local.Listen(c, addr)
			require.Equal(t, test.listens, err == nil, "%s %s", addr, name)
			if err == nil {
				require.NoError(t, l.Close())
				continue
			}
			require.ErrorContains(t, err, addr+": whoever reaches it")
			require.ErrorContains(t, err, "INTERLOCK_WEBHOOK_SECRETS, or INTERLOCK_OPEN=true")
		}
	}
	l, err := local.Listen(config.Config{}, "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	_, err = local.Listen(config.Config{}, "no address")
	require.Error(t, err)
}

// raw posts a ticket with headers that no client would send, and returns the
// answer's status.
func raw(t *testing.T, w *localtest.World, method, path string, header ...string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(w.URL, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	body := ticket(t)
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\n%s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", method, path, strings.Join(header, "\r\n"), len(body), body)
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// TestForeign: what a page of somebody else's has a browser send is refused,
// whatever it is for.
func TestForeign(t *testing.T) {
	const event = "Content-Type: application/cloudevents+json"
	for name, test := range map[string]struct {
		environ []string
		method  string
		header  []string
		status  int
	}{
		"by its address":        {nil, "POST", []string{"Host: 127.0.0.1:8080", event}, 202},
		"by any of its own":     {nil, "POST", []string{"Host: 127.9.9.9", event}, 202},
		"by IPv6":               {nil, "POST", []string{"Host: [::1]:8080", event}, 202},
		"by name":               {nil, "POST", []string{"Host: LocalHost:8080", event}, 202},
		"rebound":               {nil, "POST", []string{"Host: evil.example.com:8080", event}, 403},
		"rebound, same origin":  {nil, "POST", []string{"Host: evil.example.com:8080", "Origin: http://evil.example.com:8080", event}, 403},
		"an address of others":  {nil, "POST", []string{"Host: 192.0.2.1:8080", event}, 403},
		"a name like ours":      {nil, "POST", []string{"Host: localhost.example.com", event}, 403},
		"an address like ours":  {nil, "POST", []string{"Host: 127.0.0.1.example.com", event}, 403},
		"no host":               {nil, "POST", []string{"Host: ", event}, 403},
		"rebound, with a key":   {[]string{"INTERLOCK_WEBHOOK_SECRETS=" + hookKey}, "POST", []string{"Host: evil.example.com", event}, 403},
		"rebound, reading":      {nil, "GET", []string{"Host: evil.example.com"}, 403},
		"behind a mesh":         {[]string{"INTERLOCK_OPEN=true"}, "POST", []string{"Host: interlock.mesh", event}, 202},
		"own origin":            {nil, "POST", []string{"Host: localhost:8080", "Origin: http://localhost:8080", event}, 202},
		"foreign origin":        {nil, "POST", []string{"Host: localhost:8080", "Origin: https://evil.example.com", event}, 403},
		"another port's":        {nil, "POST", []string{"Host: localhost:8080", "Origin: http://localhost:3000", event}, 403},
		"nobody's origin":       {nil, "POST", []string{"Host: localhost:8080", "Origin: null", event}, 403},
		"two origins":           {nil, "POST", []string{"Host: localhost:8080", "Origin: http://localhost:8080", "Origin: https://evil.example.com", event}, 403},
		"foreign, behind mesh":  {[]string{"INTERLOCK_OPEN=true"}, "POST", []string{"Host: interlock.mesh", "Origin: https://evil.example.com", event}, 403},
		"foreign, reading":      {nil, "GET", []string{"Host: localhost:8080", "Origin: https://evil.example.com"}, 403},
		"a preflight":           {nil, "OPTIONS", []string{"Host: localhost:8080", "Origin: https://evil.example.com", "Access-Control-Request-Method: POST"}, 403},
		"the webhook handshake": {nil, "OPTIONS", []string{"Host: localhost:8080", "WebHook-Request-Origin: tickets.example.com"}, 204},
		"a form":                {nil, "POST", []string{"Host: localhost:8080", "Content-Type: text/plain", "ce-specversion: 1.0", "ce-type: t", "ce-source: s", "ce-id: 1"}, 415},
	} {
		t.Run(name, func(t *testing.T) {
			w := localtest.Start(t, localtest.Options{Environ: test.environ})
			require.Equal(t, test.status, raw(t, w, test.method, "/functions/proxyssl", test.header...))
			require.Equal(t, test.status == 202, len(w.Flips()) == 1)
			if test.status == 403 {
				require.Equal(t, 403, raw(t, w, test.method, "/healthz", test.header...), "everywhere")
			}
		})
	}
	// Elsewhere than on loopback, names are the network's.
	w := localtest.Start(t, localtest.Options{})
	req := httptest.NewRequestWithContext(t.Context(), "GET", "http://interlock.example.com/healthz", nil)
	req = req.WithContext(withLocalAddr(req.Context(), "192.0.2.1"))
	answer := httptest.NewRecorder()
	w.Host.ServeHTTP(answer, req)
	require.Equal(t, 200, answer.Code)
}

func withLocalAddr(ctx context.Context, ip string) context.Context {
	return context.WithValue(ctx, http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP(ip)})
}
