// Package functiongraph runs one function on Huawei Cloud's FunctionGraph, as an
// event function with a custom runtime: it reads the configuration once, opens what
// it names, fetches invocations one by one, and hands them to the function's door.
//
// # Who calls the cloud
//
// Where no credentials are configured, a call is made by those that came with the
// invocation, which are the agency's and last for a day at most. They are in the
// context of all that an invocation does, and nowhere else.
package functiongraph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
	"github.com/interlock-functions/interlock/pkg/engine/ledger/postgres"
)

// version is stamped in by the build; see the Makefile.
var version = "devel"

// Start runs one function until FunctionGraph ends the process: the one that the
// function's setting handler names, as proxyssl.handler. What is wrong with that or
// its configuration ends it at once, with one line that names the variable.
func Start(switches []huawei.Switch) {
	log := slog.New(&requestLog{slog.NewJSONHandler(os.Stdout, nil)}).With("version", version)
	slog.SetDefault(log)
	err := start(switches, log)
	log.Error(err.Error())
	os.Exit(1)
}

func start(switches []huawei.Switch, log *slog.Logger) error {
	vars, err := variables(os.Environ())
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	l, err := open(vars, switches, log)
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return l.run(context.Background())
}

// open makes the loop over the invocations of the function that the variables
// describe.
func open(vars environment, switches []huawei.Switch, log *slog.Logger) (*loop, error) {
	api := vars.get("RUNTIME_API_ADDR")
	if api == "" {
		return nil, errors.New("RUNTIME_API_ADDR: not set; expected FunctionGraph's custom runtime, which sets it")
	}
	seconds, err := strconv.Atoi(vars.get("RUNTIME_TIMEOUT"))
	if err != nil || seconds <= 0 {
		return nil, fmt.Errorf("RUNTIME_TIMEOUT: found %q, expected the function's time-out in seconds", vars.get("RUNTIME_TIMEOUT"))
	}
	door, err := openDoor(vars, switches, log)
	if err != nil {
		return nil, err
	}
	return &loop{
		api: "http://" + api + "/v1/runtime/invocation",
		// Invocations are waited for as long as it takes, and past any proxy.
		http:    &http.Client{Transport: &http.Transport{}},
		timeout: time.Duration(seconds) * time.Second,
		invoke:  door.Invoke, now: time.Now, log: log,
	}, nil
}

func openDoor(vars environment, switches []huawei.Switch, log *slog.Logger) (*doors.Door, error) {
	c, err := config.ReadWithAgency(vars)
	if err != nil {
		return nil, err
	}
	if c.QueueURL != "" {
		return nil, errors.New("INTERLOCK_QUEUE_URL: found one, expected that it is not set: on FunctionGraph a timer takes up what waits")
	}
	h, err := host.Open(c, switches, host.Options{
		AWS: &host.AWS{Getenv: vars.get}, Agency: new(agency), OpenLedger: openLedger,
		Observe: observe.Logs(log), Log: log,
	})
	if err != nil {
		return nil, err
	}
	// A handler has a dot in it: FunctionGraph wants one.
	function, _, _ := strings.Cut(vars.get("RUNTIME_HANDLER"), ".")
	door := h.Door(function)
	if door == nil {
		return nil, errors.Join(fmt.Errorf("RUNTIME_HANDLER: found %q, expected the name of a function and .handler: of %s",
			vars.get("RUNTIME_HANDLER"), strings.Join(h.Functions(), ", ")), h.Ledger.Close())
	}
	door.Log, door.Sweep = log, h.Sweeper.All
	return door, nil
}

func openLedger(c config.Config, aws *host.AWS) (ledger.Ledger, error) {
	switch c.Ledger.Kind {
	case "postgres":
		l, err := postgres.Open(context.Background(), c.Ledger.DatabaseURL())
		if err != nil {
			return nil, fmt.Errorf("INTERLOCK_LEDGER: %w", err)
		}
		return l, nil
	case "dynamodb":
		return aws.Ledger(c.Ledger.Rest)
	case "memory":
		// For trying a function out: each of its processes has its own.
		return ledger.NewMemory(), nil
	}
	return nil, fmt.Errorf("INTERLOCK_LEDGER: found %q, expected postgres:URL or dynamodb:TABLE: a function's files do not last", c.Ledger)
}
