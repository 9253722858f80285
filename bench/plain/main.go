// Command plain does proxyssl's job as one would write it down in an afternoon:
// it reads and validates the event, notes it in a table, calls the cloud, notes
// the answer, puts an event on the bus, and logs and measures each step. It
// finishes nothing that was broken off, looks nothing up, and keeps no order; it
// is what Interlock's care is measured against.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/go-playground/validator/v10"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/dynamodb"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

type ticket struct {
	Switch  string `json:"switch" validate:"eq=proxy-ssl"`
	Enabled *bool  `json:"enabled" validate:"required"`
	Target  target `json:"target"`
	Ticket  struct {
		ID          string   `json:"id" validate:"required"`
		RequestedBy string   `json:"requested_by" validate:"required"`
		ApprovedBy  []string `json:"approved_by" validate:"required,min=1,dive,required"`
	} `json:"ticket"`
}

type target struct {
	ProjectID  string `json:"project_id" validate:"len=32,alphanum"`
	InstanceID string `json:"instance_id" validate:"len=36,alphanum"`
	ProxyID    string `json:"proxy_id" validate:"len=36,alphanum"`
}

type text struct{ S string }

type function struct {
	table, bus *awsjson.Client
	keys       cloudapi.Authenticator
	validate   *validator.Validate
	log        *slog.Logger
	// ledger, if asked for, is written once more than the job needs.
	ledger *dynamodb.Ledger
}

func main() {
	f, err := newFunction()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	lambda.Start(f.handle)
}

func newFunction() (f *function, err error) {
	f = &function{validate: validator.New(validator.WithRequiredStructEnabled()), log: lambdacontext.NewLogger()}
	if f.table, err = awsjson.FromEnv(awsjson.DynamoDB, os.Getenv, nil); err != nil {
		return nil, err
	}
	if f.bus, err = awsjson.FromEnv(awsjson.EventBridge, os.Getenv, nil); err != nil {
		return nil, err
	}
	if os.Getenv("LEDGER") != "" {
		f.ledger = &dynamodb.Ledger{Client: f.table, Table: "table"}
	}
	secrets, err := awsjson.FromEnv(awsjson.SecretsManager, os.Getenv, nil)
	if err != nil {
		return nil, err
	}
	var secret struct{ SecretString string }
	if err = secrets.Do(context.Background(), "GetSecretValue", map[string]string{"SecretId": os.Getenv("INTERLOCK_SECRET_ID")}, &secret); err != nil {
		return nil, err
	}
	var keys map[string]string
	if err = json.Unmarshal([]byte(secret.SecretString), &keys); err != nil {
		return nil, err
	}
	f.keys = &cloudapi.AKSK{AccessKey: keys["HUAWEICLOUD_SDK_AK"], SecretKey: cloudapi.Secret(keys["HUAWEICLOUD_SDK_SK"])}
	return f, nil
}

func (f *function) handle(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
	var in event.Event
	if err := in.UnmarshalJSON(payload); err != nil {
		return nil, err
	}
	var t ticket
	if err := in.DataAs(&t); err != nil {
		return nil, err
	}
	if err := f.validate.StructCtx(ctx, &t); err != nil {
		return nil, err
	}
	log := f.log.With("event_id", in.ID(), "event_source", in.Source(), "ticket", t.Ticket.ID)
	if err := f.note(ctx, in, "claimed", payload); err != nil {
		return nil, err
	}
	if f.ledger != nil {
		if err := f.claim(ctx, in, t, payload); err != nil {
			return nil, err
		}
	}
	log.InfoContext(ctx, "claimed")
	began := time.Now()
	job, err := f.flip(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := measure("CloudLatency", "Milliseconds", float64(time.Since(began).Microseconds())/1000); err != nil {
		return nil, err
	}
	log.InfoContext(ctx, "called", "job_id", job)
	done, err := completed(in, t, job)
	if err != nil {
		return nil, err
	}
	if err := f.note(ctx, in, "settled", done); err != nil {
		return nil, err
	}
	log.InfoContext(ctx, "settled", "job_id", job)
	if err := f.bus.Do(ctx, "PutEvents", map[string]any{"Entries": []map[string]string{{
		"EventBusName": "bus", "Source": "plain", "DetailType": "dev.interlock.switch.completed.v1", "Detail": string(done),
	}}}, nil); err != nil {
		return nil, err
	}
	log.InfoContext(ctx, "published")
	return done, measure("Decisions", "Count", 1)
}

// measure writes a metric in the embedded metric format.
func measure(name, unit string, value float64) error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		name: value, "Switch": "proxy-ssl",
		"_aws": map[string]any{"Timestamp": time.Now().UnixMilli(), "CloudWatchMetrics": []any{map[string]any{
			"Namespace": "Plain", "Dimensions": [][]string{{"Switch"}}, "Metrics": []any{map[string]string{"Name": name, "Unit": unit}},
		}}},
	})
}

func completed(in event.Event, t ticket, job string) ([]byte, error) {
	out := event.New()
	out.SetID(in.ID() + "-completed")
	out.SetSource("urn:interlock:proxy-ssl")
	out.SetType("dev.interlock.switch.completed.v1")
	out.SetTime(time.Now())
	out.SetSubject(in.Subject())
	if err := out.SetData(event.ApplicationJSON, map[string]any{
		"switch": t.Switch, "target": t.Target, "enabled": t.Enabled, "result": "accepted", "job_id": job,
		"cause": map[string]string{"id": in.ID(), "source": in.Source(), "type": in.Type(), "ticket": t.Ticket.ID},
	}); err != nil {
		return nil, err
	}
	return out.MarshalJSON()
}

func (f *function) note(ctx context.Context, in event.Event, state string, record []byte) error {
	return f.table.Do(ctx, "PutItem", map[string]any{"TableName": "table", "Item": map[string]text{
		"pk": {in.Source() + " " + in.ID()}, "state": {state}, "record": {string(record)},
	}}, nil)
}

// claim is one write of Interlock's ledger.
func (f *function) claim(ctx context.Context, in event.Event, t ticket, payload []byte) error {
	content, now := sha256.Sum256(payload), time.Now()
	_, err := f.ledger.Claim(ctx, ledger.Claim{
		Key: ledger.Key{Switch: t.Switch, Source: in.Source(), ID: in.ID()}, Content: hex.EncodeToString(content[:]),
		Project: t.Target.ProjectID, Instance: t.Target.InstanceID, Slot: t.Switch + " " + t.Target.ProxyID,
		Order: now, Stored: payload, Nonce: rand.Text(), Now: now, Lease: now.Add(time.Minute),
	})
	return err
}

func (f *function) flip(ctx context.Context, t ticket) (string, error) {
	body, err := json.Marshal(map[string]bool{"ssl_option": *t.Enabled})
	if err != nil {
		return "", err
	}
	to := t.Target
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, fmt.Sprintf("%s/v3/%s/instances/%s/proxy/%s/ssl",
		os.Getenv("INTERLOCK_GAUSSDB_ENDPOINT"), to.ProjectID, to.InstanceID, to.ProxyID), bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	if err := f.keys.Authorize(ctx, req, cloudapi.Call{ProjectID: to.ProjectID, Body: body, Now: time.Now()}); err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var answer struct {
		JobID string `json:"job_id"`
	}
	err = json.NewDecoder(res.Body).Decode(&answer)
	return answer.JobID, err
}
