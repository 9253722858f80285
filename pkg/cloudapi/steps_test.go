package cloudapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	project  = "056538411200d4cd2f79c003c7606412"
	instance = "096c0fc43e804757b59946b80dc27f8bin07"
	proxy    = "2ec617ba62da4eafb921b69438beed3cpo01"
	job      = "e0fbbfc8-1ac4-4721-b9e9-7dd685c5bdd7"
)

var (
	theProxy    = Proxy{ProjectID: project, InstanceID: instance, ProxyID: proxy}
	theInstance = Instance{ProjectID: project, InstanceID: instance}
	theDatabase = AuditDatabase{ProjectID: project, InstanceID: "5ab3a8a3a5b54ba6a2f0d0a3f1e5d9c2", DatabaseID: "Gadr-Y4B51p4J06s5s5B"}
)

// step is a request that is expected and how it is answered.
type step struct {
	method, uri string
	body        string // JSON; none expected where empty
	header      http.Header
	status      int // default 200
	answer      string
	answers     http.Header
	// handle answers in place of status and answer.
	handle http.HandlerFunc
}

// steps is a server that takes the requests it expects, in their order, and
// fails the test for any other and for those that do not come.
func steps(t *testing.T, expected ...step) *Client {
	t.Helper()
	var mu sync.Mutex
	done := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if done == len(expected) {
			mu.Unlock()
			t.Errorf("unexpected %s %s", r.Method, r.RequestURI)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		now := expected[done]
		done++
		mu.Unlock()
		now.take(t, w, r)
	}))
	t.Cleanup(func() {
		server.Close()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, len(expected), done, "requests made")
	})
	return &Client{
		GaussDB: server.URL, DBSS: server.URL, EventGrid: server.URL, Auth: Token("a-token"), HTTP: server.Client(),
		Now: func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) },
	}
}

func (s step) take(t *testing.T, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil || r.Method != s.method || r.RequestURI != s.uri || string(body) != s.body {
		t.Errorf("found %s %s %s (%v), expected %s %s %s", r.Method, r.RequestURI, body, err, s.method, s.uri, s.body)
	}
	if kind := r.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("Content-Type: found %q, expected application/json", kind)
	}
	for name := range s.header {
		if found, want := r.Header.Get(name), s.header.Get(name); found != want {
			t.Errorf("%s: found %q, expected %q", name, found, want)
		}
	}
	for name, values := range s.answers {
		w.Header()[name] = values
	}
	if s.handle != nil {
		s.handle(w, r)
		return
	}
	if s.status != 0 {
		w.WriteHeader(s.status)
	}
	_, _ = io.WriteString(w, s.answer)
}

// asError is the error of a call, which must be one.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	return e
}
