package cloudapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/interlock-functions/interlock/internal/roots"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1 << 20

// newTransport is HTTP/1.1 only: HTTP/2 sends some requests again by itself.
// Connections idle for longer than a gateway keeps them are not used again,
// as losing one to a flip leaves doubt.
func newTransport() *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		DialTLSContext:      (&roots.Dialer{Net: dialer, Handshake: 5 * time.Second}).DialTLS,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     15 * time.Second,
		MaxIdleConnsPerHost: 16,
		Protocols:           protocols,
	}
}

// reply is an HTTP answer, whatever its status.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error // the body could not be read whole
}

// exchange sends a request and reads what is answered. Its error is that of
// the transport, together with what is known of the request's effect.
func exchange(client *http.Client, req *http.Request) (reply, Effect, error) {
	var sent sending
	resp, err := client.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), sent.trace())))
	if err != nil {
		if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
			err = wrapped.Err // the operation says as much as method and URL do
		}
		return reply{}, sent.effect(err), err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		body, err = body[:maxAnswer], fmt.Errorf("answer of more than %d bytes", maxAnswer)
	}
	return reply{status: resp.StatusCode, header: resp.Header, body: body, err: err}, NoEffect, nil
}

// sending is how far a request got, as net/http tells it.
type sending struct{ asked, got, wrote atomic.Bool }

func (s *sending) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn:      func(string) { s.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { s.got.Store(true) },
		WroteHeaders: func() { s.wrote.Store(true) },
	}
}

// effect is what is known of a request that ended with an error of the
// transport. A transport that does not tell how far it got leaves doubt.
func (s *sending) effect(err error) Effect {
	switch {
	case s.asked.Load() && !s.got.Load():
		return NoEffect // no connection, so nothing was written
	case s.got.Load() && !s.wrote.Load() && !interrupted(err):
		return NoEffect // nobody acts on half a header
	}
	return MayHave
}

// interrupted reports whether an error ended the waiting for a request, which
// may still be going out.
func interrupted(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &timeout) && timeout.Timeout()
}

// errNotFound is an answer's that lists things, but not the one asked for.
var errNotFound = errors.New("not in the answer")

// read takes the content of a 2xx.
func (r *reply) read(op *operation, into answer) *Error {
	effect, err := op.unread, r.err
	if err == nil {
		err = json.Unmarshal(r.body, into)
	}
	if err == nil {
		if effect, err = into.check(); err == nil {
			return nil
		}
	} else {
		err = fmt.Errorf("answer: %w", err)
	}
	failure := r.told()
	failure.Effect, failure.Cause = effect, err
	if errors.Is(err, errNotFound) {
		failure.means = notFound
	}
	if failure.refused() {
		failure.Effect = NoEffect
	}
	return failure
}
