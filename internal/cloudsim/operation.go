package cloudsim

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Operations that are no switch's own, named as Huawei's SDKs name them.
const (
	ShowJob           = "ShowGaussMySqlJobInfo"
	ListImmediateJobs = "ListImmediateJobs"
	CreateToken       = "KeystoneCreateUserTokenByPassword"
)

// Service decides the shape of errors and the form of identifiers.
type Service uint8

// Services that have switches.
const (
	GaussDB Service = iota
	DBSS
	iam
)

// Simulation is what the cloud has of one switch.
type Simulation struct {
	// Switch is the switch's name.
	Switch string
	// Positions name what of a target it turns on and off: itself first, then
	// its options. [State] has them by these names.
	Positions []string
	// Flip lays the switch.
	Flip Operation
	// Reads tell how it lies. Where several switches declare one read, by its
	// name, its answer shows what each of them shows.
	Reads []Operation
}

// Operation is one API.
type Operation struct {
	// Name is the name that Huawei's SDKs have for it.
	Name    string
	Service Service
	Method  string
	// Path has no slash in front, and {project}, {instance} and {proxy} for the
	// target's identifiers.
	Path string

	// Job names the job that a flip starts; none if it takes effect at once.
	Job string
	// Failure, unless nil, is how a flip that failed answers under 200: see
	// [AuditFailed].
	Failure any
	// Plan reads what a flip asks for.
	Plan func(*Request) Change

	// Show makes a read's answer, of objects and arrays: map[string]any, []any.
	Show func(*Request) any

	serve    func(*Cloud, *request, time.Time) reply
	position string
}

// Change is what one call to a switch asks for.
type Change struct {
	Enabled bool
	// Options has the further positions that it changes, by their names.
	Options map[string]bool
	// Answer makes the answer of a flip that starts no job.
	Answer func() any
}

// Request is a call as a [Simulation] sees it, when all else of it is in order.
type Request struct {
	// Form reads the body of a flip.
	*Form
	// Target is what the path names; a plan adds what the body names.
	Target Target
	// Query is for reads; a flip has none.
	Query url.Values
	cloud *Cloud
}

func (c *Cloud) prepareOperations() {
	c.operations = []*Operation{
		{Name: ShowJob, Method: "GET", Path: "v3/{project}/jobs", serve: (*Cloud).showJob},
		{Name: ListImmediateJobs, Method: "GET", Path: "v3/{project}/immediate-jobs", serve: (*Cloud).listJobs},
		{Name: CreateToken, Service: iam, Method: "POST", Path: "v3/auth/tokens", serve: (*Cloud).createToken},
	}
	for _, s := range c.Simulations {
		s.Flip.position = s.Positions[0]
		for _, op := range slices.Insert(slices.Clone(s.Reads), 0, s.Flip) {
			if same := c.known(op.Name); same != nil {
				show := same.Show
				same.Show = func(q *Request) any { return merged(show(q), op.Show(q)) }
				continue
			}
			c.operations = append(c.operations, &op)
		}
	}
}

// merged is what two switches show of the same things.
func merged(a, b any) any {
	switch a := a.(type) {
	case map[string]any:
		for name, value := range b.(map[string]any) {
			a[name] = merged(a[name], value)
		}
		return a
	case []any:
		for i, value := range b.([]any) {
			a[i] = merged(a[i], value)
		}
		return a
	}
	return b
}

// Operations lists the operations, separated by commas.
func (c *Cloud) Operations() string {
	c.lock()
	defer c.mu.Unlock()
	return c.names(func(*Operation) bool { return true })
}

func (c *Cloud) names(fits func(*Operation) bool) string {
	var names []string
	for _, op := range c.operations {
		if fits(op) {
			names = append(names, op.Name)
		}
	}
	return strings.Join(names, ", ")
}

// route finds the operation that a method and an escaped path name.
func (c *Cloud) route(method, path string) (*Operation, Target) {
	path = strings.TrimPrefix(path, "/")
	for _, op := range c.operations {
		if op.Method == method {
			if target, ok := op.match(path); ok {
				return op, target
			}
		}
	}
	return nil, Target{}
}

func (c *Cloud) known(name string) *Operation {
	if i := slices.IndexFunc(c.operations, func(op *Operation) bool { return op.Name == name }); i >= 0 {
		return c.operations[i]
	}
	return nil
}

func (op *Operation) match(path string) (t Target, ok bool) {
	template, moreWanted, more := op.Path, true, true
	for moreWanted && more {
		var want, got string
		want, template, moreWanted = strings.Cut(template, "/")
		got, path, more = strings.Cut(path, "/")
		switch want {
		case "{project}":
			t.ProjectID = unescaped(got)
		case "{instance}":
			t.InstanceID = unescaped(got)
		case "{proxy}":
			t.ProxyID = unescaped(got)
		default:
			if want != got {
				return Target{}, false
			}
		}
	}
	return t, moreWanted == more
}

func unescaped(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}
