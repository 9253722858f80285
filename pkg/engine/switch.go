package engine

import (
	"context"
	"reflect"

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
	// Preview says what Flip would send. Nil: dry runs do not tell.
	Preview func(ctx context.Context, target T, enabled bool, options O) *Request
	// Rules are the validate tags of the two structs, beside the validator's own.
	Rules map[string]decision.Rule
}

// Register is the switch as an [Engine] takes it, whatever its types.
func (s Switch[T, O]) Register() Registered {
	r := Registered{
		Name: s.Name, jobs: s.Jobs, foreign: s.Foreign,
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
