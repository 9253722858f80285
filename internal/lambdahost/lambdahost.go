// Package lambdahost runs one function on AWS Lambda: it reads the
// configuration once, opens what it names, and hands what Lambda delivers to
// the function's door.
package lambdahost

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/internal/observe"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// version is stamped in by the build; see the Makefile.
var version = "devel"

// Start runs one function until Lambda ends the process: the one that the
// function's setting Handler names, which Lambda hands over as _HANDLER. What is
// wrong with that or its configuration ends it at once, with one line that names
// the variable.
func Start(switches []huawei.Switch) {
	function := os.Getenv("_HANDLER")
	log := lambdacontext.NewLogger().With("version", version)
	slog.SetDefault(log)
	door, err := Open(function, switches, Environment{os.Environ(), os.Getenv}, log, os.Stdout)
	if err != nil {
		log.Error("start: "+err.Error(), "function", function)
		os.Exit(1)
	}
	lambda.Start(door)
}

// Environment is where variables are read: all at once, and one by one.
type Environment struct {
	All []string
	Get func(string) string
}

// Open makes the door of the named function as the environment describes it.
// Metrics are written to the given writer, one line each.
func Open(function string, switches []huawei.Switch, env Environment, log *slog.Logger, metrics io.Writer) (*doors.Door, error) {
	c, err := config.Read(env.All, "", "")
	if err != nil {
		return nil, err
	}
	if c.Open {
		return nil, errors.New("INTERLOCK_OPEN: found true, expected that it is not set: a function's URL is guarded by its authorizer, or by INTERLOCK_WEBHOOK_SECRETS")
	}
	aws := &host.AWS{Getenv: env.Get}
	h, err := host.Open(c, switches, host.Options{
		AWS: aws, OpenLedger: openLedger, Log: log,
		Observe: observe.All(observe.Logs(log), observe.Metrics(metrics)),
	})
	if err != nil {
		return nil, err
	}
	door := h.Door(function)
	if door == nil {
		return nil, fmt.Errorf("_HANDLER: found %q, expected the name of a function: %s", function, strings.Join(h.Functions(), ", "))
	}
	door.Log, door.Sweep = log, h.Sweeper.All
	if c.QueueURL != "" {
		client, err := aws.Client(awsjson.SQS)
		if err != nil {
			return nil, err
		}
		q := &queue{client: client, url: c.QueueURL}
		door.Queue = &doors.Queue{Put: q.put, Hide: q.hide, Own: q.own}
	}
	return door, nil
}

func openLedger(c config.Config, aws *host.AWS) (ledger.Ledger, error) {
	switch c.Ledger.Kind {
	case "dynamodb":
		return aws.Ledger(c.Ledger.Rest)
	case "memory":
		// For trying a function out: each of its processes has its own.
		return ledger.NewMemory(), nil
	}
	return nil, fmt.Errorf("INTERLOCK_LEDGER: found %q, expected dynamodb:TABLE: a function's files do not last", c.Ledger)
}
