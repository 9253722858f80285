package cloudapi

import (
	"context"
	"net/http"
	"time"
)

// Client calls the API.
type Client struct {
	GaussDB, DBSS string
	Auth          Authenticator
	HTTP          *http.Client
	Language      string
	Now           func() time.Time
	UserAgent     string
}

// Proxy names a proxy instance.
type Proxy struct{ ProjectID, InstanceID, ProxyID string }

// Instance names a TaurusDB instance.
type Instance struct{ ProjectID, InstanceID string }

// AuditDatabase names a database under audit.
type AuditDatabase struct{ ProjectID, InstanceID, DatabaseID string }

// Call is what an Authenticator gets to know.
type Call struct {
	ProjectID string
	Body      []byte
	Now       time.Time
	HTTP      *http.Client
}

// Authenticator proves who is calling.
type Authenticator interface {
	Authorize(ctx context.Context, req *http.Request, call Call) error
	Refused(req *http.Request, call Call) (again bool)
}

// Secret is a string that does not print.
type Secret string

// Token is a ready X-Auth-Token.
type Token string

// AKSK signs.
type AKSK struct {
	AccessKey     string
	SecretKey     Secret
	SecurityToken Secret
}

// UserToken fetches tokens from IAM.
type UserToken struct {
	IAM, Domain, User string
	Password          Secret
}

func (t Token) Authorize(context.Context, *http.Request, Call) error      { return nil }
func (t Token) Refused(*http.Request, Call) bool                          { return false }
func (a *AKSK) Authorize(context.Context, *http.Request, Call) error      { return nil }
func (a *AKSK) Refused(*http.Request, Call) bool                          { return false }
func (u *UserToken) Authorize(context.Context, *http.Request, Call) error { return nil }
func (u *UserToken) Refused(*http.Request, Call) bool                     { return false }

func (c *Client) SwitchProxyALT(ctx context.Context, p Proxy, enabled bool, forReadonly *bool) (string, error) {
	return "", nil
}
func (c *Client) SwitchProxySSL(ctx context.Context, p Proxy, enabled bool) (string, error) {
	return "", nil
}
func (c *Client) SwitchAccessControl(ctx context.Context, p Proxy, enabled bool) error { return nil }
func (c *Client) SwitchMultiTenancy(ctx context.Context, i Instance, enabled bool) (string, error) {
	return "", nil
}
func (c *Client) SwitchAuditDatabase(ctx context.Context, d AuditDatabase, enabled bool, lts *int) error {
	return nil
}
func (c *Client) ShowJob(ctx context.Context, projectID, jobID string) (Job, error) {
	return Job{}, nil
}
func (c *Client) ListImmediateJobs(ctx context.Context, projectID string, q JobQuery) (JobPage, error) {
	return JobPage{}, nil
}
func (c *Client) ProxySSL(ctx context.Context, p Proxy) (bool, error)              { return false, nil }
func (c *Client) AccessControl(ctx context.Context, p Proxy) (bool, error)         { return false, nil }
func (c *Client) MultiTenancy(ctx context.Context, i Instance) (bool, error)       { return false, nil }
func (c *Client) AuditDatabase(ctx context.Context, d AuditDatabase) (bool, error) { return false, nil }

// JobStatus is the state of a job.
type JobStatus string

// States of jobs.
const (
	JobPending      JobStatus = "Pending"
	JobRunning      JobStatus = "Running"
	JobCompleted    JobStatus = "Completed"
	JobFailed       JobStatus = "Failed"
	JobCanceled     JobStatus = "Canceled"
	JobUnauthorized JobStatus = "Unauthorized"
)

func (s JobStatus) Open() bool  { return !s.Ended() }
func (s JobStatus) Ended() bool { return s == JobCompleted || s == JobFailed || s == JobCanceled }

// Job is a job of the cloud.
type Job struct {
	ID, Name                 string
	InstanceID, InstanceName string
	Status                   JobStatus
	Process                  string
	Created, Ended           time.Time
	FailReason               string
}

// JobQuery selects immediate jobs.
type JobQuery struct {
	JobID, Name string
	Status      JobStatus
	Start, End  time.Time
	Page        int // from 1, default 1
	Limit       int // 10, 20 or 50; default 50
}

// JobPage is one page of jobs.
type JobPage struct {
	Jobs  []Job
	Total int
	Date  time.Time
}

// IsOtherJob reports whether the name is that of a job that no switch of ours creates.
func IsOtherJob(name string) bool { return false }

// OtherJobNames lists the names known to IsOtherJob.
func OtherJobNames() []string { return nil }

// Effect is what is known of a call's effect.
type Effect int

// Effects.
const (
	NoEffect Effect = iota
	MayHave
	Had
)

// Error is an error of a call.
type Error struct {
	Operation  string
	Status     int
	Code       string
	Message    string
	RequestID  string
	RetryAfter time.Duration
	Effect     Effect
	Cause      error
}

func (e *Error) Error() string       { return e.Operation }
func (e *Error) Unwrap() error       { return e.Cause }
func (e *Error) Busy() bool          { return false }
func (e *Error) NotFound() bool      { return false }
func (e *Error) Denied() bool        { return false }
func (e *Error) Throttled() bool     { return false }
func (e *Error) MayHaveEffect() bool { return e.Effect != NoEffect }

// EndpointSet holds base URLs.
type EndpointSet struct{ GaussDB, DBSS, IAM string }

// Endpoints is the table of endpoints.
func Endpoints(region string) (EndpointSet, error) { return EndpointSet{}, nil }

// CheckEndpoint checks a base URL.
func CheckEndpoint(raw string) error { return nil }
