package doors

import (
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/internal/producers"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// shape is what a payload looks like.
type shape uint8

const (
	unknown shape = iota
	aSingle
	aBatch
	aFunctionURL
	aRestAPI
	aLoadBalancer
	anAPIG
	anSQS
	aPipe
	anSNS
	anSMN
	anEventBridge
	anEventGrid
	aBus
	aSweep
)

// door is the one that a payload of this shape comes in by, which a function
// URL's request says for itself.
func (s shape) door() string {
	switch s {
	case anSQS, aPipe:
		return admission.Queue
	case anSNS, anSMN, anEventBridge, anEventGrid, aBus:
		return admission.Bus
	}
	return admission.Direct
}

// recognise tells a payload's shape by the names of its members, letter by
// letter: SNS's EventSource and SQS's eventSource differ in case alone.
func recognise(n *jsontree.Node) shape {
	switch {
	case n.Get("specversion") != nil:
		return aSingle
	case isText(n.Get("requestContext").Get("http").Get("method")):
		return aFunctionURL
	case isText(n.Get("httpMethod")) && isText(n.Get("requestContext").Get("elb").Get("targetGroupArn")):
		return aLoadBalancer
	case isText(n.Get("httpMethod")) && isText(n.Get("requestContext").Get("apiId")):
		if isText(n.Get("resource")) {
			return aRestAPI
		}
		return anAPIG // which has no resources
	case some(n.Get("Records"), fromSQS):
		return anSQS
	case some(n.Get("Records"), func(r *jsontree.Node) bool { return text(r.Get("EventSource")) == "aws:sns" }):
		return anSNS
	case some(n.Get("record"), func(r *jsontree.Node) bool { return r.Get("smn").Is(jsontree.Object) }):
		return anSMN
	case enveloped(n):
		return anEventBridge
	case text(n.Get("interlock")) == "sweep", text(n.Get("trigger_type")) == "TIMER" && text(n.Get("user_event")) == "sweep":
		return aSweep
	case some(n.Get("events"), versioned):
		return anEventGrid
	case n.Kind != jsontree.Array:
		return unknown
	case some(n, fromSQS):
		return aPipe
	case some(n, enveloped):
		return aBus
	case len(n.Items) == 0 || some(n, versioned):
		return aBatch
	}
	return unknown
}

// fromSQS tells a message of SQS, in a function's own mapping or in the array of
// one of EventBridge's pipes.
func fromSQS(n *jsontree.Node) bool { return text(n.Get("eventSource")) == "aws:sqs" }

func versioned(n *jsontree.Node) bool { return n.Get("specversion") != nil }

// enveloped tells EventBridge's envelope, of which a custom event bus delivers
// arrays too.
func enveloped(n *jsontree.Node) bool {
	return n.Get("detail-type") != nil && n.Get("detail") != nil && n.Get("source") != nil
}

func some(n *jsontree.Node, so func(*jsontree.Node) bool) bool {
	if n == nil {
		return false
	}
	for i := range n.Items {
		if so(&n.Items[i]) {
			return true
		}
	}
	return false
}

// text is the text of a string; "" for anything else, and for nothing.
func text(n *jsontree.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func isText(n *jsontree.Node) bool { return n != nil && n.Kind == jsontree.String }

// nesting is how many envelopes may lie around an event: a queue that is
// subscribed to a topic that is a rule's target makes three.
const nesting = 4

var errNesting = errors.New("found more envelopes around the event than senders put there")

// message is the event that a text holds.
func message(p producers.Reader, s string, left int) cloudevent.Item {
	n, err := jsontree.Parse([]byte(s), payloadDepth)
	if err != nil {
		return cloudevent.Item{Err: fmt.Errorf("message: %w", err)}
	}
	return unwrap(p, &n, left)
}

// unwrap is the event in at most as many envelopes as are left.
func unwrap(p producers.Reader, n *jsontree.Node, left int) cloudevent.Item {
	switch {
	case left == 0:
		return cloudevent.Item{Err: errNesting}
	case versioned(n):
		return single(p, n)
	case enveloped(n):
		return fromEventBridge(p, n)
	case text(n.Get("Type")) == "Notification" && isText(n.Get("Message")):
		return message(p, n.Get("Message").Text, left-1)
	}
	if ev, known, err := p.Decode(n); known {
		return cloudevent.Item{Event: ev, Err: err}
	}
	return cloudevent.Item{Err: unrecognised(n)}
}

// single is a CloudEvent. A producer's own that cannot be mapped holds none, as
// its bare message would.
func single(p producers.Reader, n *jsontree.Node) cloudevent.Item {
	item := cloudevent.DecodeNode(n)
	if item.Err == nil {
		item.Event, item.Err = p.Translate(item.Event)
	}
	return item
}

// fromEventGrid is an event of EventGrid's, or the whole one that is its data, as
// [internal/eventgrid] publishes them.
func fromEventGrid(p producers.Reader, n *jsontree.Node) cloudevent.Item {
	if whole := n.Get("data"); isText(whole.Get("specversion")) {
		return single(p, whole)
	}
	return fromBus(p, n)
}

// fromSMN is the event in a message of SMN.
func fromSMN(p producers.Reader, n *jsontree.Node) cloudevent.Item {
	return message(p, text(n.Get("smn").Get("message")), nesting)
}

// fromSNS is the event in a record of SNS, of which a queue that is subscribed to a
// topic gets to see the same.
func fromSNS(p producers.Reader, n *jsontree.Node) cloudevent.Item {
	if sns := n.Get("Sns"); sns != nil {
		return fromBus(p, sns)
	}
	return cloudevent.Item{Err: unrecognised(n)}
}

// fromBus is the event in as many envelopes as senders put there.
func fromBus(p producers.Reader, n *jsontree.Node) cloudevent.Item { return unwrap(p, n, nesting) }

// fromEventBridge is the CloudEvent in an envelope's detail, or what a known
// producer's message there comes to, or else the envelope as a CloudEvent.
func fromEventBridge(p producers.Reader, n *jsontree.Node) cloudevent.Item {
	detail := n.Get("detail")
	if isText(detail.Get("specversion")) {
		return single(p, detail)
	}
	if ev, known, err := p.Decode(detail); known {
		return cloudevent.Item{Event: ev, Err: err}
	}
	mapped := jsontree.Node{Kind: jsontree.Object, Members: []jsontree.Member{
		{Name: "specversion", Value: jsontree.Node{Kind: jsontree.String, Text: event.CloudEventsVersionV1}},
		{Name: "datacontenttype", Value: jsontree.Node{Kind: jsontree.String, Text: event.ApplicationJSON}},
	}}
	for _, m := range [...]struct{ from, to string }{
		{"id", "id"}, {"source", "source"}, {"detail-type", "type"}, {"time", "time"}, {"detail", "data"},
	} {
		v := n.Get(m.from)
		if v == nil {
			continue
		}
		value := *v
		if m.from == "source" && isText(v) {
			value.Text = cloudevent.URIReference(v.Text)
		}
		mapped.Members = append(mapped.Members, jsontree.Member{Name: m.to, Value: value})
	}
	return cloudevent.DecodeNode(&mapped)
}
