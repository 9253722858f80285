package doors

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// ProblemBase is followed by a code to give the type of a problem.
const ProblemBase = "https://interlock.dev/problems/"

// problem is a problem detail (RFC 9457).
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Code   events.Code    `json:"code"`
	Fields []events.Field `json:"fields,omitempty"`
	Policy []string       `json:"policy,omitempty"`
	Cloud  *events.Cloud  `json:"cloud,omitempty"`
	// EventID is the id of the event that was posted.
	EventID string `json:"event_id,omitempty"`

	wait time.Duration // when to come back; zero: never
}

// errorProblem says why an event was not applied.
func errorProblem(id string, r engine.Result) problem {
	e := r.Error
	p := problem{Title: e.Title, Detail: e.Detail, Code: e.Code, Fields: e.Fields, Policy: e.Policy, Cloud: e.Cloud, EventID: id}
	switch r.Kind {
	case engine.Rejected:
		p.Status = rejectedStatus(e.Code)
	case engine.Failed:
		p.Status = http.StatusBadGateway
	default:
		p.Status, p.wait = laterStatus(e.Code), max(r.RetryAfter, time.Second)
	}
	return p
}

// rejectedStatus is the status of what never will be applied.
func rejectedStatus(c events.Code) int {
	switch c {
	case events.InvalidEvent:
		return http.StatusBadRequest
	case events.NotApproved, events.WindowOver, events.Denied:
		return http.StatusForbidden
	case events.Superseded, events.TicketSpent, events.IDReused:
		return http.StatusConflict
	}
	return http.StatusUnprocessableEntity
}

// laterStatus is the status of what is to be sent again.
func laterStatus(c events.Code) int {
	switch c {
	case events.Held, events.NotYet:
		return http.StatusConflict
	case events.Throttled:
		return http.StatusTooManyRequests
	}
	return http.StatusServiceUnavailable
}

func (p problem) response() Response {
	p.Type = ProblemBase + string(p.Code)
	// A struct of texts and numbers always encodes.
	body, _ := json.Marshal(p)
	r := Response{Status: p.Status, Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: body}
	if p.wait > 0 {
		r.Header.Set("Retry-After", seconds(p.wait))
	}
	return r
}

// seconds rounds up, so that nobody comes back too early.
func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
