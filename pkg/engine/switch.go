package engine

import (
	"context"
	"reflect"
	"time"

	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Switch declares one on/off feature that is flipped by one call. T is the
// struct of its target, O that of its options; struct{} where it has none.
type Switch[T decision.Target, O any] struct {
	// Name is the switch's name in events, as in "proxy-ssl".
	Name string
	// Flip makes the call. It returns the id of the job that it created; none
	// without Jobs. Its errors say by [Failure] what they mean.
	Flip func(ctx context.Context, target T, enabled bool, options O) (jobID string, err error)
	// Read tells the switch's position, but not its options. Nil: nothing does.
	Read func(ctx context.Context, target T) (enabled bool, err error)
	// Jobs are those that a flip creates. It then counts as one that disturbs
	// its target: it is never sent again before a look-up has shown that the last
	// one had no effect. Nil: there is none, and to flip again what is flipped
	// does no harm.
	Jobs Jobs
	// Foreign tells of a job by its name that no flip of this switch created it.
	// Default: any may be one.
	Foreign func(jobName string) bool
	// Disturbs says what else a flip does to its target, as in "restarts the
	// proxy"; dry runs warn of it. Empty: nothing that is known.
	Disturbs string
	// Preview says what Flip would send. Nil: dry runs do not tell.
	Preview func(ctx context.Context, target T, enabled bool, options O) *Request
	// Rules are the validate tags of the two structs, beside the validator's own.
	Rules map[string]decision.Rule
}

// Register is the switch as an [Engine] takes it, whatever its types.
func (s Switch[T, O]) Register() Registered {
	r := Registered{
		Name: s.Name, jobs: s.Jobs, foreign: s.Foreign, disturbs: s.Disturbs, readable: s.Read != nil,
		spec: decision.Spec{Switch: s.Name, Target: func() any { return new(T) }, Rules: s.Rules},
		flip: func(ctx context.Context, d *decision.Decision) (string, error) {
			var target T
			var options O
			if err := d.Decode(&target, &options); err != nil {
				return "", unsent{err}
			}
			return s.Flip(ctx, target, d.Enabled, options)
		},
	}
	if reflect.TypeFor[O]().NumField() > 0 {
		r.spec.Options = func() any { return new(O) }
	}
	if s.Read != nil {
		r.read = func(ctx context.Context, d *decision.Decision) (bool, error) {
			var target T
			if err := d.Decode(&target, nil); err != nil {
				return false, unsent{err}
			}
			return s.Read(ctx, target)
		}
	}
	if s.Preview != nil {
		r.preview = func(ctx context.Context, d *decision.Decision) *Request {
			var target T
			var options O
			if d.Decode(&target, &options) != nil {
				return nil
			}
			return s.Preview(ctx, target, d.Enabled, options)
		}
	}
	if r.foreign == nil {
		r.foreign = func(string) bool { return false }
	}
	return r
}

// Registered is a [Switch] of whatever types.
type Registered struct {
	// Name is the switch's.
	Name string

	spec    decision.Spec
	jobs    Jobs
	foreign func(string) bool
	flip    func(context.Context, *decision.Decision) (string, error)
	read    func(context.Context, *decision.Decision) (bool, error)
	preview func(context.Context, *decision.Decision) *Request

	disturbs string
	readable bool // even where this one is blind
}

// Spec is what the switch expects of an event.
func (r Registered) Spec() decision.Spec { return r.spec }

// Creates tells whether a flip creates a job.
func (r Registered) Creates() bool { return r.jobs != nil }

// Reads tells whether the switch's position can be read.
func (r Registered) Reads() bool { return r.read != nil }

// Read is the switch's position on a decision's target.
func (r Registered) Read(ctx context.Context, d *decision.Decision) (enabled bool, err error) {
	return r.read(ctx, d)
}

// Blind is the switch as if nothing told its position.
func (r Registered) Blind() Registered {
	r.read = nil
	return r
}

// Request is a request that is not sent.
type Request struct {
	Method string `json:"method"`
	URL    string `json:"url"`
	Body   string `json:"body,omitempty"`
}

// A Hook stands between a switch and its API: it makes the call, once, late or
// not at all, and says how that went. What is flip, read, list or show. Only
// where it returns nil does the engine take what the call returned, so it must
// have ended by then.
type Hook func(ctx context.Context, what string, call func(context.Context) error) error

// Around is the switch with every call that it makes going through a hook: to
// trace or limit them, or to let them go wrong in tests. Its jobs are then read
// apart from those of other switches.
func (r Registered) Around(h Hook) Registered {
	flip := r.flip
	r.flip = func(ctx context.Context, d *decision.Decision) (string, error) {
		return through(ctx, h, "flip", func(ctx context.Context) (string, error) { return flip(ctx, d) })
	}
	if read := r.read; read != nil {
		r.read = func(ctx context.Context, d *decision.Decision) (bool, error) {
			return through(ctx, h, "read", func(ctx context.Context) (bool, error) { return read(ctx, d) })
		}
	}
	if r.jobs != nil {
		r.jobs = &hookedJobs{r.jobs, h}
	}
	return r
}

func through[T any](ctx context.Context, h Hook, what string, call func(context.Context) (T, error)) (T, error) {
	var got, none T
	err := h(ctx, what, func(ctx context.Context) (err error) {
		got, err = call(ctx)
		return err
	})
	if err != nil {
		return none, err
	}
	return got, nil
}

// hookedJobs are jobs whose calls go through a hook. They are compared by their
// pointer.
type hookedJobs struct {
	jobs Jobs
	hook Hook
}

func (j *hookedJobs) List(ctx context.Context, project string, since time.Time) (JobList, error) {
	return through(ctx, j.hook, "list", func(ctx context.Context) (JobList, error) { return j.jobs.List(ctx, project, since) })
}

func (j *hookedJobs) Show(ctx context.Context, project, id string) (Job, error) {
	return through(ctx, j.hook, "show", func(ctx context.Context) (Job, error) { return j.jobs.Show(ctx, project, id) })
}
