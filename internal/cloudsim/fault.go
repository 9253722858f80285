package cloudsim

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Kind says what goes wrong with a call.
type Kind string

// Kinds of faults. "Takes effect" means: if the request is a good one.
const (
	// Delay: nothing but [Fault.Delay].
	Delay Kind = "delay"
	// Refuse: no effect. The connection is reset unread; without sockets it is
	// refused (ECONNREFUSED), which a served connection can no longer be.
	Refuse Kind = "refuse"
	// CutBefore: no effect, then the connection is cut.
	CutBefore Kind = "cut-before"
	// CutAfter: takes effect, then the connection is cut.
	CutAfter Kind = "cut-after"
	// CutBody: takes effect; the connection is cut halfway through the answer.
	CutBody Kind = "cut-body"
	// Late: the connection is cut, and the request takes effect only
	// [Fault.After] later, or by [Cloud.Deliver] if that is zero.
	Late Kind = "late"
	// Status: answers [Fault.Status] with an error, or [Fault.Body]. No effect,
	// unless [Fault.Effect].
	Status Kind = "status"
	// HTML: answers a gateway's HTML page, with 502 by default.
	HTML Kind = "html"
	// Empty: answers without a body, with 500 by default.
	Empty Kind = "empty"
	// Busy: answers that the instance is busy. No effect.
	Busy Kind = "busy"
	// AuditFailed: a switch that can answers 200 with its [Operation.Failure], as
	// that of audit does. No effect.
	AuditFailed Kind = "audit-failed"
	// NoJob: takes effect; answers 200 and an empty object.
	NoJob Kind = "no-job"
	// Unreadable: takes effect; answers 200 and what is no JSON.
	Unreadable Kind = "unreadable"
	// JobFails: takes effect, but the job will fail with [Fault.FailReason].
	JobFails Kind = "job-fails"
	// JobStuck: answers with its job, which never ends: the instance stays busy,
	// and the switch where it lay.
	JobStuck Kind = "job-stuck"
	// JobHidden: takes effect, but neither of the two queries ever knows its job.
	JobHidden Kind = "job-hidden"
)

var kinds = [...]Kind{Delay, Refuse, CutBefore, CutAfter, CutBody, Late, Status, HTML, Empty, Busy, AuditFailed, NoJob, Unreadable, JobFails, JobStuck, JobHidden}

// ofJobs are the kinds that need a job.
var ofJobs = []Kind{NoJob, JobFails, JobStuck, JobHidden}

// Kinds lists the kinds of faults, separated by commas.
func Kinds() string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(kinds), "[]"), " ", ", ")
}

// Fault makes calls go wrong. The oldest one that fits a call applies, alone.
type Fault struct {
	// Operation is the SDK's name of the operation; "" fits every one.
	Operation string `json:"operation,omitempty"`
	// InstanceID, unless empty, is the only instance concerned.
	InstanceID string `json:"instance_id,omitempty"`
	// Match, unless nil, must hold too. It must not call the [Cloud].
	Match func(Call) bool `json:"-"`
	// Times is how many calls it applies to; 0 is all of them.
	Times int `json:"times,omitempty"`

	Kind Kind `json:"kind"`
	// Delay comes before everything else. A client that goes away during it has
	// caused no effect.
	Delay time.Duration `json:"-"`
	// After is when a [Late] request takes effect.
	After time.Duration `json:"-"`
	// Hold waits, instead of cutting the connection, until the client goes away.
	Hold bool `json:"hold,omitempty"`
	// Effect makes Status, HTML and Empty take effect first.
	Effect bool `json:"effect,omitempty"`

	// Status, Code, Message, Shape, Body and RetryAfter make up the answer.
	// What is empty is as usual for the service and status.
	Status     int    `json:"status,omitempty"`
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	Shape      string `json:"shape,omitempty"`
	Body       string `json:"body,omitempty"`
	RetryAfter string `json:"retry_after,omitempty"`

	// FailReason is why a job fails.
	FailReason string `json:"fail_reason,omitempty"`
}

type injected struct {
	Fault
	left int
}

// Inject adds a fault. Its error says what is wrong with it.
func (c *Cloud) Inject(f Fault) error {
	c.lock()
	defer c.mu.Unlock()
	if err := c.check(&f); err != nil {
		return err
	}
	c.faults = append(c.faults, &injected{f, f.Times})
	return nil
}

// ClearFaults removes all faults. Requests already held up are still to come.
func (c *Cloud) ClearFaults() {
	c.lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// Faults returns the faults that are not yet used up, Times being what is left.
func (c *Cloud) Faults() []Fault {
	c.lock()
	defer c.mu.Unlock()
	all := []Fault{}
	for _, f := range c.faults {
		left := f.Fault
		left.Times = f.left
		all = append(all, left)
	}
	return all
}

func (c *Cloud) check(f *Fault) error {
	op := c.known(f.Operation)
	switch {
	case f.Operation != "" && op == nil:
		return fmt.Errorf("operation %q is unknown", f.Operation)
	case !slices.Contains(kinds[:], f.Kind):
		return fmt.Errorf("kind %q is unknown; known are %s", f.Kind, Kinds())
	case f.Times < 0 || f.Delay < 0 || f.After < 0:
		return errors.New("times, delay and after must not be negative")
	case f.Kind == Status && f.Status == 0:
		return errors.New("status is missing")
	case f.Status != 0 && (f.Status < 200 || f.Status > 599):
		return errors.New("status must be 200 to 599")
	case f.Kind == AuditFailed && (op == nil || op.Failure == nil):
		return fmt.Errorf("only %s answers FAILED", c.names(func(op *Operation) bool { return op.Failure != nil }))
	case slices.Contains(ofJobs, f.Kind) && (op == nil || op.Job == ""):
		return fmt.Errorf("operation %q starts no job", f.Operation)
	case f.Hold && !slices.Contains([]Kind{CutBefore, CutAfter, Late}, f.Kind):
		return fmt.Errorf("kind %q cannot hold a client", f.Kind)
	}
	return nil
}

// pick takes the fault that applies to a call, if any.
func (c *Cloud) pick(call *Call) *Fault {
	for i, f := range c.faults {
		if f.Operation != "" && f.Operation != call.Operation ||
			f.InstanceID != "" && f.InstanceID != call.Target.InstanceID ||
			f.Match != nil && !f.Match(*call) {
			continue
		}
		if f.left > 0 {
			if f.left--; f.left == 0 {
				c.faults = slices.Delete(c.faults, i, i+1)
			}
		}
		return &f.Fault
	}
	return &Fault{Kind: Delay}
}

// effective tells whether the request is handled in spite of the fault.
func (f *Fault) effective() bool {
	switch f.Kind {
	case Refuse, CutBefore, Busy, AuditFailed:
		return false
	case Status, HTML, Empty:
		return f.Effect
	}
	return true
}

// replaces gives the answer that takes the place of the true one.
func (f *Fault) replaces(c *Cloud, q *request, r reply) reply {
	switch f.Kind {
	case Status:
		r = f.answer(q)
	case Busy:
		r = q.shaped(q.op.shape(), cmp.Or(f.Status, c.BusyStatus), cmp.Or(f.Code, c.BusyCode),
			cmp.Or(f.Message, "Another operation is in progress on the DB instance."))
	case HTML:
		r = reply{status: cmp.Or(f.Status, http.StatusBadGateway), contentType: "text/html",
			body: []byte("<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body><center><h1>Bad Gateway</h1></center></body>\r\n</html>\r\n")}
	case Empty:
		r = reply{status: cmp.Or(f.Status, http.StatusInternalServerError)}
	case AuditFailed:
		r = answered(http.StatusOK, q.op.Failure)
	case NoJob:
		r = answered(http.StatusOK, struct{}{})
	case Unreadable:
		r.body = []byte(`{"job_id":`)
	case CutBody:
		r.truncated = true
	}
	if r.status == http.StatusNoContent || r.status == http.StatusNotModified {
		r.body, r.contentType = nil, "" // HTTP allows none
	}
	if f.RetryAfter != "" {
		r.retryAfter = f.RetryAfter
	}
	return r
}

// answer is an error as the gateway or the service documents it.
func (f *Fault) answer(q *request) reply {
	if f.Body != "" {
		return reply{status: f.Status, body: []byte(f.Body), contentType: "application/json;charset=utf-8"}
	}
	shape, code := q.op.shape(), ""
	switch {
	case shape == ShapeKeystone:
	case f.Status == http.StatusTooManyRequests:
		shape, code = ShapeGateway, "APIG.0308"
	case shape == ShapeDetailed && f.Status == http.StatusUnauthorized:
		code = "DBSS.10020100"
	case shape == ShapeDetailed:
		code = "DBSS.10020102"
	case f.Status == http.StatusUnauthorized:
		shape, code = ShapeGateway, "APIG.0301"
	case f.Status == http.StatusForbidden:
		code = "DBS.200010"
	case f.Status == http.StatusNotFound:
		code = "DBS.200002"
	case f.Status >= http.StatusInternalServerError:
		code = "DBS.200412"
	default:
		code = "DBS.280001"
	}
	return q.shaped(cmp.Or(f.Shape, shape), f.Status, cmp.Or(f.Code, code), cmp.Or(f.Message, http.StatusText(f.Status)))
}
