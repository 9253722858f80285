package cloudsim

import (
	"slices"
	"time"
)

// Call is one request to an API, whatever became of it.
type Call struct {
	// Number counts the calls from 1.
	Number int       `json:"number"`
	Time   time.Time `json:"time"`
	// Ended is when the answer was sent or the connection given up; zero while
	// the call is in flight.
	Ended time.Time `json:"ended,omitzero"`
	// Operation is the SDK's name for it; "" if there is no such API.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	// Path is the path, escaped, with the query.
	Path   string `json:"path"`
	Target Target `json:"target"`
	// Body is the request's; IAM's is not kept, for it holds a password.
	Body string `json:"body,omitempty"`
	// Authenticated tells whether the signature, token or password was right.
	Authenticated bool `json:"authenticated"`
	// Status is the answer's; 0 if none was sent.
	Status int `json:"status"`
	// Effect tells whether it took effect, by now, and JobID what job it started.
	Effect bool   `json:"effect"`
	JobID  string `json:"job_id,omitempty"`
	// Overlaps is how many other calls to switches of the same instance were in
	// flight when this one began.
	Overlaps  int    `json:"overlaps"`
	RequestID string `json:"request_id"`
}

// Effect is one switch laid, or job started.
type Effect struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	Target    Target    `json:"target"`
	Enabled   bool      `json:"enabled"`
	Body      string    `json:"body"`
	JobID     string    `json:"job_id,omitempty"`
	// Call is the number of the call that caused it, and Gone whether its client
	// had left before.
	Call int  `json:"call"`
	Gone bool `json:"gone"`
}

// Calls returns every call so far, in the order in which they arrived.
func (c *Cloud) Calls() []Call {
	c.lock()
	defer c.mu.Unlock()
	return append([]Call{}, c.calls...)
}

// Effects returns every effect so far, in the order in which they came about.
func (c *Cloud) Effects() []Effect {
	c.lock()
	defer c.mu.Unlock()
	return append([]Effect{}, c.effects...)
}

// CallsOf returns the calls of one operation.
func (c *Cloud) CallsOf(operation string) []Call {
	return slices.DeleteFunc(c.Calls(), func(call Call) bool { return call.Operation != operation })
}

// begin records a call and takes its fault.
func (c *Cloud) begin(q *request) (call int, fault *Fault) {
	now := c.lock()
	defer c.mu.Unlock()
	q.id = c.nextID(requestID)
	q.op, q.target = c.route(q.method, q.path)
	record := Call{
		Number: len(c.calls) + 1, Time: now, Method: q.method, Path: q.path, Target: q.target,
		Body: string(q.body), RequestID: q.id,
	}
	if q.rawQuery != "" {
		record.Path += "?" + q.rawQuery
	}
	fault = &Fault{Kind: Delay}
	if q.op != nil {
		record.Operation = q.op.Name
		if q.op.Service == iam {
			record.Body = ""
		}
		if q.op.Plan != nil {
			record.Overlaps = c.flying[q.target.instance()]
			c.flying[q.target.instance()]++
		}
		fault = c.pick(&record)
	}
	c.calls = append(c.calls, record)
	return len(c.calls) - 1, fault
}

func (c *Cloud) finish(q *request, call, status int) (now time.Time) {
	now = c.lock()
	defer c.mu.Unlock()
	c.calls[call].Ended, c.calls[call].Status = now, status
	if q.op != nil && q.op.Plan != nil {
		if c.flying[q.target.instance()]--; c.flying[q.target.instance()] == 0 {
			delete(c.flying, q.target.instance())
		}
	}
	return now
}
