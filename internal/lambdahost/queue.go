package lambdahost

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/awsjson"
	"github.com/interlock-functions/interlock/internal/doors"
)

// queue is the function's own SQS queue, which takes over what is to be handled
// later.
type queue struct {
	client *awsjson.Client
	url    string
}

// The longest that SQS delays a new message, and hides one that it has
// delivered: 12 hours, counted from when it was received. Some of that has gone
// by, and SQS refuses what goes beyond.
const (
	mostDelay      = 15 * time.Minute
	mostVisibility = 12*time.Hour - time.Minute
)

// own tells the queue by its ARN, which ends in its account and name as the
// path of its URL does.
func (q *queue) own(arn string) bool {
	path := strings.Split(q.url, "/")
	return len(path) > 2 && strings.HasSuffix(arn, ":"+strings.Join(path[len(path)-2:], ":"))
}

// put has an event delivered after a while, with how it came in. A wait that is longer than SQS can
// delay is cut short: the event then is delivered, and waits again.
func (q *queue) put(ctx context.Context, ev event.Event, wait time.Duration) error {
	body, err := ev.MarshalJSON()
	if err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	in := map[string]any{"QueueUrl": q.url, "MessageBody": string(body), "DelaySeconds": seconds(min(wait, mostDelay))}
	attributes := map[string]map[string]string{}
	for name, value := range doors.Attributes(ctx) {
		attributes[name] = map[string]string{"DataType": "String", "StringValue": value}
	}
	if len(attributes) > 0 {
		in["MessageAttributes"] = attributes
	}
	if err := q.client.Do(ctx, "SendMessage", in, nil); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

// hide has a message that was delivered come back after a while, by the receipt
// that came with it.
func (q *queue) hide(ctx context.Context, receipt string, wait time.Duration) error {
	in := map[string]any{"QueueUrl": q.url, "ReceiptHandle": receipt, "VisibilityTimeout": seconds(min(wait, mostVisibility))}
	if err := q.client.Do(ctx, "ChangeMessageVisibility", in, nil); err != nil {
		return fmt.Errorf("queue: %w", err)
	}
	return nil
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
