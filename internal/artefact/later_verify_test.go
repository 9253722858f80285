//go:build verify

package artefact

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions/jobfollow"
	proxyssl "github.com/interlock-functions/interlock/functions/proxyssl/simulation"
	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/cloudsim"
)

// waits are the waits that messages were hidden for, and events put off.
func waits(t *testing.T, calls []call) (hidden, delayed []int) {
	t.Helper()
	for _, c := range calls {
		if c.Name != "ChangeMessageVisibility" && c.Name != "SendMessage" {
			continue
		}
		var in struct{ VisibilityTimeout, DelaySeconds int }
		require.NoError(t, json.Unmarshal(c.Body, &in), "%s %q", c.Name, c.Body)
		switch c.Name {
		case "ChangeMessageVisibility":
			hidden = append(hidden, in.VisibilityTimeout)
		case "SendMessage":
			delayed = append(delayed, in.DelaySeconds)
		}
	}
	return hidden, delayed
}

// A message that is to be handled later is hidden by its receipt, for as long as
// fits what is in the way, and longer each time.
func TestMessagesAreHidden(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "proxyssl")
	a.rule("proxyssl", "proxyssl", object{"detail": object{"data": object{"switch": []string{"proxy-ssl"}}, "type": []string{events.TypeTicketApproved}}})
	require.NoError(t, a.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Busy, Times: 2}))
	a.produce(ticket(t, "proxy-ssl", 1))
	for _, want := range []int{15, 30} {
		var failed []message
		until(t, "no message", func() bool { _, failed = a.turn("proxyssl"); return len(failed) > 0 })
		hidden, _ := waits(t, a.sqs.take())
		require.Equal(t, []int{want}, hidden)
		require.Empty(t, a.receive("proxyssl"), "the message was not hidden")
		// Nobody waits here for as long.
		a.do(awsjson.SQS, "ChangeMessageVisibility", object{"QueueUrl": a.queues["proxyssl"], "ReceiptHandle": failed[0].ReceiptHandle, "VisibilityTimeout": 0}, nil)
	}
	until(t, "it was not delivered again", func() bool { n, failed := a.turn("proxyssl"); require.Empty(t, failed); return n > 0 })
	a.happened(t)
}

// Doubt lasts for the quiet time: the message comes back by itself right after.
func TestDoubtComesBackAfterTheQuietTime(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "proxyssl")
	require.NoError(t, a.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.CutAfter, Times: 1}))
	a.send("proxyssl", ticket(t, "proxy-ssl", 1))
	_, failed := a.turn("proxyssl")
	require.Len(t, failed, 1)
	hidden, _ := waits(t, a.sqs.take())
	require.Equal(t, []int{1}, hidden)
	until(t, "it did not come back", func() bool { n, failed := a.turn("proxyssl"); return n > 0 && len(failed) == 0 })
	a.happened(t)
}

// send puts a message into a function's queue.
func (a *account) send(name string, event []byte) {
	a.t.Helper()
	a.do(awsjson.SQS, "SendMessage", object{"QueueUrl": a.queues[name], "MessageBody": string(event)}, nil)
}

// What the function URL answers with Retry-After is on the queue by then: nobody
// needs to come back.
func TestFunctionURLQueuesWhatIsLater(t *testing.T) {
	t.Parallel()
	a := newAccount(t, "proxyssl")
	require.NoError(t, a.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.Status, Status: 429, Times: 1}))
	began := time.Now()
	r := response(t, a.functions["proxyssl"].invoke(request(t, "application/cloudevents+json", string(ticket(t, "proxy-ssl", 1)), false)))
	require.Equal(t, http.StatusTooManyRequests, r.StatusCode)
	require.Equal(t, "10", r.Headers["Retry-After"])
	_, delayed := waits(t, a.sqs.take())
	require.Equal(t, []int{10}, delayed)
	until(t, "it was not delivered", func() bool { n, failed := a.turn("proxyssl"); require.Empty(t, failed); return n > 0 })
	require.Greater(t, time.Since(began), 9*time.Second, "delivered before its time")
	a.happened(t)
	var table struct {
		Items []struct{ PK, Rec struct{ S string } }
	}
	a.do(awsjson.DynamoDB, "Scan", object{"TableName": a.name}, &table)
	trail := slices.DeleteFunc(table.Items, func(i struct{ PK, Rec struct{ S string } }) bool { return !strings.HasPrefix(i.PK.S, "a#") })
	require.Len(t, trail, 1)
	require.Contains(t, trail[0].Rec.S, `"door":"url"`, "it is still known how the event came in")
}

// A job that runs has its message hidden until it has ended.
func TestJobIsFollowed(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]string{"": events.TypeJobSucceeded, "out of luck": events.TypeJobFailed} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			a := newAccount(t, "proxyssl", jobfollow.Function)
			// The job runs until it has been looked after once.
			var looked atomic.Int64
			a.cloud.JobRunning = time.Minute
			a.cloud.Now = func() time.Time { return time.Now().Add(time.Duration(looked.Load())) }
			a.rule(jobfollow.Function, jobfollow.Function, object{"detail": object{"type": []string{events.TypeSwitchCompleted}, "data": object{"result": []string{"accepted"}}}})
			if reason != "" {
				require.NoError(t, a.cloud.Inject(cloudsim.Fault{Operation: proxyssl.Flip, Kind: cloudsim.JobFails, FailReason: reason, Times: 1}))
			}
			require.False(t, a.functions["proxyssl"].invoke(ticket(t, "proxy-ssl", 1)).failed())
			until(t, "no message", func() bool { _, failed := a.turn(jobfollow.Function); return len(failed) > 0 })
			looked.Store(int64(time.Minute))
			hidden, _ := waits(t, a.sqs.take())
			require.Equal(t, []int{3}, hidden)
			until(t, "the job's end was not told", func() bool { a.turn(jobfollow.Function); return len(a.published()) == 2 })
			ended := a.published()[1]
			require.Equal(t, want, ended.Type())
			var data events.JobEnded
			require.NoError(t, json.Unmarshal(ended.Data(), &data))
			require.Equal(t, a.cloud.Effects()[0].JobID, data.JobID)
			require.Equal(t, reason, data.Job.FailReason)
		})
	}
}
