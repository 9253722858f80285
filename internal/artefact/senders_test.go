package artefact

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/local/localtest"
)

// sender is who delivers events to a function: how they look, and what it makes
// of the answer.
type sender struct {
	name string
	// wrap makes the payload of one delivery.
	wrap func(t testing.TB, event []byte) []byte
	// again tells whether the sender will deliver the event again.
	again func(t testing.TB, a answer) bool
	// event is the out-event in the answer, of those that get one.
	event func(t testing.TB, a answer) []byte
}

func senders() []sender {
	return []sender{
		{"direct", func(_ testing.TB, e []byte) []byte { return e }, erred, whole},
		{"direct batch", func(_ testing.TB, e []byte) []byte { return joined(e) }, erred, firstOf},
		{"function URL", func(t testing.TB, e []byte) []byte {
			return request(t, "application/cloudevents+json", string(e), false)
		}, refused, inBody},
		{"function URL, Base64", func(t testing.TB, e []byte) []byte {
			return request(t, "application/cloudevents+json; charset=UTF-8", base64.StdEncoding.EncodeToString(e), true)
		}, refused, inBody},
		{"function URL, binary mode", binary, refused, inBody},
		{"function URL, batch", func(t testing.TB, e []byte) []byte {
			return request(t, "application/cloudevents-batch+json", string(joined(e)), false)
		}, refused, func(t testing.TB, a answer) []byte { return firstOf(t, answer{Body: inBody(t, a)}) }},
		{"EventBridge", func(t testing.TB, e []byte) []byte { return bridge(t, e) }, erred, nil},
		{"EventBridge, plain", plain, erred, nil},
		{"custom bus", func(t testing.TB, e []byte) []byte { return joined(bridge(t, e)) }, erred, nil},
		{"SNS", sns, erred, nil},
		{"EventGrid", func(_ testing.TB, e []byte) []byte { return slices.Concat([]byte(`{"events":[`), e, []byte(`]}`)) }, erred, nil},
		{"SQS", func(t testing.TB, e []byte) []byte { return sqs(t, string(e)) }, reported, nil},
		{"SQS behind EventBridge", func(t testing.TB, e []byte) []byte { return sqs(t, string(bridge(t, e))) }, reported, nil},
	}
}

func joined(events ...[]byte) []byte {
	return slices.Concat([]byte("["), slices.Concat(events...), []byte("]"))
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}

// request is one to a function URL.
func request(t testing.TB, contentType, body string, base64 bool) []byte {
	r := lambdaevents.LambdaFunctionURLRequest{
		Version: "2.0", RawPath: "/", Headers: map[string]string{"content-type": contentType, "host": "x.lambda-url.eu-central-1.on.aws"},
		Body: body, IsBase64Encoded: base64,
	}
	r.RequestContext.HTTP.Method, r.RequestContext.HTTP.Path = http.MethodPost, "/"
	r.RequestContext.Authorizer = &lambdaevents.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &lambdaevents.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::123456789012:role/tickets"},
	}
	return marshal(t, r)
}

// binary is a request whose header holds the event's attributes.
func binary(t testing.TB, event []byte) []byte {
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(event, &members))
	var r lambdaevents.LambdaFunctionURLRequest
	require.NoError(t, json.Unmarshal(request(t, "application/json", string(members["data"]), false), &r))
	for name, value := range members {
		if text := ""; json.Unmarshal(value, &text) == nil && name != "datacontenttype" {
			r.Headers["ce-"+name] = text
		}
	}
	return marshal(t, r)
}

// bridge is EventBridge's envelope around an event.
func bridge(t testing.TB, event []byte) []byte {
	return marshal(t, lambdaevents.EventBridgeEvent{
		Version: "0", ID: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", DetailType: "change", Source: "tickets", AccountID: "123456789012",
		Time: time.Now().UTC().Truncate(time.Second), Region: "eu-central-1", Resources: []string{}, Detail: event,
	})
}

// plain is EventBridge's own event, whose detail is the data of a CloudEvent.
func plain(t testing.TB, event []byte) []byte {
	var e struct {
		ID, Type, Source string
		Data             json.RawMessage
	}
	require.NoError(t, json.Unmarshal(event, &e))
	return marshal(t, lambdaevents.EventBridgeEvent{
		Version: "0", ID: e.ID, DetailType: e.Type, Source: e.Source, AccountID: "123456789012",
		Time: time.Now().UTC().Truncate(time.Second), Region: "eu-central-1", Resources: []string{}, Detail: e.Data,
	})
}

func sns(t testing.TB, event []byte) []byte {
	return marshal(t, lambdaevents.SNSEvent{Records: []lambdaevents.SNSEventRecord{{
		EventVersion: "1.0", EventSource: "aws:sns", EventSubscriptionArn: "arn:aws:sns:eu-central-1:123456789012:topic:x",
		SNS: lambdaevents.SNSEntity{Type: "Notification", TopicArn: "arn:aws:sns:eu-central-1:123456789012:topic", MessageID: "m", Message: string(event)},
	}}})
}

// sqs is a delivery of messages, m0, m1 and so on, with no receipt that a queue
// would know.
func sqs(t testing.TB, bodies ...string) []byte {
	var e lambdaevents.SQSEvent
	for i, b := range bodies {
		e.Records = append(e.Records, lambdaevents.SQSMessage{
			MessageId: fmt.Sprintf("m%d", i), Body: b, EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:eu-central-1:123456789012:queue", AWSRegion: "eu-central-1",
		})
	}
	return marshal(t, e)
}

// erred: an error is all by which these senders are told.
func erred(t testing.TB, a answer) bool {
	t.Helper()
	require.False(t, a.Exited, "the process ended")
	if a.failed() {
		require.Equal(t, "Later", a.ErrorType, a.ErrorMessage)
	}
	return a.failed()
}

// refused: a status that says when to come back.
func refused(t testing.TB, a answer) bool {
	t.Helper()
	r := response(t, a)
	if r.StatusCode/100 == 2 {
		return false
	}
	require.NotEmpty(t, r.Headers["Retry-After"], "%d %s", r.StatusCode, r.Body)
	require.Equal(t, "application/problem+json", r.Headers["Content-Type"])
	return true
}

func response(t testing.TB, a answer) (r lambdaevents.LambdaFunctionURLResponse) {
	t.Helper()
	require.False(t, a.failed(), "%+v", a)
	require.NoError(t, json.Unmarshal(a.Body, &r), string(a.Body))
	return r
}

// reported: the message is among those that failed.
func reported(t testing.TB, a answer) bool {
	t.Helper()
	return len(failures(t, a)) > 0
}

func failures(t testing.TB, a answer) (ids []string) {
	t.Helper()
	require.False(t, a.failed(), "%+v", a)
	var r lambdaevents.SQSEventResponse
	require.NoError(t, json.Unmarshal(a.Body, &r))
	require.NotNil(t, r.BatchItemFailures)
	for _, f := range r.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func whole(_ testing.TB, a answer) []byte { return a.Body }

func firstOf(t testing.TB, a answer) []byte {
	t.Helper()
	var all []json.RawMessage
	require.NoError(t, json.Unmarshal(a.Body, &all), string(a.Body))
	require.Len(t, all, 1)
	return all[0]
}

func inBody(t testing.TB, a answer) []byte { return []byte(response(t, a).Body) }

// ticket is an approved ticket for a switch, one of its own: its id and its
// instance are named after what it is for, and it was approved just now.
func ticket(t testing.TB, name string, serial int, more ...any) []byte {
	t.Helper()
	sample := localtest.Sample(t, "ticket.approved", name)
	changes := append([]any{
		"id", fmt.Sprintf("CHG%04d-1", serial), "time", time.Now().UTC().Format(time.RFC3339), "data.ticket.id", fmt.Sprintf("CHG%04d", serial),
		"data.ticket.approved_at", localtest.Gone, "data.ticket.window", localtest.Gone,
	}, more...)
	if name != "database-audit" {
		changes = append(changes, "data.target.instance_id", instance(serial))
	}
	return localtest.Edit(t, sample, changes...)
}

func instance(serial int) string { return fmt.Sprintf("%032xin07", serial) }
