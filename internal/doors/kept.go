package doors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
	"github.com/interlock-functions/interlock/internal/producers"
)

// Kept returns the events in a text that somebody kept: one JSON value after
// another, each a CloudEvent, a batch, or what a sender has put around one, with
// what keeps messages around that: what `aws sqs receive-message` prints of a
// dead-letter queue, a function's payload or the record of a failed
// asynchronous invocation, and EventBridge's envelopes as a rule on an archive's
// replay delivers them. An item that holds no event says why.
func Kept(p producers.Reader, text []byte) []cloudevent.Item {
	var items []cloudevent.Item
	values := json.NewDecoder(bytes.NewReader(text))
	for {
		var raw json.RawMessage
		switch err := values.Decode(&raw); {
		case errors.Is(err, io.EOF) && len(items) == 0:
			return []cloudevent.Item{{Err: errors.New("nothing is there")}}
		case errors.Is(err, io.EOF):
			return items
		case err != nil:
			return append(items, cloudevent.Item{Err: fmt.Errorf("no JSON after byte %d: %w", values.InputOffset(), err)})
		}
		n, err := jsontree.Parse(raw, payloadDepth+nesting)
		if err != nil {
			items = append(items, cloudevent.Item{Err: err})
			continue
		}
		items = append(items, kept(p, &n, nesting)...)
	}
}

// kept is the events in a value, in at most as many wrappings as are left.
func kept(p producers.Reader, n *jsontree.Node, left int) (items []cloudevent.Item) {
	if left == 0 {
		return []cloudevent.Item{{Err: errNesting}}
	}
	if grid := n.Get("events"); grid.Is(jsontree.Array) {
		for i := range grid.Items {
			items = append(items, fromEventGrid(p, &grid.Items[i]))
		}
		return items
	}
	for _, list := range []*jsontree.Node{n, n.Get("Messages"), n.Get("Records"), n.Get("record")} {
		if list.Is(jsontree.Array) {
			for i := range list.Items {
				items = append(items, kept(p, &list.Items[i], left-1)...)
			}
			return items
		}
	}
	for _, inner := range []*jsontree.Node{n.Get("Sns"), n.Get("requestPayload")} {
		if inner.Is(jsontree.Object) {
			return kept(p, inner, left-1)
		}
	}
	if n.Get("smn").Is(jsontree.Object) {
		return []cloudevent.Item{fromSMN(p, n)}
	}
	for _, body := range []*jsontree.Node{n.Get("Body"), n.Get("body")} {
		if isText(body) {
			return []cloudevent.Item{message(p, body.Text, left-1)}
		}
	}
	return []cloudevent.Item{unwrap(p, n, left)}
}
