// Package cloudsim is a simulated Huawei cloud, for tests, for the local
// program, and for whoever tries a chain of events of their own.
//
// One base URL serves the switches that [Options.Simulations] declare, the reads
// that tell their state, the two job queries and IAM's token request. Signatures and tokens are verified
// for real; identifiers, methods, content types and bodies are held against the
// API pages; whatever is wrong is answered in the shape the cloud documents.
// What the pages leave open (job names, which code goes with which status) is
// said where it is decided.
//
// # Time
//
// Nothing here runs by itself. Jobs move from Pending to Running to Completed,
// and requests held up on the way arrive, by [Options.Now] alone: whoever looks
// sees what would have happened by then. With the same clock, seed and order of
// requests, every answer is the same, identifiers included.
//
// A switch that creates a job reads back its new state when the job has
// completed, and never when the job failed.
//
// # Faults
//
// [Cloud.Inject] makes the next calls of an operation go wrong: see [Kind].
//
// # Control
//
// A simulated cloud that runs alone is steered over HTTP, in JSON, without
// authentication:
//
//	GET    /_sim/calls      every call, in order of arrival: [Call]
//	GET    /_sim/effects    every effect, in order: [Effect]
//	GET    /_sim/state      every target and how its switches lie: [State]
//	GET    /_sim/faults     the faults not yet used up: [Fault]
//	POST   /_sim/faults     adds one: {"operation":"SwitchGaussMySqlProxySsl",
//	                        "kind":"status","status":429,"retry_after":"3","times":2}
//	PUT    /_sim/faults     replaces all by an array of them
//	DELETE /_sim/faults     removes all
//	POST   /_sim/targets    declares a target: [Target]
//	POST   /_sim/jobs       starts a job as a person in the console would: [ConsoleJob];
//	                        answers {"job_id":"…"}
//	POST   /_sim/deliver    lets requests held up by a late fault arrive now;
//	                        answers {"effects":1}
//
// Durations are written as in Go: "1.5s".
package cloudsim

import (
	"cmp"
	"context"
	"net/http"
	"sync"
	"time"
)

// Credentials that are accepted where [Options] name none of any kind.
const (
	DefaultAccessKey = "SIMULATEDACCESSKEY00"
	DefaultSecretKey = "simulated-secret-key"
	DefaultToken     = "simulated-token"
	DefaultDomain    = "simulated"
	DefaultUser      = "interlock"
	DefaultPassword  = "simulated-password"
)

// Options configure a [Cloud]. The zero value is useful. Where a duration has
// a default, a negative one stands for none.
type Options struct {
	// Now is the cloud's clock: time.Now by default.
	Now func() time.Time
	// Sleep waits out a fault's delay, or returns early with the context's
	// error. The default waits on a timer.
	Sleep func(context.Context, time.Duration) error
	// Seed tells the identifiers of one cloud from another's.
	Seed uint64

	// Credentials are the access keys that may sign, Tokens what may be sent as
	// X-Auth-Token, by the project each is good for ("" for every one), and
	// Users who may fetch a token. If all three are empty, the defaults above
	// are accepted.
	Credentials []Credentials
	Tokens      map[string]string
	Users       []User
	// TokenLife is how long a fetched token is good; 24 hours by default.
	TokenLife time.Duration

	// Simulations are the switches that the cloud has.
	Simulations []Simulation

	// Targets exist from the beginning. Unless OnlyTargets is set, others exist
	// from the first request that names them.
	Targets     []Target
	OnlyTargets bool

	// JobVisible is the time before a new job can be found (2s by default),
	// JobPending and JobRunning how long it is so (1s and 5s).
	JobVisible, JobPending, JobRunning time.Duration
	// Unlisted keeps the jobs of switches off the list of jobs: they are found by
	// their ids alone. No source settles whether that is so. OffsetsByJobs has the
	// list's offset count jobs instead of pages: its API page has it begin at 1 and
	// count pages, the comment on Offset in Huawei's Go SDK (0.1.207,
	// ListImmediateJobsRequest) has it be 1 by default and count records.
	Unlisted, OffsetsByJobs bool
	// BusyStatus and BusyCode answer an operation on an instance that has an open
	// job: 409 and DBS.200019 by default. The cloud's statuses vary between 400,
	// 403 and 409.
	BusyStatus int
	BusyCode   string

	// Loose makes reads answer with any of the types seen in the wild, in turn:
	// true, "true", "ON", "on", 1. Otherwise each has the one type that the models
	// of Huawei's SDKs have.
	Loose bool
}

// Credentials are an access key; with a SecurityToken, a temporary one.
type Credentials struct{ AccessKey, SecretKey, SecurityToken string }

// User is an IAM user, who may fetch tokens for every project.
type User struct{ Domain, Name, Password string }

// Target names a switchable thing by the identifiers that apply to it.
type Target struct {
	ProjectID  string `json:"project_id"`
	InstanceID string `json:"instance_id"`
	ProxyID    string `json:"proxy_id,omitempty"`
	DatabaseID string `json:"database_id,omitempty"`
}

// Cloud is a simulated cloud. The zero value works; its options must not be
// changed once it is in use. All methods may be called concurrently.
//
// It is an [http.Handler]; [Cloud.RoundTripper] reaches it without sockets.
type Cloud struct {
	Options

	mu    sync.Mutex
	ready bool
	ids   [3]uint64
	// operations are those of the switches, and the cloud's own.
	operations []*Operation
	accounts   accounts
	world      world
	faults     []*injected
	calls      []Call
	effects    []Effect
	flying     map[Target]int
}

// New returns a cloud with the given options.
func New(o Options) *Cloud { return &Cloud{Options: o} }

// lock takes the lock and brings the cloud up to its clock.
func (c *Cloud) lock() (now time.Time) {
	c.mu.Lock()
	if !c.ready {
		c.prepare()
	}
	now = c.Now()
	c.advance(now)
	return now
}

func (c *Cloud) prepare() {
	c.ready = true
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	c.JobVisible = withDefault(c.JobVisible, 2*time.Second)
	c.JobPending = withDefault(c.JobPending, time.Second)
	c.JobRunning = withDefault(c.JobRunning, 5*time.Second)
	c.TokenLife = withDefault(c.TokenLife, 24*time.Hour)
	c.BusyStatus, c.BusyCode = cmp.Or(c.BusyStatus, http.StatusConflict), cmp.Or(c.BusyCode, "DBS.200019")
	c.flying = map[Target]int{}
	c.accounts.prepare(&c.Options)
	c.prepareOperations()
	c.world.prepare(c.Targets)
}

func withDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return max(d, 0)
}

// sleep is how a cloud sleeps by default.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
