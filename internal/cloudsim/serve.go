package cloudsim

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"syscall"
)

// The gateway takes bodies of at most this size.
const maxBody = 1 << 20

func newRequest(r *http.Request) (*request, error) {
	q := &request{
		method: r.Method, host: r.Host, path: r.URL.EscapedPath(), rawQuery: r.URL.RawQuery, header: r.Header,
	}
	if r.Body != nil {
		defer r.Body.Close()
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return nil, err
		}
		if q.tooLarge = len(body) > maxBody; !q.tooLarge {
			q.body = body
		}
	}
	return q, nil
}

// ServeHTTP serves the APIs, and the control described above.
func (c *Cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, ok := strings.CutPrefix(r.URL.Path, "/_sim/"); ok {
		c.control(w, r, path)
		return
	}
	q, err := newRequest(r)
	if err != nil { // what has not arrived is no call
		panic(http.ErrAbortHandler)
	}
	out := c.handle(r.Context(), q)
	switch out.ending {
	case refusedCall:
		reset(w)
		return
	case cutCall, abandoned:
		panic(http.ErrAbortHandler) // closes the connection, as the server documents
	}
	for name, values := range out.header(q) {
		w.Header()[name] = values
	}
	w.WriteHeader(out.status)
	if !out.truncated {
		_, _ = w.Write(out.body)
		return
	}
	_, _ = w.Write(out.body[:len(out.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reset closes the connection with a RST, so that the client sees no orderly end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	raw := conn
	if t, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = t.NetConn()
	}
	if t, ok := raw.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = raw.Close()
}

// header makes the headers of the answer; the Date is the simulated clock's.
func (out *outcome) header(q *request) http.Header {
	h := http.Header{
		"Date":         {out.date.UTC().Format(http.TimeFormat)},
		"X-Request-Id": {q.id},
	}
	if len(out.body) > 0 {
		h["Content-Length"] = []string{strconv.Itoa(len(out.body))}
	}
	if out.contentType != "" {
		h["Content-Type"] = []string{out.contentType}
	}
	if out.retryAfter != "" {
		h["Retry-After"] = []string{out.retryAfter}
	}
	if out.subjectToken != "" {
		h["X-Subject-Token"] = []string{out.subjectToken}
	}
	return h
}

// RoundTripper returns a transport that reaches the cloud's APIs without
// sockets. Everything is as over HTTP; a cut connection is an error
// (ECONNRESET), a refused one too (ECONNREFUSED), and a client leaves by its
// request's context. A [httptrace.ClientTrace] is told what a client needs to
// know how far its request got.
func (c *Cloud) RoundTripper() http.RoundTripper { return transport{c} }

type transport struct{ cloud *Cloud }

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	q, err := newRequest(r)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if q.host == "" {
		q.host = r.URL.Host
	}
	out := t.cloud.handle(ctx, q)
	if trace != nil && out.ending != refusedCall {
		sent(trace)
	}
	switch out.ending {
	case refusedCall:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	case cutCall:
		return nil, &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
	case abandoned:
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, net.ErrClosed
	}
	var body io.Reader = bytes.NewReader(out.body)
	if out.truncated {
		body = io.MultiReader(bytes.NewReader(out.body[:len(out.body)/2]), cut{})
	}
	return &http.Response{
		Status: strconv.Itoa(out.status) + " " + http.StatusText(out.status), StatusCode: out.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.header(q), Body: io.NopCloser(body), ContentLength: int64(len(out.body)), Request: r,
	}, nil
}

// sent tells that the request has been written, whole.
func sent(trace *httptrace.ClientTrace) {
	if trace.GotConn != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

// cut is the end of an answer that was cut short.
type cut struct{}

func (cut) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
