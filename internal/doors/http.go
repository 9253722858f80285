package doors

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// MaxBody is how many bytes the body of an HTTP request may have.
const MaxBody = 256 << 10

// MaxHeaders is how many headers an HTTP request may have, and MaxHeader how
// many bytes all of them.
const (
	MaxHeaders = 128
	MaxHeader  = 64 << 10
)

// Request is an HTTP request, whoever received it. The header's names may be
// in any case.
type Request struct {
	Method string
	Header http.Header
	// Query is the URL's, as it was sent.
	Query string
	Body  []byte
	// Door is the one that it came in by, as [admission.Admission] names it.
	Door string
	// Admitted: whoever received it knows that its sender may send events.
	Admitted bool
}

// Response is the answer to a [Request].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
}

// ReasonHeader of an answer without content says why the event was not meant for
// this function.
const ReasonHeader = "Interlock-Reason"

// headerText is a text as a header takes it.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

const allowed = "OPTIONS, POST"

// HTTP answers an HTTP request: a CloudEvent in binary, structured or batched
// mode, a message of the producer that the query names, or the handshake of
// CloudEvents' webhooks.
func (d *Door) HTTP(ctx context.Context, req Request) Response {
	if r, done := d.before(req.Method, req.Header, int64(len(req.Body))); done {
		return r
	}
	key, err := d.signer(ctx, req)
	if err != nil {
		d.log().WarnContext(ctx, "a request was refused", "function", d.Function, "door", req.Door, "error", err)
		return unauthorized(err)
	}
	ctx = admission.With(ctx, admission.Admission{Door: req.Door, Signer: key.Name})
	mode, items, err := d.decodeHTTP(req)
	if err == nil && d.Verify != nil {
		err = d.hold(ctx, key, req, mode, items)
	}
	switch {
	case err != nil:
		var ev event.Event
		if len(items) == 1 {
			ev = items[0].Event
		}
		d.arrived(ctx, ev, err)
		return refused(err)
	case mode == cloudevent.Batched:
		results := d.handleAll(ctx, items)
		for i, r := range results {
			d.takeOver(ctx, items[i].Event, r)
		}
		return d.batchResponse(items, results)
	}
	r := d.handle(ctx, items[0])
	d.takeOver(ctx, items[0].Event, r)
	if d.Broker {
		return brokered(req.Header, items[0].Event.ID(), r)
	}
	return response(items[0].Event.ID(), r)
}

// before answers what needs no body: other methods, and bodies that are too
// large to be read.
func (d *Door) before(method string, header http.Header, length int64) (Response, bool) {
	switch {
	case method == http.MethodOptions:
		return d.handshake(header), true
	case method != http.MethodPost:
		r := problem{Title: "Method not allowed", Status: http.StatusMethodNotAllowed, Code: "method-not-allowed",
			Detail: "found " + strconv.Quote(method) + ", expected POST"}.response()
		r.Header.Set("Allow", allowed)
		return r, true
	case length > MaxBody:
		return tooLarge(), true
	case tooManyHeaders(header):
		return problem{Title: "The header is too large", Status: http.StatusRequestHeaderFieldsTooLarge, Code: "header-too-large",
			Detail: "expected at most " + strconv.Itoa(MaxHeaders) + " headers of " + strconv.Itoa(MaxHeader) + " bytes"}.response(), true
	}
	return Response{}, false
}

// handshake answers the validation request of CloudEvents' webhooks (section
// 4): a permission for the origins that are configured, letter by letter, and
// for no others. The permission authenticates nobody, and a callback URL is
// never called: whoever asks could make us call anything.
func (d *Door) handshake(header http.Header) Response {
	r := Response{Status: http.StatusNoContent, Header: http.Header{"Allow": {allowed}}}
	origin := headerValue(header, "WebHook-Request-Origin")
	if origin == "" || !slices.Contains(d.Origins, origin) {
		return r
	}
	rate := "*"
	if d.Rate > 0 {
		rate = strconv.Itoa(d.Rate)
	}
	r.Header.Set("WebHook-Allowed-Origin", origin)
	r.Header.Set("WebHook-Allowed-Rate", rate)
	return r
}

// refused answers a message that holds no event.
func refused(err error) Response {
	f := faultOf(err)
	p := problem{Title: f.Title, Status: rejectedStatus(f.Code), Code: f.Code, Detail: f.Detail, Fields: f.Fields}
	var e *cloudevent.Error
	switch {
	case !errors.As(err, &e):
	case e.Kind == cloudevent.TooMany:
		p.Title, p.Status, p.Code = "The batch has too many events", http.StatusRequestEntityTooLarge, "too-large"
	case e.Kind == cloudevent.Unsupported:
		p.Title, p.Status, p.Code = "The content type is not one that is taken here", http.StatusUnsupportedMediaType, "unsupported-media-type"
		r := p.response()
		r.Header.Set("Accept", "application/cloudevents+json, application/cloudevents-batch+json")
		return r
	}
	return p.response()
}

func tooLarge() Response {
	return problem{Title: "The event is too large", Status: http.StatusRequestEntityTooLarge, Code: "too-large",
		Detail: "expected a body of at most " + strconv.Itoa(MaxBody) + " bytes"}.response()
}

// response answers one event.
func response(id string, r engine.Result) Response {
	switch r.Kind {
	case engine.Completed:
		b, err := encoded(r)
		if err != nil {
			return response(id, later(err.Error()))
		}
		status := http.StatusOK
		if r.Result == events.Accepted {
			status = http.StatusAccepted
		}
		return eventResponse(status, cloudevent.ContentType, b)
	case engine.Rehearsed:
		b, err := encoded(r)
		if err != nil {
			return response(id, later(err.Error()))
		}
		return eventResponse(http.StatusOK, event.ApplicationJSON, b)
	case engine.Ignored:
		ignored := Response{Status: http.StatusNoContent, Header: http.Header{}}
		if r.Error != nil {
			ignored.Header.Set(ReasonHeader, headerText(string(r.Error.Code)+": "+r.Error.Detail))
		}
		return ignored
	}
	return errorProblem(id, r).response()
}

// batchResponse answers a batch: with the out-events in the order of the
// events that caused them, or, as soon as one is to be sent again, with that.
// Events that were not meant for this function have no out-event.
func (d *Door) batchResponse(items []cloudevent.Item, results []engine.Result) Response {
	if waiting, wait := count(results); waiting > 0 {
		p := problem{Title: "Some events are to be sent again", Status: http.StatusServiceUnavailable, Code: events.Unavailable,
			Detail: strconv.Itoa(waiting) + " of " + strconv.Itoa(len(items)) + " events are to be handled later; what became of the others is settled, and the same batch may be sent again",
			wait:   max(wait, time.Second)}
		return p.response()
	}
	b, contentType, err := batched(results)
	if err != nil {
		return response("", later(err.Error()))
	}
	return eventResponse(http.StatusOK, contentType, b)
}

// count tells how many events are to be handled later, and when the last of
// them is due.
func count(results []engine.Result) (waiting int, wait time.Duration) {
	for _, r := range results {
		if r.Kind == engine.Later {
			waiting++
			wait = max(wait, r.RetryAfter)
		}
	}
	return waiting, wait
}

func eventResponse(status int, contentType string, body []byte) Response {
	return Response{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
}

// headerValue returns a header's only value, whatever the case of its name;
// "" where there are none or several.
func headerValue(header http.Header, name string) string {
	var values []string
	for key, v := range header {
		if http.CanonicalHeaderKey(key) == http.CanonicalHeaderKey(name) {
			values = append(values, v...)
		}
	}
	if len(values) != 1 {
		return ""
	}
	return values[0]
}
