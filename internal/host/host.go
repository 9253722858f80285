// Package host puts an engine and its functions together from a configuration:
// what the local program and the functions of Lambda and FunctionGraph have in common.
package host

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/eventgrid"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Options are what a configuration does not say. All but OpenLedger may be left
// out.
type Options struct {
	// AWS opens what is on AWS.
	AWS *AWS
	// OpenLedger opens the ledger that the configuration names, where the host
	// takes it.
	OpenLedger func(config.Config, *AWS) (ledger.Ledger, error)
	// Agency proves who is calling where the configuration has no credentials.
	Agency cloudapi.Authenticator
	// Transport is for the cloud's API; nil is the client's own.
	Transport *http.Client
	// Bus, if set, is used instead of the configured one.
	Bus bus.Bus
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Observe is told of each step, and Around of the work that steps belong to.
	Observe func(context.Context, engine.Step)
	Around  observe.Around
	// Log is told of panics. Default slog.Default.
	Log *slog.Logger
}

// Host is every function on one engine, with all that it stands on.
type Host struct {
	Engine   *engine.Engine
	Follower *engine.Follower
	Ledger   ledger.Ledger
	Sweeper  *Sweeper
	// Cloud is the client by which the switches call.
	Cloud *cloudapi.Client

	config   config.Config
	switches []huawei.Switch
	around   observe.Around
	verify   func(context.Context, http.Header, []byte) (webhook.Key, error)
}

// Open opens what a configuration names, and puts the functions on it. It is the
// one place where that is done.
func Open(c config.Config, switches []huawei.Switch, o Options) (*Host, error) {
	if o.AWS == nil {
		o.AWS = &AWS{Getenv: os.Getenv}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	rules, err := Policy(c, switches, o.AWS)
	if err != nil {
		return nil, err
	}
	auth := o.Agency
	if auth == nil || !c.ByAgency() {
		if auth, err = o.AWS.Auth(c); err != nil {
			return nil, err
		}
	}
	b := o.Bus
	if b == nil {
		if b, err = Bus(c, o.AWS, auth); err != nil {
			return nil, err
		}
	}
	verify, err := Verify(c, switches, auth, o.Now)
	if err != nil {
		return nil, err
	}
	tickets, err := Tickets(c, auth)
	if err != nil {
		return nil, err
	}
	l, err := o.OpenLedger(c, o.AWS)
	if err != nil {
		return nil, err
	}
	h := New(c, switches, Client(c, auth, o.Transport), l, b)
	h.verify, h.Engine.Policy, h.Engine.Tickets, h.around = verify, rules, tickets, o.Around
	h.Engine.Now, h.Engine.Observe = o.Now, o.Observe
	h.Sweeper.Now, h.Sweeper.Log = o.Now, o.Log
	if err := h.Engine.Init(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return h, nil
}

// Client is the cloud's client that a configuration describes.
func Client(c config.Config, auth cloudapi.Authenticator, transport *http.Client) *cloudapi.Client {
	return &cloudapi.Client{
		GaussDB: c.Endpoints.GaussDB, DBSS: c.Endpoints.DBSS, EventGrid: c.Endpoints.EventGrid,
		Auth: auth, HTTP: transport, Language: c.Language,
	}
}

// New puts the functions on what is open already. Its engine's Init is still to
// be called.
func New(c config.Config, switches []huawei.Switch, cloud *cloudapi.Client, l ledger.Ledger, b bus.Bus) *Host {
	h := &Host{Ledger: l, Cloud: cloud, config: c, switches: switches}
	h.Engine = &engine.Engine{
		Switches: huawei.Bind(switches, cloud),
		Region:   c.Region,
		Ledger:   l, Bus: b, DataSchema: events.DataSchema,
		Quiet: c.Quiet, Retention: c.Retention, GiveUp: c.GiveUp,
		DryRun: c.DryRun, ReusableTickets: c.ReusableTickets,
		Halted: func(context.Context) bool { return c.Halt },
	}
	h.Follower = &engine.Follower{Engine: h.Engine, Patience: c.Follow}
	h.Sweeper = &Sweeper{
		Resume: h.Resume, Ledger: l, By: rand.Text(),
		Halted: func(ctx context.Context) bool { return h.Engine.Halted(ctx) }, // which a host may change
	}
	return h
}

// Functions are the names of all functions.
func (h *Host) Functions() []string {
	all := make([]string, len(h.switches))
	for i, s := range h.switches {
		all[i] = s.Function
	}
	return append(all, engine.JobFollow)
}

// name is that of a function's switch; jobfollow has its own. It is empty where
// there is no such function.
func (h *Host) name(function string) string {
	for _, s := range h.switches {
		if s.Function == function {
			return s.Name
		}
	}
	if function == engine.JobFollow {
		return function
	}
	return ""
}

// Door is the way in to a function, as the configuration describes it; nil where
// there is no such function.
func (h *Host) Door(function string) *doors.Door {
	name := h.name(function)
	if name == "" {
		return nil
	}
	return h.door(function, name, h)
}

func (h *Host) door(function, name string, handler doors.Handler) *doors.Door {
	c := h.config
	return &doors.Door{
		Function: function, Switch: name, Handler: handler, Producers: c.Producers,
		Open: c.Open, Origins: c.WebhookOrigins, Verify: h.verify,
		Arrived: func(ctx context.Context, cause events.Cause, why *events.Error) {
			h.Engine.Arrived(ctx, name, cause, why)
		},
	}
}

// Handle takes an event through the named function. Of one that there is not,
// the engine says so.
func (h *Host) Handle(ctx context.Context, function string, ev event.Event) engine.Result {
	return observe.In(ctx, h.around, observe.Work{Name: "door", Event: &ev}, func(ctx context.Context) engine.Result {
		if function == engine.JobFollow {
			return h.Follower.Handle(ctx, ev)
		}
		return h.Engine.Handle(ctx, cmp.Or(h.name(function), function), ev)
	})
}

// Resume goes on with a record of the ledger, without a delivery.
func (h *Host) Resume(ctx context.Context, key ledger.Key) engine.Result {
	return observe.In(ctx, h.around, observe.Work{Name: "resume"}, func(ctx context.Context) engine.Result {
		if key.Switch == engine.JobFollow {
			return h.Follower.Resume(ctx, key)
		}
		return h.Engine.Resume(ctx, key)
	})
}

// Look asks once how a job that is followed is.
func (h *Host) Look(ctx context.Context, j *engine.Followed) engine.Result {
	return observe.In(ctx, h.around, observe.Work{Name: "look"}, func(ctx context.Context) engine.Result {
		return h.Follower.Look(ctx, j)
	})
}

// Bus opens the bus that a configuration names; auth proves who publishes on Huawei
// Cloud.
func Bus(c config.Config, aws *AWS, auth cloudapi.Authenticator) (bus.Bus, error) {
	switch c.Bus.Kind {
	case "eventgrid":
		return &eventgrid.Bus{
			Client:  Client(c, auth, nil),
			Channel: cloudapi.Channel{ProjectID: c.EventGrid.Project, ChannelID: c.Bus.Rest},
			Source:  c.EventGrid.Source,
		}, nil
	case "eventbridge":
		return aws.eventBridge(c.Bus.Rest)
	case "http":
		return httpBus(c.Bus.Rest)
	case "sink":
		return sinkBus(c.Sink)
	}
	return &bus.Memory{}, nil
}

// httpBus is the bus that posts to a URL.
func httpBus(text string) (bus.Bus, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, errors.New("INTERLOCK_BUS: expected http: and a URL")
	}
	return &bus.HTTP{URL: u, Client: busClient()}, nil
}

// busClient posts events. It follows no redirects: an event goes where it was
// configured to go.
func busClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
