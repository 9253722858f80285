package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/spf13/cobra"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	accesscontrol "github.com/interlock-functions/interlock/functions/accesscontrol/simulation"
	multitenant "github.com/interlock-functions/interlock/functions/multitenant/simulation"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/local"
	"github.com/interlock-functions/interlock/internal/page"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
)

func runCommand() *cobra.Command {
	var addr string
	var asJSON bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Start everything locally, flip each switch once, then serve",
		Long: `Run starts a simulated cloud, all functions, a ledger file and a bus in one
process, without an account or a network. It sends one approved ticket for each
switch, a sixth whose job fails, and one that asks for a chain of two, shows what
happens, and then serves until it is interrupted. The page at its address has
buttons that send more, and let them fail. Meanwhile interlock decisions, status
and the like find it by themselves, from another terminal.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStage(cmd, addr, asJSON, func(ctx context.Context, s *stage) (err error) {
				withdraw, err := announce(s.environ)
				if err != nil {
					return fmt.Errorf("where others find this: %w", err)
				}
				defer func() { err = errors.Join(err, withdraw()) }()
				if err := s.play(ctx); err != nil && ctx.Err() == nil {
					return err
				}
				if ctx.Err() != nil { // interrupted: whoever did it has seen enough
					return nil
				}
				s.note("serving on %s until interrupted", s.url)
				s.note("try:  %s send proxy-ssl off --project %s --instance %s --proxy %s --url %s",
					self(), scenes[1].target.ProjectID, scenes[1].target.InstanceID, scenes[1].target.ProxyID, s.url)
				<-ctx.Done()
				return nil
			})
		},
	}
	c.Flags().StringVar(&addr, "addr", defaultAddr, "address to listen on; port 0 picks a free one")
	jsonFlag(c, &asJSON, "show the timeline as lines of JSON")
	return c
}

func demoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "The same as run, on a free port, ending by itself after the last event",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withStage(cmd, "127.0.0.1:0", asJSON, func(ctx context.Context, s *stage) error {
				ctx, cancel := context.WithTimeout(ctx, 25*time.Second)
				defer cancel()
				return s.play(ctx)
			})
		},
	}
	jsonFlag(c, &asJSON, "show the timeline as lines of JSON")
	return c
}

// self is what to type for this program.
func self() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, "go-build") {
		return "go run ./cmd/interlock" // whoever has typed make run
	}
	return "interlock"
}

// scene is one ticket of the demonstration. Each switch has an instance of its
// own: the cloud refuses a second operation while one is under way.
type scene struct {
	name    string
	target  events.Target
	options map[string]any
	then    []events.Step
}

const project = "056538411200d4cd2f79c003c7606412"

var scenes = []scene{
	{name: "proxy-alt", target: events.Target{ProjectID: project, InstanceID: "af315b8e6aaa41799bd9a31f2de15abcin07", ProxyID: "0f46fc46396e4fb19a0cb52f578e9511po01"}, options: map[string]any{"alt_for_readonly": true}},
	{name: "proxy-ssl", target: events.Target{ProjectID: project, InstanceID: "096c0fc43e804757b59946b80dc27f8bin07", ProxyID: "2ec617ba62da4eafb921b69438beed3cpo01"}},
	{name: "access-control", target: events.Target{ProjectID: project, InstanceID: "61a4ea66210545909d74a05c27a7179ein07", ProxyID: "e87088f0b6a345e79db19d57c41fde15po01"}},
	{name: "multi-tenancy", target: events.Target{ProjectID: project, InstanceID: "cb2f0d6a5e4b4a0f8f3d0c1b2a394857in07"}},
	{name: "database-audit", target: events.Target{ProjectID: project, InstanceID: "76fabce1b0c84a0d9b0e6d3f2c1a5b4e", DatabaseID: "Gadr-Y4B51p4J06s5s5B"}},
}

// chained is a chain, on an instance of its own too.
var chained = scene{
	name: "proxy-ssl", target: events.Target{ProjectID: project, InstanceID: "3b8f6d2a94c14e07a5c8e1f07d9b6a42in07", ProxyID: "7c1d90e5f3b2486a8e4f2a6b5d0c9387po01"},
	then: []events.Step{{Switch: "access-control", Enabled: new(true)}},
}

const tooOld = "the kernel version is lower than 2.0.57.240900"

// stage is everything that runs in one process.
type stage struct {
	*timeline
	url string
	// environ names its ledger and its cloud.
	environ []string
	sim     *cloudsim.Cloud
	seen    chan event.Event
	// got are the out-events that were seen while another was awaited.
	got []event.Event
	// tries are the samples under way, and tried how many there were.
	tries sync.WaitGroup
	tried atomic.Int64
	// doomed are the events whose worker is killed once it has made its call.
	doomed sync.Map
}

// withStage starts the simulated cloud and all functions, calls f, and ends it
// all.
func withStage(cmd *cobra.Command, addr string, asJSON bool, f func(context.Context, *stage) error) (err error) {
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	s := &stage{timeline: newTimeline(cmd.OutOrStdout(), asJSON), seen: make(chan event.Event, 64)}
	// Jobs are quicker than the real cloud's, so that nobody waits long.
	s.sim = cloudsim.New(cloudsim.Options{
		Simulations: simulations.All(), Seed: uint64(time.Now().UnixNano()),
		JobVisible: time.Second, JobPending: time.Second, JobRunning: time.Second,
	})

	dir, err := os.MkdirTemp("", "interlock-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	l, err := listen(addr)
	if err != nil {
		return err
	}
	s.url = "http://" + l.Addr().String()
	simListener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, l.Close())
	}
	simURL := "http://" + simListener.Addr().String()
	file := filepath.Join(dir, "interlock.db")
	o := local.Options{Cloud: s.watched(), Bus: s.bus(), Observe: s.watch, Acts: s.acts(ctx)}
	sent, err := telemetry(&o, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil)))
	if err != nil {
		return errors.Join(err, l.Close(), simListener.Close())
	}
	defer sent()
	h, err := local.Open(stageConfig(simURL, file), functions.All(), o)
	if err != nil {
		return errors.Join(err, l.Close(), simListener.Close())
	}
	s.environ = []string{
		"INTERLOCK_LEDGER=bolt:" + file, "INTERLOCK_GAUSSDB_ENDPOINT=" + simURL, "INTERLOCK_DBSS_ENDPOINT=" + simURL,
		"HUAWEICLOUD_SDK_AK=" + cloudsim.DefaultAccessKey, "HUAWEICLOUD_SDK_SK=" + cloudsim.DefaultSecretKey,
	}
	s.note("see it at %s/", s.url)
	s.note("simulated cloud at %s, functions at %s/functions/<name>, ledger %s", simURL, s.url, file)

	// The cloud ends last: what is under way still calls it.
	cloud, endCloud := context.WithCancel(context.WithoutCancel(ctx))
	defer endCloud()
	simulated, served := make(chan error, 1), make(chan error, 1)
	go func() { simulated <- serveSim(cloud, s.sim, simListener) }()
	go func() { served <- h.Serve(ctx, l) }()
	err = f(ctx, s)
	cancel()
	err = errors.Join(err, <-served)
	s.tries.Wait()
	endCloud()
	return errors.Join(err, <-simulated, h.Close())
}

func stageConfig(simURL, file string) config.Config {
	return config.Config{
		Endpoints:   cloudapi.EndpointSet{GaussDB: simURL, DBSS: simURL, IAM: simURL},
		Credentials: config.Credentials{AK: cloudsim.DefaultAccessKey, SK: cloudsim.DefaultSecretKey},
		Ledger:      config.Place{Kind: "bolt", Rest: file},
		Bus:         config.Place{Kind: "memory"},
		Quiet:       quietHere,
	}
}

// quietHere is the quiet time on the simulated cloud, which shows what it has done
// after a second.
const quietHere = 5 * time.Second

// watch shows what happens, and kills a worker whose time has come: of its goroutine
// nothing is done any more, as of a process.
func (s *stage) watch(ctx context.Context, step engine.Step) {
	s.observe(ctx, step)
	if step.Name != "call" || step.Decision == nil {
		return
	}
	if _, doomed := s.doomed.LoadAndDelete(step.Decision.Cause.ID); doomed {
		s.note("the worker is killed; its hold on the instance ends within %s", 30*time.Second+quietHere)
		runtime.Goexit()
	}
}

// bus shows every event and lets the play see it.
func (s *stage) bus() *tap {
	m := &bus.Memory{}
	m.Subscribe(func(ev event.Event) {
		select {
		case s.seen <- ev:
		default: // nobody is waiting any more
		}
	})
	return &tap{timeline: s.timeline, next: m}
}

// play sends one approved ticket for each switch, waits for the events that
// answer it, and follows the jobs to their end. Then it shows a job that fails,
// and a chain.
func (s *stage) play(ctx context.Context) error {
	var jobs []string
	for i, sc := range scenes {
		job, err := s.flip(ctx, fmt.Sprintf("CHG%07d", 31337+i), sc, true)
		if err != nil {
			return err
		}
		if job != "" {
			jobs = append(jobs, job)
		}
	}
	for _, job := range jobs {
		if err := s.ended(ctx, job, events.TypeJobSucceeded); err != nil {
			return err
		}
	}
	s.note("the cloud takes the next request, but its job will fail")
	if err := s.sim.Inject(cloudsim.Fault{
		Operation: multitenant.Flip, InstanceID: scenes[3].target.InstanceID, Kind: cloudsim.JobFails, Times: 1, FailReason: tooOld,
	}); err != nil {
		return err
	}
	job, err := s.flip(ctx, "CHG0031342", scenes[3], false)
	if err != nil {
		return err
	}
	s.note("one ticket asks for two switches, the second once the job of the first has succeeded")
	if _, err := s.flip(ctx, "CHG0031343", chained, true); err != nil {
		return err
	}
	if err := s.ended(ctx, job, events.TypeJobFailed); err != nil {
		return err
	}
	_, err = s.await(ctx, func(out *event.Event) bool { return out.Type() == events.TypeChainSucceeded })
	return err
}

// acts are the page's buttons. Each has an instance of its own, so that none
// disturbs the play.
func (s *stage) acts(ctx context.Context) []page.Act {
	try := func(name, label, says, position string, sc scene, fault cloudsim.Fault, kills bool) page.Act {
		sc.target.ProjectID = project
		return page.Act{Name: name, Label: label, Says: says, Do: func(context.Context) error {
			if fault.Kind != "" {
				fault.InstanceID, fault.Times = sc.target.InstanceID, 1
				if err := s.sim.Inject(fault); err != nil {
					return err
				}
			}
			on := s.sim.State(cloudsim.Target{ProjectID: project, InstanceID: sc.target.InstanceID, ProxyID: sc.target.ProxyID}).On[position]
			ev, err := sc.approved(fmt.Sprintf("TRY%07d", s.tried.Add(1)), !on)
			if err != nil {
				return err
			}
			if kills {
				s.doomed.Store(ev.ID(), true)
			}
			s.tries.Go(func() {
				if err := s.post(ctx, sc.function(), &ev); err != nil && ctx.Err() == nil {
					s.note("%s", err) // it is held, say; the page tells more
				}
			})
			return nil
		}}
	}
	return []page.Act{
		try("send", "Send a sample", "An approved ticket turns proxy-ssl over, and its job succeeds.", "ssl",
			scene{name: "proxy-ssl", target: events.Target{InstanceID: "d4a07c7e15b94e6fa2c3908b6e5f1d27in07", ProxyID: "58e1f7a92d0b4c36b4a9c7e3d1f06b82po01"}}, cloudsim.Fault{}, false),
		try("fail", "Let a job fail", "An approved ticket turns multi-tenancy over; the cloud takes the request, but its job fails.", "multi_tenancy",
			scene{name: "multi-tenancy", target: events.Target{InstanceID: "5e9b3c1f7d2a4860b1c4e8f3a6d09b75in07"}},
			cloudsim.Fault{Operation: multitenant.Flip, Kind: cloudsim.JobFails, FailReason: tooOld}, false),
		try("break", "Break a call", "An approved ticket turns access-control over; the call takes effect, but its answer is lost. It is in doubt until it has been looked up, in a few seconds; nothing is sent twice.", "access_control",
			scene{name: "access-control", target: events.Target{InstanceID: "81c6d2f04b7e49a3954fe0a7b3c8d216in07", ProxyID: "c3a95e0d8f1746b2a7d4601e9b8c2f53po01"}},
			cloudsim.Fault{Operation: accesscontrol.Flip, Kind: cloudsim.CutAfter}, false),
		try("kill", "Kill a worker", "An approved ticket turns proxy-ssl over; whoever works on it is killed once the call is made. Its hold ends within a minute; then another looks what became of the call and takes its job over. Nothing is sent twice, nothing is lost.", "ssl",
			scene{name: "proxy-ssl", target: events.Target{InstanceID: "17b9e4d2c6a04f58921d7f3c0e8a5b64in07", ProxyID: "94d0c7b3e8f145a2b6d1c9f8073e5a26po01"}}, cloudsim.Fault{}, true),
	}
}

// approved is the event of an approved ticket that asks for it.
func (sc scene) approved(ticket string, enabled bool) (event.Event, error) {
	return approved(events.TicketApproved{
		Switch: sc.name, Enabled: &enabled, Target: &sc.target, Options: sc.options, Then: sc.then,
		Ticket: &events.Ticket{ID: ticket, RequestedBy: "requester@example.com", ApprovedBy: []string{"approver@example.com"}},
	}, time.Now())
}

// flip sends an approved ticket and returns the job of the completion event.
func (s *stage) flip(ctx context.Context, ticket string, sc scene, enabled bool) (job string, err error) {
	ev, err := sc.approved(ticket, enabled)
	if err != nil {
		return "", err
	}
	if err := s.post(ctx, sc.function(), &ev); err != nil {
		return "", err
	}
	out, err := s.await(ctx, func(out *event.Event) bool {
		return out.Extensions()["causationid"] == ev.ID() && out.Type() == events.TypeSwitchCompleted
	})
	if err != nil {
		return "", fmt.Errorf("completion event of %s: %w", ticket, err)
	}
	var data events.Completed
	err = json.Unmarshal(out.Data(), &data)
	return data.JobID, err
}

// ended waits for the event by which a job ended.
func (s *stage) ended(ctx context.Context, job, typ string) error {
	_, err := s.await(ctx, func(out *event.Event) bool {
		var data events.JobEnded
		return out.Type() == typ && json.Unmarshal(out.Data(), &data) == nil && data.JobID == job
	})
	if err != nil {
		return fmt.Errorf("%s of job %s: %w", typ, job, err)
	}
	return nil
}

func (sc scene) function() string {
	for _, sw := range functions.All() {
		if sw.Name == sc.name {
			return sw.Function
		}
	}
	return sc.name
}

func (s *stage) post(ctx context.Context, function string, ev *event.Event) error {
	body, err := ev.MarshalJSON()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/functions/"+function, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", event.ApplicationCloudEventsJSON)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %s", function, res.Status, strings.TrimSpace(string(answer)))
	}
	return nil
}

// await waits for an out-event.
func (s *stage) await(ctx context.Context, wanted func(*event.Event) bool) (*event.Event, error) {
	for i := 0; ; i++ {
		for len(s.got) <= i {
			select {
			case out := <-s.seen:
				s.got = append(s.got, out)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		if wanted(&s.got[i]) {
			return &s.got[i], nil
		}
	}
}
