package doors

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/webhook"
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

// onEventGrid is an event of EventGrid's whose data is a whole event.
func onEventGrid(whole string) string {
	return `{"specversion":"1.0","id":"x","source":"interlock","type":"t","data":` + whole + `}`
}

func smnEvent(t *testing.T, messages ...string) []byte {
	var records []map[string]any
	for _, m := range messages {
		records = append(records, map[string]any{"event_version": "1.0", "event_source": "smn", "smn": map[string]any{
			"topic_urn": "urn:smn:eu-west-101:p:changes", "message_attributes": "None", "type": "notification", "message_id": "m", "message": m,
		}})
	}
	return marshal(t, map[string]any{"record": records})
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
		"EventGrid with whole events": func(e string) []byte {
			return []byte(`{"events":[` + structured("ignored") + `,` + onEventGrid(e) + `]}`)
		},
		"SMN": func(e string) []byte { return smnEvent(t, structured("applied"), e) },
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

// A source of EventBridge may be no URI-reference, as that of a CloudEvent has to
// be: what no URI may hold is percent-encoded, and the rest is as it was.
func TestPlainSource(t *testing.T) {
	for source, want := range map[string]string{
		"my app": "my%20app", "aws.ec2": "aws.ec2", "a/b c?d#e": "a/b%20c?d#e", "50% {x}": "50%25%20%7Bx%7D", "a%20b c": "a%20b%20c",
		"1:2": "1%3A2", "a:b c": "a:b%20c", "a#b#c": "a%23b%23c", "//x:y z": "//x%3Ay%20z", "é": "%C3%A9", "": "",
	} {
		var got event.Event
		d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
			got = ev
			return engine.Result{Kind: engine.Ignored}
		})
		_, err := d.Invoke(t.Context(), []byte(`{"version":"0","id":"1","detail-type":"t","source":`+string(marshal(t, source))+`,"time":"2026-11-22T09:00:00Z","detail":{}}`))
		if want == "" {
			require.ErrorContains(t, err, "source: found", source)
			continue
		}
		require.NoError(t, err, source)
		require.NoError(t, got.Validate())
		require.Equal(t, want, got.Source())
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

// In a FIFO queue nothing behind a message that comes back is taken before it,
// in its group; other groups and other queues go on.
func TestFIFO(t *testing.T) {
	of := func(queue string, messages ...[2]string) []byte {
		var e lambdaevents.SQSEvent
		for i, m := range messages {
			body := "no JSON"
			if m[1] != "no event" {
				body = onInstance(m[1], fmt.Sprint("i", i))
			}
			e.Records = append(e.Records, lambdaevents.SQSMessage{MessageId: fmt.Sprintf("m%d", i), ReceiptHandle: fmt.Sprintf("r%d", i), Body: body, EventSource: "aws:sqs",
				EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:" + queue, Attributes: map[string]string{"MessageGroupId": m[0]}})
		}
		return marshal(t, e)
	}
	messages := [][2]string{
		{"a", "applied"}, {"b", "superseded"}, {"a", "busy"}, {"b", "ignored"}, {"a", "accepted"}, {"c", "no event"}, {"a", "no event"}, {"c", "gave-up"}, {"b", "unchanged"},
	}
	for queue, want := range map[string]struct{ seen, failed []string }{
		"changes.fifo": {[]string{"applied", "superseded", "busy", "ignored", "unchanged"}, []string{"m2", "m4", "m5", "m6", "m7"}},
		"changes":      {[]string{"applied", "superseded", "busy", "ignored", "accepted", "gave-up", "unchanged"}, []string{"m2", "m5", "m6"}},
	} {
		for _, pipe := range []bool{false, true} {
			d, s := newDoor(byID)
			hidden := map[string]time.Duration{}
			d.Queue = &Queue{Hide: func(_ context.Context, receipt string, wait time.Duration) error {
				hidden[receipt] = wait
				return nil
			}}
			payload := of(queue, messages...)
			if pipe {
				payload = []byte(strings.TrimSuffix(strings.TrimPrefix(string(payload), `{"Records":`), "}"))
			}
			answer, err := d.Invoke(t.Context(), payload)
			require.NoError(t, err)
			require.ElementsMatch(t, want.seen, s.seen, queue)
			require.Equal(t, want.failed, failures(t, answer), queue)
			require.Len(t, hidden, len(want.failed))
			if queue == "changes.fifo" {
				require.Equal(t, hidden["r2"], hidden["r4"], "what is behind comes back with what it waits for")
			}
		}
	}
}

// The order in a group is the queue's, whatever instances its messages are about.
func TestFIFOInOrder(t *testing.T) {
	var e lambdaevents.SQSEvent
	var want []string
	for i := range 10 {
		id := fmt.Sprint("e", i)
		want = append(want, id)
		e.Records = append(e.Records, lambdaevents.SQSMessage{MessageId: id, Body: onInstance(id, id), EventSource: "aws:sqs",
			EventSourceARN: "arn:aws:sqs:eu-west-1:123456789012:q.fifo", Attributes: map[string]string{"MessageGroupId": "g"}})
	}
	d, s := newDoor(byID)
	answer, err := d.Invoke(t.Context(), marshal(t, e))
	require.NoError(t, err)
	require.Empty(t, failures(t, answer))
	require.Equal(t, want, s.seen)
}

// Who is let in by a REST API, or by an HTTP API in payload format 1.0, is whom
// AWS names as authorized; what it says of everybody lets nobody in.
func TestRestAPIAuthorized(t *testing.T) {
	for context, status := range map[string]int{
		`"identity":{"userArn":"arn:aws:iam::1:role/x"}`:                  200,
		`"identity":{"clientCert":{"clientCertPem":"PEM"}}`:               200,
		`"authorizer":{"principalId":"tickets","integrationLatency":7}`:   200,
		`"authorizer":{"claims":{"sub":"tickets"},"scopes":[]}`:           200,
		`"authorizer":{"claims":null,"scopes":null}`:                      401,
		`"authorizer":{"claims":{}}`:                                      401,
		`"authorizer":{"principalId":7}`:                                  401,
		`"authorizer":{"integrationLatency":7,"key":"value"}`:             401,
		`"identity":{"apiKey":"key","apiKeyId":"k","userArn":null}`:       401,
		`"identity":{"sourceIp":"203.0.113.7","userAgent":"arn:aws:iam"}`: 401,
		`"stage":"prod"`: 401,
	} {
		d, _ := newDoor(byID)
		answer, err := d.Invoke(t.Context(), []byte(`{"resource":"/x","httpMethod":"POST","requestContext":{"apiId":"x",`+context+`},
			"headers":{"Content-Type":"application/cloudevents+json"},"body":`+string(marshal(t, structured("applied")))+`}`))
		require.NoError(t, err)
		var r lambdaevents.APIGatewayProxyResponse
		require.NoError(t, json.Unmarshal(answer, &r))
		require.Equal(t, status, r.StatusCode, context)
	}
}

// Huawei Cloud's API Gateway does not tell whom it has let pass: what comes from there is
// signed, or the configuration says that the gateway lets in nobody else.
func TestAPIG(t *testing.T) {
	request := func(body string, encoded bool) []byte {
		return marshal(t, map[string]any{
			"httpMethod": "POST", "path": "/x", "requestContext": map[string]any{"apiId": "a", "stage": "RELEASE", "authorizer": map[string]any{"principalId": "forged"}},
			"headers": map[string]string{"content-type": "application/cloudevents+json"}, "queryStringParameters": map[string]string{"a": "b&c"},
			"pathParameters": map[string]string{}, "body": body, "isBase64Encoded": encoded,
		})
	}
	ask := func(open bool, payload []byte) (status any, body string) {
		d, _ := newDoor(byID)
		d.Open = open
		answer, err := d.Invoke(t.Context(), payload)
		require.NoError(t, err)
		r := jsonOf(t, answer)
		require.Equal(t, false, r["isBase64Encoded"])
		return r["statusCode"], r["body"].(string)
	}
	status, _ := ask(false, request(structured("applied"), false))
	require.EqualValues(t, 401, status)
	status, body := ask(true, request(structured("applied"), false))
	require.EqualValues(t, 200, status)
	require.Contains(t, body, `"id":"out-applied"`)
	status, _ = ask(true, request(base64.StdEncoding.EncodeToString([]byte(structured("accepted"))), true))
	require.EqualValues(t, 202, status)
	status, _ = ask(true, request(structured("applied"), true))
	require.EqualValues(t, 400, status, "no Base64")
}

// Each part of a batch is answered on its own: those that are settled stay so, and one
// that waits for long is left to the sweep.
func TestPartsOfABatch(t *testing.T) {
	for name, shape := range map[string]func(...string) []byte{
		"EventGrid": func(events ...string) []byte { return []byte(`{"events":[` + strings.Join(events, ",") + `]}`) },
		"SMN":       func(events ...string) []byte { return smnEvent(t, events...) },
	} {
		d, s := newDoor(func(ctx context.Context, ev event.Event) engine.Result {
			if ev.ID() == "window" {
				return engine.Result{Kind: engine.Later, Stored: true, RetryAfter: 72 * time.Hour, Error: failure("not-yet")}
			}
			return byID(ctx, ev)
		})
		_, err := d.Invoke(t.Context(), shape(structured("applied"), structured("busy"), `{"specversion":"1.0"}`, structured("window"), structured("accepted")))
		require.EqualError(t, err, "1 of 5 events to be handled later: busy: detail", name)
		require.ElementsMatch(t, []string{"applied", "busy", "window", "accepted"}, s.seen, name)
		answer, err := d.Invoke(t.Context(), shape(structured("applied"), structured("window")))
		require.NoError(t, err, name)
		require.Equal(t, "null", string(answer))
	}
}

// A query comes decoded from an API, and as it was sent from a load balancer; a
// header that was sent twice comes twice where both are told of.
func TestGatewaysTellAll(t *testing.T) {
	message := string(must(os.ReadFile("../../events/samples/producers/servicenow.json")))
	message = string(marshal(t, message))
	for name, payload := range map[string]string{
		"REST API": `{"resource":"/x","httpMethod":"POST","requestContext":{"apiId":"x","authorizer":{"principalId":"p"}},
			"multiValueQueryStringParameters":{"from":["nobody?&="]},"headers":{"Content-Type":"application/json"},"body":` + message + `}`,
		"REST API, single": `{"resource":"/x","httpMethod":"POST","requestContext":{"apiId":"x","authorizer":{"principalId":"p"}},
			"queryStringParameters":{"from":"nobody?&="},"headers":{"Content-Type":"application/json"},"body":` + message + `}`,
		"ALB": `{"httpMethod":"POST","requestContext":{"elb":{"targetGroupArn":"arn"}},
			"queryStringParameters":{"from":"nobody%3F%26%3D"},"headers":{"Content-Type":"application/json"},"body":` + message + `}`,
	} {
		d, _ := newDoor(byID)
		if name == "ALB" {
			d.Verify = func(context.Context, http.Header, []byte) (webhook.Key, error) { return webhook.Key{}, nil }
		}
		answer, err := d.Invoke(t.Context(), []byte(payload))
		require.NoError(t, err)
		var r struct{ Body string }
		require.NoError(t, json.Unmarshal(answer, &r))
		var p problem
		require.NoError(t, json.Unmarshal([]byte(r.Body), &p))
		require.Len(t, p.Fields, 1)
		require.Equal(t, `"nobody?&="`, p.Fields[0].Found, name)
	}
	d, _ := newDoor(byID)
	answer, err := d.Invoke(t.Context(), []byte(`{"resource":"/x","httpMethod":"POST","requestContext":{"apiId":"x","authorizer":{"principalId":"p"}},
		"headers":{"Content-Type":"application/cloudevents+json"},"multiValueHeaders":{"Content-Type":["application/cloudevents+json","text/plain"]},"body":""}`))
	require.NoError(t, err)
	require.Contains(t, string(answer), `"statusCode":415`)
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
		"in EventGrid": []byte(`{"events":[` + onEventGrid(sent) + `]}`),
		"SMN":          smnEvent(t, sent),
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
		"a method without a gateway":  {`{"httpMethod":"POST","requestContext":{"stage":"x"},"body":"secret"}`, `object of "httpMethod", "requestContext", "body"`},
		"a WebSocket":                 {`{"requestContext":{"apiId":"x","connectionId":"c","eventType":"CONNECT"},"body":"secret"}`, `object of "requestContext", "body"`},
		"a pipe of a stream":          {`[{"eventSource":"aws:kinesis","data":"secret"}]`, "found array"},
		"a method of another kind":    {`{"requestContext":{"http":{"method":1}}}`, `object of "requestContext"`},
		"Detail-Type":                 {`{"Detail-Type":"t","detail":{},"source":"s"}`, `object of "Detail-Type"`},
		"SMN":                         {string(smnEvent(t, structured("applied"))), "null"},
		"SMN without a message":       {`{"record":[{"event_source":"smn"}]}`, `object of "record"`},
		"a timer that sweeps":         {`{"version":"v1.0","time":"2018-06-01T08:30:00+08:00","trigger_type":"TIMER","trigger_name":"t","user_event":"sweep"}`, "null"},
		"another timer":               {`{"version":"v1.0","trigger_type":"TIMER","user_event":"User Event"}`, `object of "version", "trigger_type"`},
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
			d.Sweep = func(context.Context) error { return nil }
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
