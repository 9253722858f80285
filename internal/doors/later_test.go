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

	"github.com/interlock-functions/interlock/pkg/engine"
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
