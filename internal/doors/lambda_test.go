package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/pkg/engine"
)

var _ lambda.Handler = (*Door)(nil)

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return b
}

// bridge is EventBridge's envelope around a detail.
func bridge(t *testing.T, detail string) string {
	return string(marshal(t, lambdaevents.EventBridgeEvent{
		Version: "0", ID: "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", DetailType: "dev.interlock.switch.completed.v1", Source: "interlock",
		AccountID: "123456789012", Time: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Region: "eu-west-1",
		Resources: []string{}, Detail: json.RawMessage(detail),
	}))
}

func snsRecord(message string) lambdaevents.SNSEventRecord {
	return lambdaevents.SNSEventRecord{EventVersion: "1.0", EventSource: "aws:sns",
		EventSubscriptionArn: "arn:aws:sns:eu-west-1:123456789012:topic:x",
		SNS:                  lambdaevents.SNSEntity{Type: "Notification", TopicArn: "arn:aws:sns:eu-west-1:123456789012:topic", MessageID: "m", Message: message}}
}

func snsEnvelope(t *testing.T, message string) string {
	return string(marshal(t, snsRecord(message).SNS))
}

func sqsEvent(t *testing.T, bodies ...string) []byte {
	var e lambdaevents.SQSEvent
	for i, b := range bodies {
		e.Records = append(e.Records, lambdaevents.SQSMessage{MessageId: fmt.Sprintf("m%d", i), Body: b, EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:queue", AWSRegion: "eu-west-1"})
	}
	return marshal(t, e)
}

func TestDirect(t *testing.T) {
	for _, id := range []string{"accepted", "superseded", "gave-up"} {
		d, _ := newDoor(byID)
		answer, err := d.Invoke(context.Background(), []byte(structured(id)))
		require.NoError(t, err)
		ev, err := cloudevent.DecodeJSON(answer)
		require.NoError(t, err)
		require.Equal(t, "out-"+id, ev.ID())
	}
	d, _ := newDoor(byID)
	answer, err := d.Invoke(context.Background(), []byte(structured("ignored")))
	require.NoError(t, err)
	require.Equal(t, "null", string(answer))

	_, err = d.Invoke(context.Background(), []byte(structured("busy")))
	var wait *Later
	require.ErrorAs(t, err, &wait)
	require.EqualValues(t, "busy", wait.First.Code)

	for _, payload := range []string{`{"specversion":"1.0"}`, structured("accepted")[1:], "", `{"specversion":"1.0","specversion":"1.0"}`} {
		_, err = d.Invoke(context.Background(), []byte(payload))
		var none *NoEvent
		require.ErrorAs(t, err, &none, payload)
	}
}

func TestDirectBatch(t *testing.T) {
	d, _ := newDoor(byID)
	answer, err := d.Invoke(context.Background(), []byte("["+structured("applied")+`,{"specversion":"2.0"},`+structured("superseded")+"]"))
	require.NoError(t, err)
	items, err := cloudevent.DecodeBatchJSON(answer)
	require.NoError(t, err)
	require.Len(t, items, 3)
	require.Equal(t, "invalid-event", jsonOf(t, items[1].Event.Data())["error"].(map[string]any)["code"])

	answer, err = d.Invoke(context.Background(), []byte("[]"))
	require.NoError(t, err)
	require.Equal(t, "[]", string(answer))

	_, err = d.Invoke(context.Background(), []byte("["+structured("applied")+","+structured("doubt")+"]"))
	require.EqualError(t, err, "1 of 2 events to be handled later: doubt: detail")
}

// TestNothingOrAnError: senders that read no answer.
func TestNothingOrAnError(t *testing.T) {
	shapes := map[string]func(event string) []byte{
		"EventBridge": func(e string) []byte { return []byte(bridge(t, e)) },
		"custom bus": func(e string) []byte {
			return []byte("[" + bridge(t, structured("applied")) + "," + bridge(t, e) + "]")
		},
		"SNS": func(e string) []byte {
			return marshal(t, lambdaevents.SNSEvent{Records: []lambdaevents.SNSEventRecord{snsRecord(e)}})
		},
		"SNS with an EventBridge envelope": func(e string) []byte {
			return marshal(t, lambdaevents.SNSEvent{Records: []lambdaevents.SNSEventRecord{snsRecord(bridge(t, e))}})
		},
		"EventGrid": func(e string) []byte { return []byte(`{"events":[` + structured("ignored") + `,` + e + `]}`) },
	}
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			for _, id := range []string{"accepted", "ignored", "superseded", "gave-up"} {
				d, s := newDoor(byID)
				answer, err := d.Invoke(context.Background(), shape(structured(id)))
				require.NoError(t, err)
				require.Equal(t, "null", string(answer))
				require.Contains(t, s.seen, id)
			}
			d, _ := newDoor(byID)
			var wait *Later
			_, err := d.Invoke(context.Background(), shape(structured("throttled")))
			require.ErrorAs(t, err, &wait)
			_, err = d.Invoke(context.Background(), shape(structured("panic")))
			require.ErrorAs(t, err, &wait)
			var none *NoEvent
			_, err = d.Invoke(context.Background(), shape(`{"specversion":"1.0","id":"x"}`))
			require.ErrorAs(t, err, &none)
		})
	}
}

// TestPlainEnvelope: what is no CloudEvent in EventBridge becomes one.
func TestPlainEnvelope(t *testing.T) {
	for _, detail := range []string{`{"a":[1,2]}`, `{"specversion":1,"a":2}`, `{}`} {
		var got event.Event
		d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
			got = ev
			return engine.Result{Kind: engine.Ignored}
		})
		_, err := d.Invoke(context.Background(), []byte(bridge(t, detail)))
		require.NoError(t, err)
		require.NoError(t, got.Validate())
		require.Equal(t, "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa", got.ID())
		require.Equal(t, "interlock", got.Source())
		require.Equal(t, "dev.interlock.switch.completed.v1", got.Type())
		require.Equal(t, "2026-11-22T09:00:00Z", got.Time().Format(time.RFC3339))
		require.Equal(t, "application/json", got.DataContentType())
		require.JSONEq(t, detail, string(got.Data()))
	}
}

func failures(t *testing.T, answer []byte) []string {
	var r lambdaevents.SQSEventResponse
	require.NoError(t, json.Unmarshal(answer, &r))
	ids := []string{}
	for _, f := range r.BatchItemFailures {
		ids = append(ids, f.ItemIdentifier)
	}
	return ids
}

func TestSQS(t *testing.T) {
	deep := structured("applied")
	for range nesting {
		deep = snsEnvelope(t, deep)
	}
	d, s := newDoor(byID)
	answer, err := d.Invoke(context.Background(), sqsEvent(t,
		structured("applied"),                            // m0: a bare event
		bridge(t, structured("superseded")),              // m1: rejected is done
		snsEnvelope(t, structured("gave-up")),            // m2: and so is failed
		snsEnvelope(t, bridge(t, structured("ignored"))), // m3
		structured("held"),                               // m4: to be retried
		"no JSON",                                        // m5: no event
		`{"specversion":"1.0"}`,                          // m6: no valid event
		structured("panic"),                              // m7
		"",                                               // m8
		deep,                                             // m9: too many envelopes
		"["+structured("applied")+"]",                    // m10: one message, one event
		snsEnvelope(t, snsEnvelope(t, bridge(t, structured("x")))),                                    // m11
		`{"Type":"SubscriptionConfirmation","Message":`+string(marshal(t, structured("applied")))+`}`, // m12
	))
	require.NoError(t, err)
	require.Equal(t, []string{"m4", "m5", "m6", "m7", "m8", "m9", "m10", "m12"}, failures(t, answer))
	require.ElementsMatch(t, []string{"applied", "superseded", "gave-up", "ignored", "held", "panic", "x"}, s.seen)

	answer, err = d.Invoke(context.Background(), sqsEvent(t, structured("applied")))
	require.NoError(t, err)
	require.Equal(t, `{"batchItemFailures":[]}`, string(answer), "null would fail the whole batch")
}

// TestSQSWithoutID: an empty id among the failures fails the whole batch
// silently.
func TestSQSWithoutID(t *testing.T) {
	d, _ := newDoor(byID)
	for id, fails := range map[string]bool{"applied": false, "busy": true} {
		_, err := d.Invoke(context.Background(), marshal(t, lambdaevents.SQSEvent{Records: []lambdaevents.SQSMessage{
			{EventSource: "aws:sqs", Body: structured(id)}}}))
		require.Equal(t, fails, err != nil)
	}
}

func urlRequest(header map[string]string, body string, encoded bool) lambdaevents.LambdaFunctionURLRequest {
	req := lambdaevents.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/", Headers: header, Body: body, IsBase64Encoded: encoded}
	req.RequestContext.HTTP.Method = "POST"
	req.RequestContext.Authorizer = &lambdaevents.LambdaFunctionURLRequestContextAuthorizerDescription{
		IAM: &lambdaevents.LambdaFunctionURLRequestContextAuthorizerIAMDescription{UserARN: "arn:aws:iam::123456789012:role/tickets"}}
	return req
}

func TestFunctionURL(t *testing.T) {
	binary := map[string]string{"content-type": "application/json", "ce-specversion": "1.0", "ce-id": "applied", "ce-type": "t", "ce-source": "/s"}
	event := structured("accepted")
	for name, test := range map[string]struct {
		header  map[string]string
		body    string
		encoded bool
		status  int
	}{
		"structured":         {map[string]string{"content-type": "application/cloudevents+json"}, event, false, 202},
		"structured, Base64": {map[string]string{"content-type": "application/cloudevents+json"}, base64.StdEncoding.EncodeToString([]byte(event)), true, 202},
		"binary":             {binary, `{"a":1}`, false, 200},
		"binary, Base64":     {binary, base64.StdEncoding.EncodeToString([]byte(`{"a":1}`)), true, 200},
		"no Base64":          {binary, "{}", true, 400},
		"batched":            {map[string]string{"content-type": "application/cloudevents-batch+json"}, "[" + event + "]", false, 200},
		"refused":            {map[string]string{"content-type": "text/plain"}, event, false, 415},
		"too large":          {map[string]string{"content-type": "application/cloudevents+json"}, strings.Repeat(" ", MaxBody+1), false, 413},
		"too large, Base64":  {binary, base64.StdEncoding.EncodeToString(make([]byte, MaxBody+1)), true, 413},
		"as large as may be": {binary, base64.StdEncoding.EncodeToString(make([]byte, MaxBody)), true, 200},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newDoor(byID)
			answer, err := d.Invoke(context.Background(), marshal(t, urlRequest(test.header, test.body, test.encoded)))
			require.NoError(t, err)
			var r lambdaevents.LambdaFunctionURLResponse
			require.NoError(t, json.Unmarshal(answer, &r))
			require.Equal(t, test.status, r.StatusCode, r.Body)
			require.NotEmpty(t, r.Headers["Content-Type"])
			require.False(t, r.IsBase64Encoded)
			require.NotContains(t, string(answer), `"cookies":null`)
		})
	}
	d, _ := newDoor(byID)
	req := urlRequest(map[string]string{"webhook-request-origin": "a.example.com"}, "", false)
	req.RequestContext.HTTP.Method = "OPTIONS"
	d.Origins = []string{"a.example.com"}
	answer, err := d.Invoke(context.Background(), marshal(t, req))
	require.NoError(t, err)
	require.Contains(t, string(answer), `"Webhook-Allowed-Origin":"a.example.com"`)
}

// TestSeenWhole: a message reaches the function byte by byte as it was sent,
// whatever brings it.
func TestSeenWhole(t *testing.T) {
	sent := `{"specversion":"1.0","type":"t","source":"HTTP://Host/%7e","id":"<&>\u20ac","time":"2026-11-22T10:00:00.5+01:00","n":-7,"b":true,"traceparent":"00-x","data":{"big":12345678901234567890,"f":1.10,"s":"<a>"}}`
	for name, payload := range map[string][]byte{
		"direct":       []byte(sent),
		"batch":        []byte("[" + sent + "]"),
		"EventBridge":  []byte(`{"version":"0","id":"x","detail-type":"t","source":"s","detail":` + sent + `}`),
		"SNS":          marshal(t, lambdaevents.SNSEvent{Records: []lambdaevents.SNSEventRecord{snsRecord(sent)}}),
		"SQS":          sqsEvent(t, sent),
		"EventGrid":    []byte(`{"events":[` + sent + `]}`),
		"function URL": marshal(t, urlRequest(map[string]string{"content-type": "application/cloudevents+json"}, sent, false)),
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
				got, _ = cloudevent.EncodeJSON(ev)
				return engine.Result{Kind: engine.Ignored}
			})
			_, err := d.Invoke(context.Background(), payload)
			require.NoError(t, err)
			require.Equal(t, `{"specversion":"1.0","id":"<&>€","source":"HTTP://Host/%7e","type":"t","time":"2026-11-22T10:00:00.5+01:00","b":true,"n":-7,"traceparent":"00-x","data":{"big":12345678901234567890,"f":1.10,"s":"<a>"}}`, string(got))
		})
	}
}

// TestRecognition: names are matched letter by letter, and what nobody sends is
// refused by the names that it has.
func TestRecognition(t *testing.T) {
	record := func(key, value, rest string) string {
		return `{"Records":[{"` + key + `":"` + value + `","messageId":"m","body":` + string(marshal(t, structured("applied"))) +
			`,"Sns":{"Type":"Notification","Message":` + string(marshal(t, structured("applied"))) + `}` + rest + `}]}`
	}
	for name, test := range map[string]struct {
		payload string
		want    string // the answer, or a part of the error
	}{
		"SQS":                         {record("eventSource", "aws:sqs", ""), `{"batchItemFailures":[]}`},
		"SNS":                         {record("EventSource", "aws:sns", ""), "null"},
		"SQS in the case of SNS":      {record("EventSource", "aws:sqs", ""), `object of "Records"`},
		"SNS in the case of SQS":      {record("eventSource", "aws:sns", ""), `object of "Records"`},
		"both, SQS is looked at once": {record("eventSource", "aws:sqs", `,"EventSource":"aws:sns"`), `{"batchItemFailures":[]}`},
		"S3":                          {record("eventSource", "aws:s3", ""), `object of "Records"`},
		"no records":                  {`{"Records":[]}`, `object of "Records"`},
		"Records of another kind":     {`{"Records":{"eventSource":"aws:sqs"}}`, `object of "Records"`},
		"SpecVersion":                 {`{"SpecVersion":"1.0","id":"1"}`, `object of "SpecVersion", "id"`},
		"REST API":                    {`{"httpMethod":"POST","requestContext":{"stage":"x"},"body":"secret"}`, `object of "httpMethod", "requestContext", "body"`},
		"a method of another kind":    {`{"requestContext":{"http":{"method":1}}}`, `object of "requestContext"`},
		"Detail-Type":                 {`{"Detail-Type":"t","detail":{},"source":"s"}`, `object of "Detail-Type"`},
		"EventGrid without events":    {`{"events":[]}`, `object of "events"`},
		"an array of numbers":         {`[1,2]`, "found array"},
		"a text":                      {`"secret"`, "found string"},
		"null":                        {`null`, "found null"},
		"an empty object":             {`{}`, "found object of "},
		"a long name":                 {`{"` + strings.Repeat("a", 5000) + `":1}`, `object of "aaa`},
		"many names":                  {`{` + strings.Join(names(40), ",") + `}`, "…"},
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := newDoor(byID)
			answer, err := d.Invoke(context.Background(), []byte(test.payload))
			if err == nil {
				require.Equal(t, test.want, string(answer))
				return
			}
			var e *Unrecognised
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "secret")
			require.Less(t, len(err.Error()), 400)
		})
	}
}

func names(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"n%d":1`, i))
	}
	return list
}
