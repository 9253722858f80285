package cloudsim

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ending is how a call leaves its client.
type ending uint8

const (
	answeredCall ending = iota
	refusedCall
	cutCall
	abandoned // the client left first
)

type outcome struct {
	reply
	ending ending
	date   time.Time
}

// handle takes a call through: the fault's delay, the cloud, what the fault
// makes of the answer.
func (c *Cloud) handle(ctx context.Context, q *request) outcome {
	call, fault := c.begin(q)
	out := c.carry(ctx, q, call, fault)
	if out.ending != answeredCall {
		out.status = 0
	}
	out.date = c.finish(q, call, out.status)
	return out
}

func (c *Cloud) carry(ctx context.Context, q *request, call int, fault *Fault) (out outcome) {
	if fault.Delay > 0 && c.Sleep(ctx, fault.Delay) != nil || ctx.Err() != nil {
		return outcome{ending: abandoned}
	}
	effective := fault.effective()
	if effective {
		out.reply = c.serve(q, call, fault)
	}
	if !effective || out.succeeded() {
		out.reply = fault.replaces(c, q, out.reply)
	}
	switch fault.Kind {
	case Refuse:
		out.ending = refusedCall
	case CutBefore, CutAfter, Late:
		out.ending = cutCall
		if fault.Hold {
			<-ctx.Done()
			out.ending = abandoned
		}
	}
	return out
}

// serve is the cloud without faults, but for what a fault does to the effect.
func (c *Cloud) serve(q *request, call int, fault *Fault) reply {
	now := c.lock()
	defer c.mu.Unlock()
	if q.op == nil {
		return q.gateway(http.StatusNotFound, "APIG.0101", "The API does not exist or has not been published in the environment.")
	}
	if q.tooLarge {
		return q.gateway(http.StatusRequestEntityTooLarge, "APIG.0201", "Request entity too large.")
	}
	if refusal, ok := c.authenticate(q, now); !ok {
		return refusal
	}
	c.calls[call].Authenticated = true
	if wrong := q.check(); wrong != "" {
		return q.invalid(wrong)
	}
	if q.op.serve != nil {
		r := q.op.serve(c, q, now)
		if q.op.Service == iam {
			c.calls[call].Authenticated = r.succeeded()
		}
		return r
	}
	seen := &Request{Form: &Form{}, Target: q.target, Query: q.query, cloud: c}
	if q.op.Plan == nil {
		return c.look(q, seen)
	}
	seen.Form = readForm(q.body)
	change := q.op.Plan(seen)
	if wrong := seen.end(); wrong != "" {
		return q.invalid(wrong)
	}
	q.target = seen.Target
	c.calls[call].Target = q.target
	if fault.Kind == Late {
		c.hold(&lateArrival{q: q, change: change, fault: fault, call: call}, now)
		return reply{}
	}
	return c.apply(q, &change, fault, call, now, false)
}

func (c *Cloud) look(q *request, seen *Request) reply {
	if missing := c.find(q.target); missing != "" {
		return q.missing(missing)
	}
	answer := q.op.Show(seen)
	if wrong := seen.end(); wrong != "" {
		return q.invalid(wrong)
	}
	return answered(http.StatusOK, answer)
}

func (c *Cloud) hold(l *lateArrival, now time.Time) {
	if l.fault.After > 0 {
		l.due = now.Add(l.fault.After)
	}
	c.world.late = append(c.world.late, l)
}

// check holds a request against what every page says of headers, identifiers
// and the query.
func (q *request) check() string {
	if q.op.Service == iam {
		return q.contentType()
	}
	if wrong := q.op.malformed(q.target); wrong != "" {
		return wrong
	}
	switch q.header.Get("X-Language") {
	case "", "en-us", "zh-cn":
	default:
		return "X-Language must be en-us or zh-cn"
	}
	var err error
	if q.query, err = url.ParseQuery(q.rawQuery); err != nil {
		return "the query is malformed"
	}
	if q.op.Plan == nil {
		return ""
	}
	if len(q.query) > 0 {
		return "the API has no query parameters"
	}
	return q.contentType()
}

func (q *request) contentType() string {
	switch strings.ReplaceAll(strings.ToLower(q.header.Get("Content-Type")), " ", "") {
	case "application/json", "application/json;charset=utf-8":
		return ""
	}
	return "Content-Type must be application/json"
}

type jobStarted struct {
	JobID string `json:"job_id"`
}

// forEver is longer than any process lasts.
const forEver = 100 * 365 * 24 * time.Hour

// apply lets a change take effect, unless its target is missing or busy.
func (c *Cloud) apply(q *request, ch *Change, fault *Fault, call int, at time.Time, gone bool) reply {
	if missing := c.find(q.target); missing != "" {
		return q.missing(missing)
	}
	if c.world.openJob(q.target.instance()) != nil {
		return (&Fault{Kind: Busy}).replaces(c, q, reply{})
	}
	var id string
	var answer any
	if q.op.Job == "" {
		c.world.lay(q, ch)
		answer = ch.Answer()
	} else {
		j := &job{name: q.op.Job, instance: q.target.instance(), set: func() { c.world.lay(q, ch) }}
		running := c.JobRunning
		switch fault.Kind {
		case JobFails:
			j.failReason = cmp.Or(fault.FailReason, "An internal error occurred.")
		case JobStuck:
			running = forEver
		}
		c.startJob(j, at, c.JobPending, running)
		if fault.Kind == JobHidden {
			j.visible = at.Add(forEver)
		}
		id, answer = j.id, jobStarted{j.id}
	}
	c.calls[call].Effect, c.calls[call].JobID = true, id
	c.effects = append(c.effects, Effect{
		Time: at, Operation: q.op.Name, Target: q.target, Enabled: ch.Enabled, Body: string(q.body),
		JobID: id, Call: call + 1, Gone: gone,
	})
	return answered(http.StatusOK, answer)
}
