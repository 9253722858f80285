package doors

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
)

// TestRealShapes: one and the same approval comes through every door, in
// payloads as AWS and Huawei Cloud send them, which AWS's own types read and
// write without loss.
func TestRealShapes(t *testing.T) {
	const accepted = `{"specversion":"1.0","id":"out-accepted","source":"urn:interlock:proxy-ssl","type":"dev.interlock.switch.completed.v1","datacontenttype":"application/json","data":{"cause":{"id":"accepted"}}}`
	const header, rest = `{"Content-Type":"application/cloudevents+json; charset=utf-8"}`, `"isBase64Encoded":false`
	body := string(marshal(t, accepted))
	for name, test := range map[string]struct {
		aws    any // AWS's type of the payload
		times  int // how often the event is handled
		answer string
	}{
		"direct":          {nil, 1, accepted},
		"batch":           {nil, 1, "[" + accepted + "]"},
		"eventgrid":       {nil, 1, "null"},
		"eventgrid-whole": {nil, 1, "null"},
		"smn":             {nil, 1, "null"},
		"apig":            {nil, 1, `{"statusCode":202,"headers":` + header + `,"body":` + body + `,` + rest + `}`},
		"eventbridge":     {&lambdaevents.EventBridgeEvent{}, 1, "null"},
		"eventbridge-bus": {&[]lambdaevents.EventBridgeEvent{}, 1, "null"},
		"sns":             {&lambdaevents.SNSEvent{}, 1, "null"},
		"sqs":             {&lambdaevents.SQSEvent{}, 3, `{"batchItemFailures":[]}`},
		"pipe":            {&[]lambdaevents.SQSMessage{}, 2, `{"batchItemFailures":[]}`},
		"function-url":    {&lambdaevents.LambdaFunctionURLRequest{}, 1, `{"statusCode":202,"headers":` + header + `,"body":` + body + `,` + rest + `,"cookies":[]}`},
		"http-api":        {&lambdaevents.APIGatewayV2HTTPRequest{}, 1, `{"statusCode":202,"headers":` + header + `,"body":` + body + `,` + rest + `,"cookies":[]}`},
		"http-api-1":      {nil, 1, `{"statusCode":202,"headers":` + header + `,"multiValueHeaders":null,"body":` + body + `}`}, // AWS's type does not know of version and claims
		"rest-api":        {&lambdaevents.APIGatewayProxyRequest{}, 1, `{"statusCode":202,"headers":` + header + `,"multiValueHeaders":null,"body":` + body + `}`},
		"alb":             {&lambdaevents.ALBTargetGroupRequest{}, 1, `{"statusCode":202,"statusDescription":"202 Accepted","headers":` + header + `,"multiValueHeaders":null,"body":` + body + `,` + rest + `}`},
		"alb-multivalue":  {&lambdaevents.ALBTargetGroupRequest{}, 1, `{"statusCode":202,"statusDescription":"202 Accepted","headers":null,"multiValueHeaders":{"Content-Type":["application/cloudevents+json; charset=utf-8"]},"body":` + body + `,` + rest + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			payload := sample(t, name)
			if test.aws != nil {
				require.NoError(t, json.Unmarshal(payload, test.aws))
				require.JSONEq(t, string(payload), string(marshal(t, test.aws)))
			}
			want, err := cloudevent.DecodeJSON(sample(t, "direct"))
			require.NoError(t, err)
			var mu sync.Mutex
			var seen []event.Event
			d, _ := newDoor(func(_ context.Context, ev event.Event) engine.Result {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, ev)
				return engine.Result{Kind: engine.Completed, Result: events.Accepted, Event: out(events.TypeSwitchCompleted, "accepted")}
			})
			if strings.HasPrefix(name, "a") { // a load balancer and APIG, which let nobody pass by themselves
				answer, err := d.Invoke(context.Background(), payload)
				require.NoError(t, err)
				require.Contains(t, string(answer), `"statusCode":401,`)
				require.Empty(t, seen)
				d.Verify = func(_ context.Context, _ http.Header, body []byte) (webhook.Key, error) {
					require.True(t, json.Valid(body))
					return webhook.Key{}, nil
				}
			}
			answer, err := d.Invoke(context.Background(), payload)
			require.NoError(t, err)
			require.JSONEq(t, test.answer, string(answer))
			require.Len(t, seen, test.times)
			for _, got := range seen {
				require.Equal(t, attributesOf(t, want), attributesOf(t, got))
				require.JSONEq(t, string(want.Data()), string(got.Data()))
			}
		})
	}
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.Len(t, files, 17, "every sample is in the table")
}

func sample(t testing.TB, name string) []byte {
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	require.NoError(t, err)
	return b
}

// attributesOf are an event's attributes in JSON.
func attributesOf(t *testing.T, ev event.Event) string {
	ev.DataEncoded = nil
	b, err := cloudevent.EncodeJSON(ev)
	require.NoError(t, err)
	return string(b)
}

// FuzzInvoke: whatever comes, the answer is one that its sender can read.
func FuzzInvoke(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(f, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(b)
	}
	for _, id := range []string{"ignored", "superseded", "busy", "panic", "gave-up"} {
		f.Add([]byte(structured(id)))
		f.Add([]byte("[" + structured(id) + ",{}]"))
		f.Add([]byte(`{"version":"0","id":"x","detail-type":"t","source":"s","detail":` + structured(id) + `}`))
		f.Add([]byte(`{"Records":[{"eventSource":"aws:sqs","messageId":"m","body":` + string(must(json.Marshal(structured(id)))) + `}]}`))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		d, _ := newDoor(byID)
		answer, err := d.Invoke(context.Background(), payload)
		if err != nil {
			switch err.(type) {
			case *Later, *NoEvent, *Unrecognised:
			default:
				t.Fatalf("%T: %v", err, err)
			}
			require.NotEmpty(t, err.Error())
			return
		}
		require.True(t, json.Valid(answer), string(answer))
		if !strings.HasPrefix(string(answer), `{"batchItemFailures"`) {
			return
		}
		for _, id := range failures(t, answer) {
			require.NotEmpty(t, id)
		}
	})
}

func must(b []byte, _ error) []byte { return b }
