// Command plain does proxyssl's job as one would write it down in an hour: it
// reads the event, notes it in a table, calls the cloud, notes the answer and
// puts an event on the bus. It checks nothing, finishes nothing that was broken
// off, and keeps no order; it is what Interlock's care is measured against.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

type ticket struct {
	ID     string
	Source string
	Data   struct {
		Enabled bool
		Target  struct {
			ProjectID  string `json:"project_id"`
			InstanceID string `json:"instance_id"`
			ProxyID    string `json:"proxy_id"`
		}
	}
}

type text struct{ S string }

type function struct {
	table, bus *awsjson.Client
	keys       cloudapi.Authenticator
	// writes is how often the table is written for one event.
	writes int
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
	f = new(function)
	if f.writes, err = strconv.Atoi(os.Getenv("WRITES")); err != nil {
		return nil, err
	}
	if f.table, err = awsjson.FromEnv(awsjson.DynamoDB, os.Getenv, nil); err != nil {
		return nil, err
	}
	if f.bus, err = awsjson.FromEnv(awsjson.EventBridge, os.Getenv, nil); err != nil {
		return nil, err
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

func (f *function) handle(ctx context.Context, t ticket) (json.RawMessage, error) {
	for range f.writes - 1 {
		if err := f.note(ctx, t, "claimed"); err != nil {
			return nil, err
		}
	}
	job, err := f.flip(ctx, t)
	if err != nil {
		return nil, err
	}
	if err := f.note(ctx, t, job); err != nil {
		return nil, err
	}
	done, err := json.Marshal(map[string]any{
		"specversion": "1.0", "type": "dev.interlock.switch.completed.v1", "id": t.ID, "source": "urn:interlock:proxy-ssl",
		"data": map[string]any{"switch": "proxy-ssl", "target": t.Data.Target, "enabled": t.Data.Enabled, "job_id": job},
	})
	if err != nil {
		return nil, err
	}
	return done, f.bus.Do(ctx, "PutEvents", map[string]any{"Entries": []map[string]string{{
		"EventBusName": "bus", "Source": "plain", "DetailType": "dev.interlock.switch.completed.v1", "Detail": string(done),
	}}}, nil)
}

func (f *function) note(ctx context.Context, t ticket, state string) error {
	return f.table.Do(ctx, "PutItem", map[string]any{
		"TableName": "table", "Item": map[string]text{"pk": {t.Source + t.ID}, "state": {state}},
	}, nil)
}

func (f *function) flip(ctx context.Context, t ticket) (string, error) {
	body, err := json.Marshal(map[string]bool{"ssl_option": t.Data.Enabled})
	if err != nil {
		return "", err
	}
	to := t.Data.Target
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
