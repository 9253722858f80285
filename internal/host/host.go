// Package host puts an engine together from a configuration: what the local
// program and the Lambda functions have in common.
package host

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// Engine makes the engine that a configuration describes, on a ledger and a
// bus that are open already. The transport is for the cloud's API; nil is the
// client's own.
func Engine(c config.Config, switches []engine.Switch, auth cloudapi.Authenticator, l ledger.Ledger, b bus.Bus, transport *http.Client) *engine.Engine {
	return &engine.Engine{
		Switches: switches,
		Region:   c.Region,
		Cloud: &cloudapi.Client{
			GaussDB: c.Endpoints.GaussDB, DBSS: c.Endpoints.DBSS,
			Auth: auth, HTTP: transport, Language: c.Language,
		},
		Ledger: l, Bus: b,
		Quiet: c.Quiet, Retention: c.Retention, GiveUp: c.GiveUp,
		DryRun: c.DryRun,
		Halted: func(context.Context) bool { return c.Halt },
	}
}

// Functions leads to every function by its name.
type Functions struct {
	Engine   *engine.Engine
	Follower *engine.Follower
}

// Handle takes an event through the named function.
func (f Functions) Handle(ctx context.Context, function string, ev event.Event) engine.Result {
	if function == engine.JobFollow {
		return f.Follower.Handle(ctx, function, ev)
	}
	return f.Engine.Handle(ctx, function, ev)
}

// Resume goes on with a record of the ledger, without a delivery.
func (f Functions) Resume(ctx context.Context, key ledger.Key) engine.Result {
	if key.Switch == engine.JobFollow {
		return f.Follower.Resume(ctx, key)
	}
	return f.Engine.Resume(ctx, key)
}

// Bus opens the bus that a configuration names.
func Bus(c config.Config, aws *AWS) (bus.Bus, error) {
	switch c.Bus.Kind {
	case "eventbridge":
		return aws.eventBridge(c.Bus.Rest)
	case "http":
		return httpBus(c.Bus.Rest)
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
