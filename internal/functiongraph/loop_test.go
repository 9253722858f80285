package functiongraph

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/doors"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// runtimeAPI hands out invocations in their order, and then is gone. It keeps what
// was answered.
type runtimeAPI struct {
	next     []func(http.ResponseWriter)
	answered []string
	// refuse is the status that answers get; 0 takes them.
	refuse int
}

func (a *runtimeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		a.answered = append(a.answered, r.URL.EscapedPath()+" "+string(body))
		if a.refuse != 0 {
			w.WriteHeader(a.refuse)
		}
		return
	}
	if r.URL.Path != "/v1/runtime/invocation/request" || len(a.next) == 0 {
		w.WriteHeader(http.StatusGone)
		return
	}
	a.next[0](w)
	a.next = a.next[1:]
}

func invoked(id, payload string, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("X-Cff-Request-Id", id)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		_, _ = io.WriteString(w, payload)
	}
}

func newLoop(t *testing.T, api *runtimeAPI, invoke func(context.Context, []byte) ([]byte, error)) (*loop, *bytes.Buffer) {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	var said bytes.Buffer
	return &loop{
		api: server.URL + "/v1/runtime/invocation", http: server.Client(), timeout: 30 * time.Second,
		invoke: invoke, now: func() time.Time { return noon },
		log: slog.New(&requestLog{slog.NewJSONHandler(&said, nil)}).With("version", "v").WithGroup("g"),
	}, &said
}

// Each invocation is handled until its end and answered by its id, a failure as an
// error; one that breaks off takes no other with it.
func TestInvocations(t *testing.T) {
	api := &runtimeAPI{next: []func(http.ResponseWriter){
		func(http.ResponseWriter) {}, // nothing to do yet
		invoked("1", "good"), invoked("2/é", "later"), invoked("3", "panic"), invoked("4", "good"),
	}}
	l, said := newLoop(t, api, func(ctx context.Context, payload []byte) ([]byte, error) {
		end, ok := ctx.Deadline()
		require.True(t, ok)
		require.Equal(t, noon.Add(30*time.Second), end)
		switch string(payload) {
		case "later":
			return nil, &doors.NoEvent{Err: errors.New("why")}
		case "panic":
			panic("very-secret")
		}
		return append(payload, '!'), nil
	})
	err := l.run(t.Context())
	require.EqualError(t, err, "runtime API: GET /request: answered 410 Gone")
	require.Equal(t, []string{
		`/v1/runtime/invocation/response/1 good!`,
		`/v1/runtime/invocation/error/2%2F%C3%A9 {"errorMessage":"no event: why","errorType":"NoEvent"}`,
		`/v1/runtime/invocation/error/3 {"errorMessage":"the invocation's handling broke off","errorType":"errorString"}`,
		`/v1/runtime/invocation/response/4 good!`,
	}, api.answered)
	require.Contains(t, said.String(), `"requestId":"2/é"`)
	require.Contains(t, said.String(), `"panic":"string"`)
	require.NotContains(t, said.String(), "very-secret")
}

// An answer that is not taken counts as none, so that nothing goes on that
// FunctionGraph has given up.
func TestAnAnswerThatIsNotTaken(t *testing.T) {
	api := &runtimeAPI{refuse: http.StatusForbidden, next: []func(http.ResponseWriter){invoked("1", "good"), invoked("2", "good")}}
	l, _ := newLoop(t, api, func(context.Context, []byte) ([]byte, error) { return []byte("null"), nil })
	require.EqualError(t, l.run(t.Context()), "runtime API: POST /response/1: answered 403 Forbidden")
	require.Len(t, api.answered, 1)
}
