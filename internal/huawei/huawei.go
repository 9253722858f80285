// Package huawei makes switches of an [engine.Engine] of the operations of
// Huawei Cloud's API.
//
// A folder under functions declares one switch by a [Declaration]: what its
// target is, which call flips it, which reads its position. Everything else
// that the engine wants to know of a switch is the same for all of them, and is
// here: what the client's errors mean, how jobs are listed, what a dry run would
// send.
package huawei

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// About is what people and generated files say of a switch.
type About struct {
	// Name is the switch's name in events, as in "proxy-ssl"; Function that of
	// its function and folder, as in "proxyssl".
	Name, Function string
	// Flips says in a few words what it flips, as in "SSL of a database proxy".
	Flips string
	// Page is the title of the API page that it follows.
	Page string
	// Disturbs is what its page says that a flip does beside that, as in "every
	// flip restarts the proxy". Empty: nothing.
	Disturbs string
}

// Declaration is all that there is to say of one switch. T is its target, O the
// struct of its options; struct{} where it has none.
type Declaration[T Target, O any] struct {
	About
	// Creates tells that the call creates a job, whose id it returns, and that
	// it disturbs its target: it is never sent again before a look-up has shown
	// that the last one had no effect.
	Creates bool
	// Job is the name that the call's job is known to have. Empty: it is not
	// documented, and told by not being one of those that are.
	Job string
	// Flip makes the call. It returns the job's id if it Creates one.
	Flip func(ctx context.Context, c *cloudapi.Client, target T, enabled bool, options O) (jobID string, err error)
	// Read reads the switch's position. Nil: the API has no such read.
	Read func(ctx context.Context, c *cloudapi.Client, target T) (enabled bool, err error)
}

// Switch is a declared switch, of whatever target and options.
type Switch struct {
	About
	// Kind is that of its target.
	Kind Kind
	// Creates: its call creates a job. Reads: its position can be read.
	Creates, Reads bool
	// Spec is what it expects of an event.
	Spec decision.Spec
	// Foreign tells of a job by its name that no call of this switch created it:
	// it is documented, and not as this switch's.
	Foreign func(jobName string) bool

	// Outline is what its call sends about a target in which -instance- and the
	// like stand for the ids, and what Huawei's SDKs call the operation.
	Outline func(enabled bool) (request *engine.Request, operation string)

	bind func(*cloudapi.Client, engine.Jobs) engine.Registered
}

// Switch is the declared switch.
func (d Declaration[T, O]) Switch() Switch {
	var target T
	return Switch{
		About: d.About, Kind: target.Kind(), Creates: d.Creates, Reads: d.Read != nil, bind: d.bind,
		Spec: d.bind(nil, nil).Spec(), Foreign: d.foreign, Outline: d.outline,
	}
}

// Bind has all switches call by one client.
func Bind(switches []Switch, c *cloudapi.Client) []engine.Registered {
	jobs := Jobs{c}
	all := make([]engine.Registered, len(switches))
	for i, s := range switches {
		all[i] = s.bind(c, jobs)
	}
	return all
}

func (d Declaration[T, O]) bind(c *cloudapi.Client, jobs engine.Jobs) engine.Registered {
	s := engine.Switch[T, O]{
		Name: d.Name, Disturbs: d.Disturbs, Rules: rules(),
		Flip: func(ctx context.Context, target T, enabled bool, options O) (string, error) {
			job, err := d.Flip(ctx, c, target, enabled, options)
			return job, failed(err)
		},
		Preview: func(ctx context.Context, target T, enabled bool, options O) *engine.Request {
			return preview(c, func(c *cloudapi.Client) { _, _ = d.Flip(ctx, c, target, enabled, options) })
		},
	}
	if d.Read != nil {
		s.Read = func(ctx context.Context, target T) (bool, error) {
			on, err := d.Read(ctx, c, target)
			return on, failed(err)
		}
	}
	if d.Creates {
		s.Jobs = jobs
		s.Foreign = d.foreign
	}
	return s.Register()
}

func (d Declaration[T, O]) outline(enabled bool) (request *engine.Request, operation string) {
	var target T
	var options O
	err := json.Unmarshal([]byte(`{"project_id":"-project-","instance_id":"-instance-","proxy_id":"-proxy-","database_id":"-database-"}`), &target)
	request = preview(&cloudapi.Client{GaussDB: "https://-", DBSS: "https://-"}, func(c *cloudapi.Client) {
		_, err = d.Flip(context.Background(), c, target, enabled, options)
	})
	if failed := (*cloudapi.Error)(nil); errors.As(err, &failed) {
		operation = failed.Operation
	}
	return request, operation
}

func (d Declaration[T, O]) foreign(jobName string) bool {
	return cloudapi.IsOtherJob(jobName, d.Job)
}

// preview is what a call would send: the call, made through a transport that
// keeps it. The proof of who we are is left out.
func preview(c *cloudapi.Client, call func(*cloudapi.Client)) *engine.Request {
	kept := &keptRequest{}
	call(&cloudapi.Client{
		GaussDB: c.GaussDB, DBSS: c.DBSS, Language: c.Language,
		Auth: cloudapi.Token("none"), HTTP: &http.Client{Transport: kept},
	})
	return kept.request
}

// keptRequest is a transport that sends nothing.
type keptRequest struct{ request *engine.Request }

var errKept = errors.New("a dry run sends nothing")

func (k *keptRequest) RoundTrip(req *http.Request) (*http.Response, error) {
	k.request = &engine.Request{Method: req.Method, URL: req.URL.String()}
	if req.Body != nil {
		defer req.Body.Close()
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		k.request.Body = string(body)
	}
	return nil, errKept
}
