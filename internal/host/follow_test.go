package host_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/functions"
	"github.com/interlock-functions/interlock/functions/simulations"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/config"
	"github.com/interlock-functions/interlock/internal/doors"
	"github.com/interlock-functions/interlock/internal/host"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/bus"
	"github.com/interlock-functions/interlock/pkg/engine/ledger"
)

// sqs is a queue as Lambda reads one: ten messages at a time; what is reported
// as failed comes back when it is visible again, everything else is deleted.
type sqs struct {
	visible  map[string]time.Time
	bodies   map[string]string
	receives int
}

func (q *sqs) put(id, body string) { q.visible[id], q.bodies[id] = time.Now(), body }

func (q *sqs) hide(_ context.Context, receipt string, wait time.Duration) error {
	q.visible[receipt] = time.Now().Add(wait)
	return nil
}

// deliver hands what is visible to the door, until nothing is.
func (q *sqs) deliver(t *testing.T, door *doors.Door) {
	var due []string
	for id, at := range q.visible {
		if !at.After(time.Now()) {
			due = append(due, id)
		}
	}
	for len(due) > 0 {
		n := min(10, len(due))
		var batch lambdaevents.SQSEvent
		for _, id := range due[:n] {
			q.visible[id] = time.Now().Add(6 * time.Minute) // the queue's own time-out
			batch.Records = append(batch.Records, lambdaevents.SQSMessage{MessageId: id, ReceiptHandle: id, Body: q.bodies[id], EventSource: "aws:sqs"})
		}
		due = due[n:]
		q.receives += n
		payload, err := json.Marshal(batch)
		require.NoError(t, err)
		answer, err := door.Invoke(t.Context(), payload)
		require.NoError(t, err)
		var failures lambdaevents.SQSEventResponse
		require.NoError(t, json.Unmarshal(answer, &failures))
		failed := map[string]bool{}
		for _, f := range failures.BatchItemFailures {
			failed[f.ItemIdentifier] = true
		}
		for _, r := range batch.Records {
			if !failed[r.MessageId] {
				delete(q.visible, r.MessageId)
				delete(q.bodies, r.MessageId)
			}
		}
	}
}

func TestJobsAreFollowedOnTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := cloudsim.New(cloudsim.Options{Simulations: simulations.All(), JobRunning: 10 * time.Minute})
		client := &cloudapi.Client{GaussDB: "https://cloud.test", Auth: cloudapi.Token(cloudsim.DefaultToken), HTTP: &http.Client{Transport: sim.RoundTripper()}}
		queue := &sqs{visible: map[string]time.Time{}, bodies: map[string]string{}}
		var mu sync.Mutex // of ended: messages of a batch are handled side by side
		ended := map[string]int{}
		b := &bus.Memory{}
		b.Subscribe(func(ev event.Event) {
			switch ev.Type() {
			case events.TypeSwitchCompleted: // the rule
				body, err := ev.MarshalJSON()
				require.NoError(t, err)
				queue.put(ev.ID(), string(body))
			case events.TypeJobSucceeded:
				mu.Lock()
				ended[ev.ID()]++
				mu.Unlock()
			}
		})
		f := host.New(config.Config{}, functions.All(), client, ledger.NewMemory(), b)
		require.NoError(t, f.Engine.Init())
		door := &doors.Door{Function: engine.JobFollow, Handler: f, Queue: &doors.Queue{Hide: queue.hide}}
		for i := range followedJobs {
			on := true
			data, err := json.Marshal(events.SwitchRequested{Switch: "multi-tenancy", Enabled: &on, Target: &events.Target{
				ProjectID: "056538411200d4cd2f79c003c7606412", InstanceID: fmt.Sprintf("%032din07", i),
			}})
			require.NoError(t, err)
			ev := event.New()
			ev.SetID(fmt.Sprint(i))
			ev.SetSource("urn:test")
			ev.SetType(events.TypeSwitchRequested)
			require.NoError(t, ev.SetData(event.ApplicationJSON, json.RawMessage(data)))
			require.Equal(t, events.Accepted, f.Handle(t.Context(), "multitenant", ev).Result)
		}
		for range 20 * 60 {
			queue.deliver(t, door)
			time.Sleep(time.Second)
		}
		require.Empty(t, queue.visible, "every message is done")
		require.Len(t, ended, followedJobs)
		for id, n := range ended {
			require.Equal(t, 1, n, id)
		}
		reads := len(sim.CallsOf(cloudsim.ListImmediateJobs))
		t.Logf("proved: %d jobs followed for 10 minutes on a queue by %d calls for pages of their list and %d receives", followedJobs, reads, queue.receives)
		require.LessOrEqual(t, reads, 12*60*5)
		require.Less(t, queue.receives, 40*followedJobs, "waits grow to a minute")
	})
}
