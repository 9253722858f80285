package lambdahost

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// complete is an environment with which a function starts.
func complete() map[string]string {
	return map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "very-secret",
		"INTERLOCK_REGION": "eu-west-101", "INTERLOCK_LEDGER": "dynamodb:table", "INTERLOCK_BUS": "eventbridge:bus",
		"INTERLOCK_SECRET_ID": "secret", "INTERLOCK_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/q",
	}
}

const hookKey = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func open(vars map[string]string) (*doors.Door, error) { return openAs("proxyssl", vars) }

func openAs(function string, vars map[string]string) (*doors.Door, error) {
	env := Environment{Get: func(name string) string { return vars[name] }}
	for name, value := range vars {
		env.All = append(env.All, name+"="+value)
	}
	return Open(function, functions.All(), env, slog.New(slog.DiscardHandler), io.Discard)
}

func TestOpen(t *testing.T) {
	vars := complete()
	vars["INTERLOCK_WEBHOOK_ORIGINS"] = "https://tickets.example.com"
	door, err := open(vars)
	require.NoError(t, err)
	require.Equal(t, "proxyssl", door.Function)
	require.Equal(t, "proxy-ssl", door.Switch)
	require.Equal(t, []string{"https://tickets.example.com"}, door.Origins)
	require.NotNil(t, door.Sweep)
	require.NotNil(t, door.Queue)

	delete(vars, "INTERLOCK_QUEUE_URL")
	vars["INTERLOCK_LEDGER"], vars["INTERLOCK_BUS"] = "memory:", "http:https://events.example.com/in"
	door, err = open(vars)
	require.NoError(t, err)
	require.Nil(t, door.Queue)
}

// Each wrong setting is one line that names the variable, and tells nothing
// secret.
func TestOpenStops(t *testing.T) {
	const canary = "canary-5e2f0c6d9b"
	for name, c := range map[string]struct {
		set  map[string]string
		want string
	}{
		"no region":         {map[string]string{"INTERLOCK_REGION": ""}, "INTERLOCK_REGION: not set"},
		"no ledger":         {map[string]string{"INTERLOCK_LEDGER": ""}, "INTERLOCK_LEDGER: not set"},
		"no table":          {map[string]string{"INTERLOCK_LEDGER": "dynamodb:"}, "INTERLOCK_LEDGER: found"},
		"a database":        {map[string]string{"INTERLOCK_LEDGER": "postgres://u:" + canary + "@h/d?password=" + canary}, "INTERLOCK_LEDGER: found \"postgres:…\", expected dynamodb:TABLE"},
		"a file":            {map[string]string{"INTERLOCK_LEDGER": "bolt:/tmp/x"}, "INTERLOCK_LEDGER: found \"bolt:/tmp/x\", expected dynamodb:TABLE"},
		"no bus":            {map[string]string{"INTERLOCK_BUS": ""}, "INTERLOCK_BUS: not set"},
		"a bus without TLS": {map[string]string{"INTERLOCK_BUS": "http:http://u:" + canary + "@events.example.com?k=" + canary}, "INTERLOCK_BUS: "},
		"two ways in":       {map[string]string{"INTERLOCK_AUTH_TOKEN": canary}, "INTERLOCK_SECRET_ID: "},
		"no way in":         {map[string]string{"INTERLOCK_SECRET_ID": ""}, "INTERLOCK_SECRET_ID"},
		"misspelt":          {map[string]string{"INTERLOCK_QEUE_URL": "x"}, "INTERLOCK_QEUE_URL: unknown variable"},
		"no AWS region":     {map[string]string{"AWS_REGION": ""}, "AWS_REGION: not set"},
		"ledger elsewhere":  {map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": "http://table.example.com"}, "AWS_ENDPOINT_URL_DYNAMODB: "},
		"bus elsewhere":     {map[string]string{"AWS_ENDPOINT_URL_EVENTBRIDGE": "http://bus.example.com"}, "AWS_ENDPOINT_URL_EVENTBRIDGE: "},
		"secret elsewhere":  {map[string]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://" + canary + ":" + canary + "@secret.example.com"}, "AWS_ENDPOINT_URL_SECRETS_MANAGER: "},
		"queue elsewhere":   {map[string]string{"AWS_ENDPOINT_URL_SQS": "http://queue.example.com"}, "AWS_ENDPOINT_URL_SQS: "},
		"an open door":      {map[string]string{"INTERLOCK_OPEN": "true"}, "INTERLOCK_OPEN: found true"},
		"a key's producer":  {map[string]string{"INTERLOCK_WEBHOOK_SECRETS": "name=a;from=remedy:" + hookKey}, "INTERLOCK_WEBHOOK_SECRETS: key a: from: found \"remedy\", expected of servicenow, jira, cdevents, config, cloudevents"},
		"a key's type":      {map[string]string{"INTERLOCK_WEBHOOK_SECRETS": "name=a;types=dev.interlock.ticket.approved.v1|ticket.approved:" + hookKey}, "key a: types: found \"ticket.approved\""},
		"a key's switch":    {map[string]string{"INTERLOCK_WEBHOOK_SECRETS": hookKey + "AAAA,name=b;switches=proxyssl:" + hookKey}, "key b: switches: found \"proxyssl\", expected of proxy-alt, "},
		"a duration":        {map[string]string{"INTERLOCK_QUIET": "60"}, "INTERLOCK_QUIET: found \"60\""},
	} {
		t.Run(name, func(t *testing.T) {
			vars := complete()
			for name, value := range c.set {
				vars[name] = value
			}
			_, err := open(vars)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
			require.NotContains(t, strings.ReplaceAll(err.Error(), "//"+canary+":xxxxx@", ""), canary)
		})
	}
}

// sqs is a queue that answers each call with a status.
func sqs(t *testing.T, status int) (*queue, *[]map[string]any) {
	t.Helper()
	var got []map[string]any
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in := map[string]any{"operation": r.Header.Get("X-Amz-Target")}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			t.Error(err)
		}
		got = append(got, in)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no such queue"}`)
	}))
	t.Cleanup(server.Close)
	vars := complete()
	vars["AWS_ENDPOINT_URL_SQS"] = server.URL
	c, err := awsjson.FromEnv(awsjson.SQS, func(name string) string { return vars[name] }, nil)
	require.NoError(t, err)
	return &queue{client: c, url: vars["INTERLOCK_QUEUE_URL"]}, &got
}

func TestQueue(t *testing.T) {
	ev := event.New()
	ev.SetID("1")
	ev.SetType("t")
	ev.SetSource("urn:s")
	require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(`{"a":"<&>"}`)))
	url := complete()["INTERLOCK_QUEUE_URL"]
	for _, c := range []struct {
		wait            time.Duration
		delayed, hidden float64
	}{
		{0, 0, 0}, {time.Millisecond, 1, 1}, {10 * time.Second, 10, 10}, {10*time.Second + 1, 11, 11},
		{15 * time.Minute, 900, 900}, {time.Hour, 900, 3600}, {12*time.Hour - time.Minute, 900, 43140}, {24 * time.Hour, 900, 43140},
	} {
		q, got := sqs(t, http.StatusOK)
		require.NoError(t, q.put(t.Context(), ev, c.wait))
		require.NoError(t, q.hide(t.Context(), "receipt", c.wait))
		put, hide := (*got)[0], (*got)[1]
		require.Equal(t, "AmazonSQS.SendMessage", put["operation"])
		require.Equal(t, url, put["QueueUrl"])
		require.Equal(t, c.delayed, put["DelaySeconds"], c.wait)
		var sent event.Event
		require.NoError(t, json.Unmarshal([]byte(put["MessageBody"].(string)), &sent))
		require.Equal(t, ev, sent)
		require.Equal(t, map[string]any{
			"operation": "AmazonSQS.ChangeMessageVisibility", "QueueUrl": url, "ReceiptHandle": "receipt", "VisibilityTimeout": c.hidden,
		}, hide, c.wait)
	}
}

// A message keeps how its event came in, and its queue is known by its ARN.
func TestQueueKeepsTheDoor(t *testing.T) {
	ev := event.New()
	ev.SetID("1")
	ev.SetType("t")
	ev.SetSource("urn:s")
	q, got := sqs(t, http.StatusOK)
	require.NoError(t, q.put(t.Context(), ev, 0))
	require.NoError(t, q.put(admission.With(t.Context(), admission.Admission{Door: "url", Signer: "snow"}), ev, 0))
	require.NotContains(t, (*got)[0], "MessageAttributes", "SQS takes no empty ones")
	require.Equal(t, map[string]any{
		"door":   map[string]any{"DataType": "String", "StringValue": "url"},
		"signer": map[string]any{"DataType": "String", "StringValue": "snow"},
	}, (*got)[1]["MessageAttributes"])

	require.True(t, q.own("arn:aws:sqs:eu-central-1:123456789012:q"))
	for _, arn := range []string{"", "q", "arn:aws:sqs:eu-central-1:123456789012:qq", "arn:aws:sqs:eu-central-1:023456789012:q", "arn:aws:sqs:eu-central-1:123456789012:x:q"} {
		require.False(t, q.own(arn), arn)
	}
	require.False(t, (&queue{url: "q"}).own("arn:aws:sqs:eu-central-1:123456789012:q"))
	door, err := open(complete())
	require.NoError(t, err)
	require.True(t, door.Queue.Own("arn:aws:sqs:eu-central-1:123456789012:q"))
}

func TestQueueAway(t *testing.T) {
	q, _ := sqs(t, http.StatusBadRequest)
	ev := event.New()
	ev.SetID("1")
	ev.SetType("t")
	ev.SetSource("urn:s")
	for _, err := range []error{q.put(t.Context(), ev, 0), q.hide(t.Context(), "the-receipt", 0)} {
		require.ErrorContains(t, err, "queue: ")
		require.ErrorContains(t, err, ": 400 QueueDoesNotExist: ")
		require.NotContains(t, err.Error(), "the-receipt")
	}
}

func TestJobFollow(t *testing.T) {
	door, err := openAs("jobfollow", map[string]string{
		"INTERLOCK_LEDGER": "memory:", "INTERLOCK_BUS": "memory:", "INTERLOCK_REGION": "eu-west-101", "INTERLOCK_AUTH_TOKEN": "t",
	})
	require.NoError(t, err)
	require.Equal(t, "jobfollow", door.Switch, "it has no other")
	require.NoError(t, door.Sweep(t.Context()))
}

// A function that there is not would ignore whatever it is sent.
func TestNoSuchFunction(t *testing.T) {
	for _, name := range []string{"multitenat", "proxy-ssl", "bootstrap", ""} {
		_, err := openAs(name, complete())
		require.ErrorContains(t, err, fmt.Sprintf("_HANDLER: found %q, expected the name of a function: proxyalt, ", name))
		require.ErrorContains(t, err, ", jobfollow")
	}
}
