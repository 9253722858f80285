package doors

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/internal/webhook"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// queued is a queue that keeps what it is told.
type queued struct {
	put  map[string]time.Duration
	hid  map[string]time.Duration
	fail error
}

func (q *queued) queue() *Queue {
	q.put, q.hid = map[string]time.Duration{}, map[string]time.Duration{}
	return &Queue{
		Put: func(_ context.Context, ev event.Event, wait time.Duration) error {
			q.put[ev.ID()] = wait
			return q.fail
		},
		Hide: func(_ context.Context, receipt string, wait time.Duration) error {
			q.hid[receipt] = wait
			return q.fail
		},
	}
}

// patient answers like byID, and puts off until a window opens.
func patient(ctx context.Context, ev event.Event) engine.Result {
	r := byID(ctx, ev)
	if ev.ID() == "not-yet" {
		r.RetryAfter, r.Stored = 72*time.Hour, true
	}
	return r
}

func TestWhatIsAnsweredWithRetryAfterIsQueued(t *testing.T) {
	post := func(d *Door, contentType, body string) Response {
		return d.HTTP(context.Background(), Request{Admitted: true, Method: http.MethodPost, Body: []byte(body),
			Header: http.Header{"Content-Type": {contentType}}})
	}
	for _, fail := range []error{nil, errors.New("queue away")} {
		q := &queued{fail: fail}
		d, _ := newDoor(patient)
		d.Queue, d.Log = q.queue(), discard
		r := post(d, "application/cloudevents+json", structured("busy"))
		require.Equal(t, "2", r.Header.Get("Retry-After"), "the caller may come back, too")
		require.Equal(t, map[string]time.Duration{"busy": 1500 * time.Millisecond}, q.put)

		r = post(d, "application/cloudevents-batch+json", "["+structured("accepted")+","+structured("held")+","+structured("gave-up")+"]")
		require.Equal(t, http.StatusServiceUnavailable, r.Status)
		require.Len(t, q.put, 2)
		require.Contains(t, q.put, "held")

		r = post(d, "application/cloudevents+json", structured("not-yet"))
		require.Equal(t, "259200", r.Header.Get("Retry-After"))
		require.NotContains(t, q.put, "not-yet", "the ledger has it, and no queue can wait so long")
	}
}

func TestMessagesComeBackWhenItIsWorthIt(t *testing.T) {
	q := &queued{fail: errors.New("queue away")}
	d, _ := newDoor(patient)
	d.Queue, d.Log = q.queue(), discard
	var e lambdaevents.SQSEvent
	for _, id := range []string{"accepted", "busy", "not-yet", "superseded", "doubt"} {
		e.Records = append(e.Records, lambdaevents.SQSMessage{
			MessageId: "m-" + id, ReceiptHandle: "r-" + id, Body: structured(id), EventSource: "aws:sqs",
		})
	}
	answer, err := d.Invoke(context.Background(), marshal(t, e))
	require.NoError(t, err)
	var got lambdaevents.SQSEventResponse
	require.NoError(t, json.Unmarshal(answer, &got))
	require.Equal(t, []lambdaevents.SQSBatchItemFailure{{ItemIdentifier: "m-busy"}, {ItemIdentifier: "m-doubt"}}, got.BatchItemFailures)
	require.Equal(t, map[string]time.Duration{"r-busy": 1500 * time.Millisecond, "r-doubt": 1500 * time.Millisecond}, q.hid)
	require.Empty(t, q.put, "the same message comes back; a new one would be a second")
}

// What never will be an event is not looked at for days: it comes back at once,
// as often as it takes to be dead.
func TestAMessageWithoutAnEventDiesSoon(t *testing.T) {
	q := new(queued)
	d, _ := newDoor(patient)
	d.Queue, d.Log = q.queue(), discard
	answer, err := d.Invoke(context.Background(), marshal(t, lambdaevents.SQSEvent{Records: []lambdaevents.SQSMessage{
		{MessageId: "m-none", ReceiptHandle: "r-none", Body: "{}", EventSource: "aws:sqs"},
		{MessageId: "m-accepted", ReceiptHandle: "r-accepted", Body: structured("accepted"), EventSource: "aws:sqs"},
	}}))
	require.NoError(t, err)
	require.JSONEq(t, `{"batchItemFailures":[{"itemIdentifier":"m-none"}]}`, string(answer))
	require.Equal(t, map[string]time.Duration{"r-none": time.Second}, q.hid)
}

func TestAScheduleSweeps(t *testing.T) {
	d, _ := newDoor(byID)
	_, err := d.Invoke(context.Background(), []byte(`{"interlock":"sweep"}`))
	var unknown *Unrecognised
	require.ErrorAs(t, err, &unknown, "a door that cannot sweep says so")

	swept := 0
	d.Sweep = func(context.Context) error { swept++; return errors.New("ledger away") }
	_, err = d.Invoke(context.Background(), []byte(`{"interlock":"sweep"}`))
	require.EqualError(t, err, "ledger away")
	require.Equal(t, 1, swept)
}

// TestTheFirstDoorIsKept: an event that waits in the queue is judged by the door
// that it came in by, signer and all.
func TestTheFirstDoorIsKept(t *testing.T) {
	const own = "arn:aws:sqs:eu-central-1:111122223333:proxyssl"
	signed := admission.Admission{Door: admission.URL, Signer: "snow"}
	kept := Attributes(admission.With(t.Context(), signed))
	require.Equal(t, map[string]string{"door": "url", "signer": "snow"}, kept)
	require.Empty(t, Attributes(t.Context()))
	queue := admission.Admission{Door: admission.Queue}
	for name, test := range map[string]struct {
		from       string
		attributes map[string]string
		want       admission.Admission
	}{
		"its own":            {own, kept, signed},
		"without signature":  {own, Attributes(admission.With(t.Context(), admission.Admission{Door: admission.URL})), admission.Admission{Door: admission.URL}},
		"another's queue":    {own + "-2", kept, queue},
		"no queue":           {"", kept, queue},
		"put there directly": {own, nil, queue},
		"a signer alone":     {own, map[string]string{"signer": "snow"}, queue},
		"no URL":             {own, map[string]string{"door": admission.Direct, "signer": "snow"}, queue},
	} {
		got := make(chan admission.Admission, 2)
		d, _ := newDoor(func(ctx context.Context, _ event.Event) engine.Result {
			got <- admission.From(ctx)
			return engine.Result{Kind: engine.Ignored}
		})
		d.Queue = &Queue{Own: func(arn string) bool { return arn == own }}
		record := lambdaevents.SQSMessage{MessageId: "m", Body: structured("a"), EventSource: "aws:sqs", EventSourceARN: test.from, MessageAttributes: map[string]lambdaevents.SQSMessageAttribute{}}
		for name, value := range test.attributes {
			record.MessageAttributes[name] = lambdaevents.SQSMessageAttribute{DataType: "String", StringValue: &value}
		}
		beside := record
		beside.MessageId, beside.Body, beside.MessageAttributes = "n", onInstance("b", "i-a"), nil
		_, err := d.Invoke(t.Context(), marshal(t, lambdaevents.SQSEvent{Records: []lambdaevents.SQSMessage{record, beside}}))
		require.NoError(t, err)
		require.Equal(t, test.want, <-got, name)
		require.Equal(t, queue, <-got, "%s: the next message has its own", name)
	}
}

// TestTheDoorIsPutWithTheEvent as a URL's request lets it in.
func TestTheDoorIsPutWithTheEvent(t *testing.T) {
	put := map[string]map[string]string{}
	d, _ := newDoor(patient)
	d.Queue = &Queue{Put: func(ctx context.Context, ev event.Event, _ time.Duration) error {
		put[ev.ID()] = Attributes(ctx)
		return nil
	}}
	d.Verify = func(context.Context, http.Header, []byte) (webhook.Key, error) { return webhook.Key{Name: "snow"}, nil }
	for contentType, body := range map[string]string{
		"application/cloudevents+json": structured("busy"), "application/cloudevents-batch+json": "[" + structured("held") + "]",
	} {
		d.HTTP(t.Context(), Request{Door: admission.URL, Method: http.MethodPost, Body: []byte(body), Header: http.Header{
			"Content-Type": {contentType}, webhook.IDHeader: {"busy"}}})
	}
	want := map[string]string{"door": "url", "signer": "snow"}
	require.Equal(t, map[string]map[string]string{"busy": want, "held": want}, put)
}
