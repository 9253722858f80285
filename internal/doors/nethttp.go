package doors

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// ServeHTTP is the door of the local program. A client that hangs up does not
// interrupt a flip half way: the request is worked on until its own timeout.
func (d *Door) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), cmp.Or(d.Timeout, 30*time.Second))
	defer cancel()
	write(w, d.serve(ctx, w, req))
}

func (d *Door) serve(ctx context.Context, w http.ResponseWriter, req *http.Request) Response {
	if r, done := d.before(req.Method, req.Header, req.ContentLength); done {
		return r
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded): // the client is slow, or this process is about to end
		return response("", later("the rest of the body did not arrive in time"))
	case err != nil:
		return problem{Title: "The body could not be read", Status: http.StatusBadRequest, Code: "unreadable", Detail: err.Error()}.response()
	}
	return d.HTTP(ctx, Request{Method: req.Method, Header: req.Header, Query: req.URL.RawQuery, Body: body, Door: admission.Local, Admitted: true})
}

func write(w http.ResponseWriter, r Response) {
	maps.Copy(w.Header(), r.Header)
	w.WriteHeader(r.Status)
	// A client that has gone gets its answer when it sends the event again.
	_, _ = w.Write(r.Body)
}
