package cloudapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var altURI = "/v3/" + project + "/instances/" + instance + "/proxy/" + proxy + "/alt"

// flip is one flip with a job, and what it ended with.
func flip(ctx context.Context, c *Client) error {
	_, err := c.SwitchProxyALT(ctx, theProxy, true, nil)
	return err
}

// The effect that an answer tells of. That no second request is made is
// checked by steps.
func TestEffectOfAnswers(t *testing.T) {
	const busyBody = `{"error_code":"DBS.200019","error_msg":"another operation is going on"}`
	for _, tt := range []struct {
		name   string
		status int
		answer string
		effect Effect
	}{
		{"400", 400, `{"error_code":"DBS.200001","error_msg":"parameter"}`, NoEffect},
		{"403", 403, `{"error_code":"DBS.200010"}`, NoEffect},
		{"404", 404, ``, NoEffect},
		{"409", 409, `{"error_code":"DBS.280000"}`, NoEffect},
		{"429", 429, ``, NoEffect},
		{"408", 408, ``, MayHave},
		{"300", 300, ``, MayHave},
		{"304", 304, ``, MayHave},
		{"500", 500, `{"error_code":"DBS.200412","error_msg":"server error"}`, MayHave},
		{"502 HTML", 502, `<html><title>Bad Gateway</title></html>`, MayHave},
		{"503", 503, ``, MayHave},
		{"504", 504, ``, MayHave},
		{"busy 400", 400, busyBody, NoEffect},
		{"busy 403", 403, busyBody, NoEffect},
		{"busy 409", 409, busyBody, NoEffect},
		{"busy 500", 500, busyBody, NoEffect},
		{"busy 200", 200, busyBody, NoEffect},
		{"throttled 503", 503, `{"error_code":"APIGW.0308"}`, NoEffect},
		{"throttled 200", 200, `{"error_code":"APIG.0308"}`, NoEffect},
		{"gateway's 401 as 500", 500, `{"error_code":"APIG.0301"}`, NoEffect},
		{"200 without job_id", 200, `{}`, Had},
		{"200 with an empty job_id", 200, `{"job_id":""}`, Had},
		{"200 with a job_id that is none", 200, `{"job_id":{}}`, Had},
		{"200 HTML", 200, `<html>`, Had},
		{"200 empty", 200, ``, Had},
		{"200 array", 200, `["job_id"]`, Had},
		{"202 without job_id", 202, `{}`, Had},
		{"204", 204, ``, Had},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: tt.status, answer: tt.answer})
			e := asError(t, flip(t.Context(), c))
			require.Equal(t, tt.effect, e.Effect, e)
			require.Equal(t, tt.effect != NoEffect, e.MayHaveEffect())
			require.Equal(t, tt.status, e.Status)
			require.Equal(t, "SwitchGaussMySqlProxyAlt", e.Operation)
			require.Equal(t, strings.HasPrefix(tt.name, "busy"), e.Busy())
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		c := steps(t, step{
			method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: status,
			answers: http.Header{"Location": {"/elsewhere"}},
		})
		e := asError(t, flip(t.Context(), c))
		require.Equal(t, MayHave, e.Effect)
		require.Equal(t, status, e.Status)
		c = steps(t, step{
			method: "GET", uri: "/v3/" + project + "/jobs?id=" + job, status: status,
			answers: http.Header{"Location": {"/elsewhere"}},
		})
		_, err := c.ShowJob(t.Context(), project, job)
		require.Equal(t, status, asError(t, err).Status)
	}
}

func TestAnswersAreLimited(t *testing.T) {
	long := `{"job_id":"` + strings.Repeat("x", maxAnswer) + `"}`
	c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, answer: long})
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, Had, e.Effect)
	require.ErrorContains(t, e, "answer of more than 1048576 bytes")
	require.Less(t, len(e.Error()), 2000)

	c = steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, status: 400, answer: long})
	e = asError(t, flip(t.Context(), c))
	require.Equal(t, NoEffect, e.Effect)
	require.Equal(t, 400, e.Status)
}

// An answer that is cut keeps its status.
func TestCutAnswers(t *testing.T) {
	for status, effect := range map[int]Effect{200: Had, 400: NoEffect, 500: MayHave} {
		c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, handle: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"job_id":"a"}`)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}})
		e := asError(t, flip(t.Context(), c))
		require.Equal(t, status, e.Status)
		require.Equal(t, effect, e.Effect)
		require.ErrorIs(t, e, io.ErrUnexpectedEOF)
	}
}

func TestEffectOfReads(t *testing.T) {
	c := steps(t, step{method: "GET", uri: "/v3/" + project + "/jobs?id=" + job, status: 500})
	_, err := c.ShowJob(t.Context(), project, job)
	require.Equal(t, NoEffect, asError(t, err).Effect)
}

func TestRefusedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	c := &Client{GaussDB: "http://" + listener.Addr().String(), Auth: Token("a-token")}
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, NoEffect, e.Effect)
	require.NotContains(t, e.Error(), project, "the URL")
}

func TestUnknownCertificate(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	c := &Client{GaussDB: server.URL, Auth: Token("a-token")}
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, NoEffect, e.Effect)
	require.ErrorContains(t, e, "certificate")
}

func TestNoHost(t *testing.T) {
	c := &Client{GaussDB: "http://cloud.invalid", Auth: Token("a-token"), HTTP: &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "cloud.invalid", IsNotFound: true}}
		},
	}}}
	require.Equal(t, NoEffect, asError(t, flip(t.Context(), c)).Effect)
}

// Connecting takes longer than the caller has.
func TestDeadlineWhileConnecting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &Client{GaussDB: "http://cloud.invalid", Auth: Token("a-token"), HTTP: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			cancel()
			<-ctx.Done()
			return nil, ctx.Err()
		},
	}}}
	e := asError(t, flip(ctx, c))
	require.Equal(t, NoEffect, e.Effect)
	require.ErrorIs(t, e, context.Canceled)
}

func TestEndedContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e := asError(t, flip(ctx, steps(t)))
	require.Equal(t, NoEffect, e.Effect)
	require.ErrorIs(t, e, context.Canceled)
}

// The caller's time ends while the cloud works.
func TestDeadlineWhileWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := steps(t, step{method: "PUT", uri: altURI, body: `{"alt_enabled":"on"}`, handle: func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}})
	e := asError(t, flip(ctx, c))
	require.Equal(t, MayHave, e.Effect)
	require.ErrorIs(t, e, context.Canceled)
}

// A transport that tells nothing of how far it got leaves doubt.
func TestForeignTransport(t *testing.T) {
	broken := &net.OpError{Op: "dial", Err: errors.New("refused")}
	c := &Client{GaussDB: "http://cloud.invalid", Auth: Token("a-token"), HTTP: &http.Client{Transport: roundTripper(
		func(*http.Request) (*http.Response, error) { return nil, broken },
	)}}
	e := asError(t, flip(t.Context(), c))
	require.Equal(t, MayHave, e.Effect)
	require.ErrorIs(t, e, broken)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// cutter is a server that answers the first request on every connection and
// cuts the connection once it has read a second one.
func cutter(t *testing.T) (url string, requests *atomic.Int32) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for first := true; ; first = false {
					req, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					requests.Add(1)
					if !first {
						return
					}
					_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"job_id\":\"a\"}")
				}
			}()
		}
	}()
	return "http://" + listener.Addr().String(), requests
}

// net/http sends a request again on a new connection where a reused one
// breaks, if it has a body to send again and the method or an Idempotency-Key,
// which somebody's transport may add, allows that. A flip is never sent again.
func TestFlipIsNotReplayed(t *testing.T) {
	transport := newTransport()
	marked := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("Idempotency-Key", "the-same")
		return transport.RoundTrip(req)
	})}
	put := func(c *Client) error { return flip(t.Context(), c) }
	post := func(c *Client) error { return c.SwitchAccessControl(t.Context(), theProxy, true) }
	for _, tt := range []struct {
		name string
		http *http.Client
		call func(*Client) error
	}{{"PUT", nil, put}, {"POST", nil, post}, {"PUT with key", marked, put}, {"POST with key", marked, post}} {
		t.Run(tt.name, func(t *testing.T) {
			url, requests := cutter(t)
			c := &Client{GaussDB: url, Auth: Token("a-token"), HTTP: tt.http}
			require.NoError(t, put(c))
			e := asError(t, tt.call(c))
			require.Equal(t, MayHave, e.Effect)
			require.Equal(t, int32(2), requests.Load())
		})
	}
}

// A reused connection that breaks before the header is out: certainly no
// effect. Tokens are long, so the header is written in parts.
func TestConnectionBrokenBeforeHeader(t *testing.T) {
	url, requests := cutter(t)
	c := &Client{GaussDB: url, Auth: Token(strings.Repeat("t", 8<<10))}
	require.NoError(t, flip(t.Context(), c))
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		_ = info.Conn.Close()
	}})
	e := asError(t, flip(ctx, c))
	require.Equal(t, NoEffect, e.Effect, e)
	require.Equal(t, int32(1), requests.Load())
}

// Who stops waiting does not know what is still being written.
func TestInterruptedBeforeHeader(t *testing.T) {
	for err, want := range map[error]Effect{
		context.Canceled: MayHave, context.DeadlineExceeded: MayHave, os.ErrDeadlineExceeded: MayHave, io.EOF: NoEffect,
	} {
		var s sending
		s.asked.Store(true)
		s.got.Store(true)
		require.Equal(t, want, s.effect(err), err)
	}
}

func TestUnusableClients(t *testing.T) {
	for name, c := range map[string]*Client{
		"no Auth":     {GaussDB: "http://127.0.0.1:1"},
		"no base URL": {Auth: Token("a-token")},
		"request":     {GaussDB: "http://[", Auth: Token("a-token")},
		"X-Auth-Token is empty": {
			GaussDB: "http://127.0.0.1:1", Auth: Token("")},
		"found a space or control character": {GaussDB: "http://127.0.0.1:1", Auth: Token("a\nb")},
	} {
		e := asError(t, flip(t.Context(), c))
		require.ErrorContains(t, e, name)
		require.Equal(t, NoEffect, e.Effect)
		require.Zero(t, e.Status)
	}
}

func TestDefaultTransport(t *testing.T) {
	transport := newTransport()
	require.False(t, transport.Protocols.HTTP2())
	require.LessOrEqual(t, transport.IdleConnTimeout, time.Minute)
}
