//go:build verify

package artefact

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// account is what template.yaml makes, on emulators: a table, a bus, a secret,
// and for each function a queue and the rules that fill it. It is each test's
// own.
type account struct {
	t     testing.TB
	name  string
	leaks *leaks

	cloud *cloudsim.Cloud
	// cloudW, table, bus, secret and sqs stand between the functions and what
	// they call.
	cloudW, table, bus, secrets, sqs *wire
	// queues has each queue's URL: of each function, and of whoever listens to
	// the out-events.
	queues    map[string]string
	functions map[string]*lambda
	// delivered is how many messages were taken, for good, when it last drove.
	delivered int

	mu sync.Mutex
	// heard are the out-events that were taken from the listener's queue.
	heard []event.Event
}

const region = "eu-central-1"

var accounts atomic.Int64

func newAccount(t testing.TB, functions ...string) *account {
	t.Helper()
	a := &account{
		t: t, name: fmt.Sprintf("interlock-%d-%d", os.Getpid(), accounts.Add(1)), leaks: newLeaks(),
		cloud: newCloud(keys), queues: map[string]string{}, functions: map[string]*lambda{},
	}
	a.cloudW = newWire(t, a.cloud, a.leaks)
	a.table = newWire(t, emulator(t, "TEST_DYNAMODB"), a.leaks)
	for _, w := range []**wire{&a.bus, &a.secrets, &a.sqs} {
		*w = newWire(t, emulator(t, "TEST_AWS"), a.leaks)
	}
	a.createTable()
	a.listed()
	a.do(awsjson.EventBridge, "CreateEventBus", object{"Name": a.name}, nil)
	a.do(awsjson.SecretsManager, "CreateSecret", object{"Name": a.name, "SecretString": secretText(keys)}, nil)
	a.createQueue("listener", object{"source": []string{"interlock"}})
	for _, f := range functions {
		a.createQueue(f, nil)
		a.functions[f] = deploy(t, build(t, artefact), f, append(cloudEnv(a.cloudW),
			"AWS_REGION="+region, "AWS_ACCESS_KEY_ID=AKIA"+strings.ToUpper(strings.ReplaceAll(canary, "-", "")),
			"AWS_SECRET_ACCESS_KEY=aws-"+canary, "AWS_SESSION_TOKEN=session-"+canary,
			"AWS_ENDPOINT_URL_DYNAMODB="+a.table.URL(), "AWS_ENDPOINT_URL_EVENTBRIDGE="+a.bus.URL(),
			"AWS_ENDPOINT_URL_SECRETS_MANAGER="+a.secrets.URL(), "AWS_ENDPOINT_URL_SQS="+a.sqs.URL(),
			"INTERLOCK_LEDGER=dynamodb:"+a.name, "INTERLOCK_BUS=eventbridge:"+a.name, "INTERLOCK_SECRET_ID="+a.name,
			"INTERLOCK_QUEUE_URL="+a.queues[f], "INTERLOCK_QUIET=1s",
		)...)
	}
	t.Cleanup(a.nothingLeaked)
	return a
}

func secretText(k cloudsim.Credentials) string {
	return fmt.Sprintf(`{"HUAWEICLOUD_SDK_AK":%q,"HUAWEICLOUD_SDK_SK":%q,"note":%q}`, k.AccessKey, k.SecretKey, canary)
}

// emulator leads to an emulator of AWS. DynamoDB Local keeps a database for
// each access key: the functions' and the tests' are to be one.
func emulator(t testing.TB, variable string) http.Handler {
	t.Helper()
	text := os.Getenv(variable)
	require.NotEmpty(t, text, variable+": not set; see tools/emulators/run")
	u, err := url.Parse(text)
	require.NoError(t, err)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Header.Set("Authorization", testerHeader(r.In.Header.Get("X-Amz-Target")))
			r.Out.Header.Del("X-Amz-Security-Token")
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

// testerHeader is all of a signature that emulators read: key, region, service.
func testerHeader(target string) string {
	for _, s := range []awsjson.Service{awsjson.DynamoDB, awsjson.EventBridge, awsjson.SQS, awsjson.SecretsManager} {
		if strings.HasPrefix(target, s.Target+".") {
			return "AWS4-HMAC-SHA256 Credential=tester/20261122/" + region + "/" + s.Name + "/aws4_request, SignedHeaders=host, Signature=0"
		}
	}
	return ""
}

// do calls an emulator past the wires.
func (a *account) do(s awsjson.Service, operation string, in, out any) {
	a.t.Helper()
	variable := "TEST_AWS"
	if s == awsjson.DynamoDB {
		variable = "TEST_DYNAMODB"
	}
	a.doAt(s, variable, operation, in, out)
}

// doAt calls the emulator that a variable names.
func (a *account) doAt(s awsjson.Service, variable, operation string, in, out any) {
	a.t.Helper()
	env := map[string]string{
		"AWS_REGION": region, "AWS_ENDPOINT_URL": os.Getenv(variable),
		"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "tester",
	}
	c, err := awsjson.FromEnv(s, func(name string) string { return env[name] }, nil)
	require.NoError(a.t, err)
	require.NoError(a.t, c.Do(context.Background(), operation, in, out))
}

// createTable makes the table of template.yaml.
func (a *account) createTable() {
	a.t.Helper()
	a.do(awsjson.DynamoDB, "CreateTable", object{
		"TableName": a.name, "BillingMode": "PAY_PER_REQUEST",
		"AttributeDefinitions": []object{
			{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "wq", "AttributeType": "N"}, {"AttributeName": "due", "AttributeType": "N"},
		},
		"KeySchema": []object{{"AttributeName": "pk", "KeyType": "HASH"}},
		"GlobalSecondaryIndexes": []object{{
			"IndexName":  "work",
			"KeySchema":  []object{{"AttributeName": "wq", "KeyType": "HASH"}, {"AttributeName": "due", "KeyType": "RANGE"}},
			"Projection": object{"ProjectionType": "KEYS_ONLY"},
		}},
	}, nil)
	a.t.Cleanup(func() { a.do(awsjson.DynamoDB, "DeleteTable", object{"TableName": a.name}, nil) })
}

// listed has the ledger know that the list of jobs shows those of ours, as it does
// when the first has been followed to its end.
func (a *account) listed() {
	a.t.Helper()
	first, err := ledger.Encode(ledger.Key{Switch: "jobfollow", Source: "urn:test", ID: "the first"})
	require.NoError(a.t, err)
	a.do(awsjson.DynamoDB, "PutItem", object{"TableName": a.name, "Item": object{
		"pk": object{"S": "j#" + localtest.Proxy.ProjectID + "/" + ledger.Listed}, "f": object{"N": "1"}, "k": object{"S": string(first)},
	}}, nil)
}

// createQueue makes a queue, and, with a pattern, a rule of the bus that fills
// it.
func (a *account) createQueue(name string, pattern any) {
	a.t.Helper()
	var queue struct{ QueueUrl string }
	a.do(awsjson.SQS, "CreateQueue", object{"QueueName": a.name + "-" + name, "Attributes": object{"VisibilityTimeout": "180"}}, &queue)
	a.queues[name] = queue.QueueUrl
	if pattern != nil {
		a.rule(name, name, pattern)
	}
}

func (a *account) rule(name, queue string, pattern any) {
	a.t.Helper()
	a.do(awsjson.EventBridge, "PutRule", object{"Name": a.name + "-" + name, "EventBusName": a.name, "EventPattern": string(marshal(a.t, pattern))}, nil)
	a.do(awsjson.EventBridge, "PutTargets", object{"Rule": a.name + "-" + name, "EventBusName": a.name, "Targets": []object{
		{"Id": "queue", "Arn": "arn:aws:sqs:" + region + ":123456789012:" + a.name + "-" + queue},
	}}, nil)
}

// produce puts an event on the bus, as a ticket system does.
func (a *account) produce(event []byte) { a.t.Helper(); a.putAs("tickets", "change", event) }

// putAs puts an event on the bus under a name.
func (a *account) putAs(source, detailType string, event []byte) {
	a.t.Helper()
	var told struct{ FailedEntryCount int }
	a.do(awsjson.EventBridge, "PutEvents", object{"Entries": []object{
		{"EventBusName": a.name, "Source": source, "DetailType": detailType, "Detail": string(event)},
	}}, &told)
	require.Zero(a.t, told.FailedEntryCount)
}

type message struct {
	MessageId, ReceiptHandle, Body string
	MessageAttributes              map[string]lambdaevents.SQSMessageAttribute
}

// receive takes what is in a queue; it stays hidden there.
func (a *account) receive(queue string) []message {
	a.t.Helper()
	var got struct{ Messages []message }
	a.do(awsjson.SQS, "ReceiveMessage", object{"QueueUrl": a.queues[queue], "MaxNumberOfMessages": 10, "WaitTimeSeconds": 0, "MessageAttributeNames": []string{"All"}}, &got)
	return got.Messages
}

// turn delivers to a function what is in its queue, as Lambda's event source
// mapping does, and returns what was delivered and what failed.
func (a *account) turn(name string) (delivered int, failed []message) {
	a.t.Helper()
	messages := a.receive(name)
	if len(messages) == 0 {
		return 0, nil
	}
	back := map[string]bool{}
	for _, id := range failures(a.t, a.functions[name].invoke(a.delivery(name, messages))) {
		back[id] = true
	}
	for _, m := range messages {
		if back[m.MessageId] {
			failed = append(failed, m)
			continue
		}
		a.do(awsjson.SQS, "DeleteMessage", object{"QueueUrl": a.queues[name], "ReceiptHandle": m.ReceiptHandle}, nil)
	}
	return len(messages), failed
}

// delivery is the payload by which Lambda delivers messages to a function.
func (a *account) delivery(name string, messages []message) []byte {
	var e lambdaevents.SQSEvent
	for _, m := range messages {
		e.Records = append(e.Records, lambdaevents.SQSMessage{
			MessageId: m.MessageId, ReceiptHandle: m.ReceiptHandle, Body: m.Body, MessageAttributes: m.MessageAttributes, EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:" + region + ":123456789012:" + a.name + "-" + name, AWSRegion: region,
		})
	}
	return marshal(a.t, e)
}

// published are the out-events that ever came to the listener's queue.
func (a *account) published() []event.Event {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.receive("listener") {
		var envelope struct {
			Source     string
			DetailType string `json:"detail-type"`
			Detail     event.Event
		}
		require.NoError(a.t, json.Unmarshal([]byte(m.Body), &envelope), m.Body)
		require.NoError(a.t, envelope.Detail.Validate())
		require.Equal(a.t, "interlock", envelope.Source)
		require.Equal(a.t, envelope.Detail.Type(), envelope.DetailType)
		a.leaks.none(a.t, "an out-event", m.Body)
		a.heard = append(a.heard, envelope.Detail)
		a.do(awsjson.SQS, "DeleteMessage", object{"QueueUrl": a.queues["listener"], "ReceiptHandle": m.ReceiptHandle}, nil)
	}
	return a.heard
}

// ids are the ids of the out-events so far, each once.
func (a *account) ids() map[string]string {
	ids := map[string]string{}
	for _, ev := range a.published() {
		ids[ev.ID()] = ev.Type()
	}
	return ids
}

// until waits for what may take a while: a wait's end, or a lease's. Its guard is
// for a machine that has much else to do.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	end := time.Now().Add(5 * time.Minute)
	for tick := time.NewTicker(100 * time.Millisecond); !so(); <-tick.C {
		require.True(t, time.Now().Before(end), what)
	}
}

// nothingLeaked looks through all that the functions wrote, answered, stored,
// queued and published.
func (a *account) nothingLeaked() {
	for _, f := range a.functions {
		if f.out.String() != "" {
			nothingLeaked(a.t, a.leaks, f)
		}
	}
	for where, w := range map[string]*wire{"the table": a.table, "the bus": a.bus, "a queue": a.sqs} {
		for _, c := range w.history {
			a.leaks.none(a.t, "what went to "+where, string(c.Body))
		}
	}
}
