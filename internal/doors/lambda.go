package doors

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	lambdaevents "github.com/aws/aws-lambda-go/events"
	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// payloadDepth is how deep a payload may be nested: an event in the detail of
// an envelope in an array.
const payloadDepth = cloudevent.Depth + 2

// nothing answers senders that read no answer.
var nothing = json.RawMessage("null")

// Invoke is the door of the deployed function. It recognises the sender by the
// payload and answers as that sender expects:
//
//   - function URL, HTTP API (payload 1.0 and 2.0), REST API and Application
//     Load Balancer: as [Door.HTTP] does;
//   - SQS, by a mapping or by one of EventBridge's pipes: the ids of exactly the
//     messages that are to be delivered again, and of those that hold no event,
//     so that they end in the dead-letter queue; in a FIFO queue also of those
//     behind them in their group;
//   - Huawei Cloud's API Gateway: the same, and it tells nothing of who has been
//     let pass;
//   - SNS, EventBridge, EventGrid, SMN: nothing, or an error for the same reasons;
//   - {"interlock":"sweep"}, which a schedule sends, or a timer of FunctionGraph
//     whose event is sweep: nothing, once what is due has been taken up;
//   - direct invocation with an event, or a batch: the out-event, or the batch
//     of out-events, and an error where one is to be sent again.
//
// Where one event is expected, a message of a known producer ([producers]) may
// stand in its place.
//
// Its errors are [*Later], [*NoEvent], [*Unrecognised], and a
// [*cloudevent.Error] for more events at once than [cloudevent.MostEvents].
func (d *Door) Invoke(ctx context.Context, payload []byte) ([]byte, error) {
	n, err := jsontree.Parse(payload, payloadDepth)
	if err != nil {
		err = &NoEvent{Err: fmt.Errorf("payload: %w", err)}
		d.arrived(admission.With(ctx, admission.Admission{Door: admission.Direct}), event.Event{}, err)
		return nil, err
	}
	is := recognise(&n)
	ctx = admission.With(ctx, admission.Admission{Door: is.door()})
	switch is {
	case aSingle:
		return d.direct(ctx, &n)
	case aBatch:
		return d.directBatch(ctx, n.Items)
	case aFunctionURL:
		return d.functionURL(ctx, &n)
	case aRestAPI:
		return d.restAPI(ctx, &n)
	case aLoadBalancer:
		return d.loadBalancer(ctx, &n)
	case anAPIG:
		return d.apig(ctx, &n)
	case anSQS:
		return d.sqs(ctx, n.Get("Records").Items)
	case aPipe:
		return d.sqs(ctx, n.Items)
	case anSNS:
		return d.deliveries(ctx, n.Get("Records").Items, fromSNS)
	case anSMN:
		return d.deliveries(ctx, n.Get("record").Items, fromSMN)
	case anEventBridge:
		return d.deliveries(ctx, []jsontree.Node{n}, fromBus)
	case anEventGrid:
		return d.deliveries(ctx, n.Get("events").Items, fromEventGrid)
	case aBus:
		return d.deliveries(ctx, n.Items, fromBus)
	case aSweep:
		if d.Sweep != nil {
			return nothing, d.Sweep(ctx)
		}
	}
	if _, known, _ := d.Producers.Decode(&n); known {
		return d.direct(ctx, &n)
	}
	err = unrecognised(&n)
	d.arrived(ctx, event.Event{}, err)
	return nil, err
}

// direct answers a direct invocation with one event. Rejected and failed are
// answers, too; only who sends no event, or has to send it again, gets an
// error.
func (d *Door) direct(ctx context.Context, n *jsontree.Node) ([]byte, error) {
	item := unwrap(d.Producers, n, 1)
	if item.Err != nil {
		d.arrived(ctx, item.Event, item.Err)
		return nil, &NoEvent{Err: item.Err}
	}
	r := d.handle(ctx, item)
	switch r.Kind {
	case engine.Ignored:
		return nothing, nil
	case engine.Later:
		return nil, laterOf([]engine.Result{r})
	}
	return encoded(r)
}

func (d *Door) directBatch(ctx context.Context, nodes []jsontree.Node) ([]byte, error) {
	if err := cloudevent.Count(len(nodes)); err != nil {
		return nil, err
	}
	items := make([]cloudevent.Item, len(nodes))
	for i := range nodes {
		items[i] = cloudevent.DecodeNode(&nodes[i])
	}
	results := d.handleAll(ctx, items)
	if err := laterOf(results); err != nil {
		return nil, err
	}
	b, _, err := batched(results)
	return b, err
}

// deliveries answers senders that read nothing but whether to send everything
// again.
func (d *Door) deliveries(ctx context.Context, nodes []jsontree.Node, read func(producers.Reader, *jsontree.Node) cloudevent.Item) ([]byte, error) {
	if err := cloudevent.Count(len(nodes)); err != nil {
		return nil, err
	}
	items := make([]cloudevent.Item, len(nodes))
	for i := range nodes {
		items[i] = read(d.Producers, &nodes[i])
	}
	results := d.handleAll(ctx, items)
	for i, r := range results {
		if leftToSweep(r) {
			results[i] = engine.Result{Kind: engine.Ignored} // nobody needs to send it again
		}
	}
	if err := laterOf(results); err != nil {
		return nil, err
	}
	for i, item := range items {
		if item.Err != nil {
			return nil, &NoEvent{Err: fmt.Errorf("event %d of %d: %w", i+1, len(items), item.Err)}
		}
	}
	return nothing, nil
}

// comesBack tells whether a message is to be delivered again.
func comesBack(item cloudevent.Item, r engine.Result) bool {
	return item.Err != nil || r.Kind == engine.Later && !leftToSweep(r)
}

// messageGroup is the group of a FIFO queue in whose order a message has to be
// taken; none of other queues, whose groups say nothing of an order.
func messageGroup(record *jsontree.Node) string {
	if !strings.HasSuffix(text(record.Get("eventSourceARN")), ".fifo") {
		return ""
	}
	return text(record.Get("attributes").Get("MessageGroupId"))
}

// sqs answers with the messages that are to come back. An empty list says that
// all are done, while an unknown or empty id among them would say that none
// is: then an error says so openly. Of a mapping that brings more at once than
// a batch may have, the rest comes back by itself.
func (d *Door) sqs(ctx context.Context, records []jsontree.Node) ([]byte, error) {
	answer := lambdaevents.SQSEventResponse{BatchItemFailures: []lambdaevents.SQSBatchItemFailure{}}
	items := make([]cloudevent.Item, min(len(records), cloudevent.MostEvents))
	for i := range records {
		if i >= len(items) {
			answer.BatchItemFailures = append(answer.BatchItemFailures, lambdaevents.SQSBatchItemFailure{ItemIdentifier: text(records[i].Get("messageId"))})
			continue
		}
		items[i] = message(d.Producers, text(records[i].Get("body")), nesting)
	}
	each := handling{
		in:   func(i int) context.Context { return d.firstAdmission(ctx, &records[i]) },
		line: func(i int) string { return messageGroup(&records[i]) },
		stop: func(i int, r engine.Result) bool { return comesBack(items[i], r) },
	}
	for i, r := range d.handleEach(items, each) {
		id := text(records[i].Get("messageId"))
		if err := items[i].Err; err != nil {
			d.log().WarnContext(ctx, "a message holds no event", "function", d.Function, "message", id, "error", err)
			if n := text(records[i].Get("attributes").Get("ApproximateReceiveCount")); n == "" || n == "1" {
				d.arrived(each.in(i), items[i].Event, err) // what comes back is known
			}
			d.hide(ctx, text(records[i].Get("receiptHandle")), hopeless)
		} else if !comesBack(items[i], r) {
			continue
		} else {
			d.hide(ctx, text(records[i].Get("receiptHandle")), r.RetryAfter)
		}
		if id == "" {
			return nil, &NoEvent{Err: fmt.Errorf("record %d of %d has no messageId by which to fail", i+1, len(records))}
		}
		answer.BatchItemFailures = append(answer.BatchItemFailures, lambdaevents.SQSBatchItemFailure{ItemIdentifier: id})
	}
	return json.Marshal(answer)
}

// Later is the error of events that are to be sent again.
type Later struct {
	// Waiting of that many events are to be sent again; the others are
	// settled, and may be sent with them.
	Waiting, Of int
	// First says why the first of them is.
	First *events.Error
}

func (e *Later) Error() string {
	return fmt.Sprintf("%d of %d events to be handled later: %s: %s", e.Waiting, e.Of, e.First.Code, e.First.Detail)
}

// laterOf returns a *Later if one of the results is.
func laterOf(results []engine.Result) error {
	waiting, _ := count(results)
	for _, r := range results {
		if r.Kind == engine.Later {
			return &Later{Waiting: waiting, Of: len(results), First: r.Error}
		}
	}
	return nil
}

// NoEvent is the error of a payload that holds no valid CloudEvent where it
// should.
type NoEvent struct{ Err error }

func (e *NoEvent) Error() string { return "no event: " + e.Err.Error() }
func (e *NoEvent) Unwrap() error { return e.Err }

// Unrecognised is the error of a payload that no known sender sends.
type Unrecognised struct {
	// Found is what the payload is, with the names of its members.
	Found string
}

func (e *Unrecognised) Error() string {
	return "unrecognised payload: found " + e.Found + ", expected a CloudEvent, a batch of them, a message of a known producer, or an event of a function URL, API Gateway, an Application Load Balancer, SQS, SNS, EventBridge, EventGrid, SMN or a timer of FunctionGraph"
}

// unrecognised names the members of an object, but never their values.
func unrecognised(n *jsontree.Node) error {
	const most = 16
	var names []string
	for i, m := range n.Members {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, fmt.Sprintf("%.64q", m.Name))
	}
	found := n.Kind.String()
	if n.Kind == jsontree.Object {
		found += " of " + strings.Join(names, ", ")
	}
	return &Unrecognised{Found: found}
}
