package cloudevent

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Item is an element of a batch: an event, or why it is none.
type Item struct {
	Event event.Event
	// Data is the event's data, where it was parsed with the event.
	Data *jsontree.Node
	Err  error
}

// DecodeJSON decodes an event in the JSON event format. Its errors are of type
// *[Error].
func DecodeJSON(b []byte) (event.Event, error) {
	item := decodeJSON(b)
	return item.Event, item.Err
}

func decodeJSON(b []byte) Item {
	n, err := jsontree.Parse(b, Depth)
	if err != nil {
		return Item{Err: notJSON(err)}
	}
	return DecodeNode(&n)
}

// DecodeBatchJSON decodes a batch in the JSON batch format. An element that is
// no valid event spoils only its own item; the error, of type *[Error], is
// about the batch as a whole.
func DecodeBatchJSON(b []byte) ([]Item, error) {
	n, err := jsontree.Parse(b, Depth+1)
	if err != nil {
		return nil, notJSON(err)
	}
	if n.Kind != jsontree.Array {
		return nil, &Error{Rule: RuleJSONBatch, Reason: "found " + article(n.Kind) + ", expected an array of events"}
	}
	if err := Count(len(n.Items)); err != nil {
		return nil, err
	}
	items := make([]Item, len(n.Items))
	for i := range n.Items {
		items[i] = DecodeNode(&n.Items[i])
	}
	return items, nil
}

func notJSON(err error) error {
	return &Error{Rule: RuleJSONText, Reason: "not strict JSON: " + err.Error(), Err: err}
}

// DecodeNode decodes an event that stands inside of other JSON, which was
// parsed already.
func DecodeNode(n *jsontree.Node) Item {
	if n.Kind != jsontree.Object {
		return Item{Err: &Error{Rule: RuleJSONObject, Reason: "found " + article(n.Kind) + ", expected an object"}}
	}
	a := attributes{given: make([]string, 0, 4)}
	var data, binary *jsontree.Node
	for i := range n.Members {
		switch m := &n.Members[i]; m.Name {
		case "data":
			data = &m.Value
		case "data_base64":
			// The specification's own schema allows for null.
			if m.Value.Kind != jsontree.Null {
				binary = &m.Value
			}
		default:
			a.json(m.Name, &m.Value)
		}
	}
	ev, err := a.event(a.data(data, binary), binary != nil)
	return Item{Event: ev, Data: data, Err: err}
}

// json sets an attribute from its JSON value; null means that it is unset.
func (a *attributes) json(name string, n *jsontree.Node) {
	if !a.name(name) || n.Kind == jsontree.Null {
		return
	}
	switch {
	case n.Kind == jsontree.String:
		a.text(name, n.Text)
		return
	case core(name):
		if required(name) {
			a.given = append(a.given, name)
		}
		a.add(RuleJSONTypes, name, article(n.Kind), "a string")
		return
	case n.Kind == jsontree.Bool:
		a.extension(name, n.Raw[0] == 't')
		return
	case n.Kind == jsontree.Number:
		if i, err := strconv.ParseInt(string(n.Raw), 10, 32); err == nil {
			a.extension(name, int32(i))
			return
		}
		a.add(RuleTypes, name, clipped(string(n.Raw)), "a whole number from -2147483648 to 2147483647")
		return
	}
	a.add(RuleJSONTypes, name, article(n.Kind), "a string, a boolean or a whole number")
}

// data returns the event's data. For a content type other than JSON, the data
// member is a string that holds it.
func (a *attributes) data(data, binary *jsontree.Node) []byte {
	switch {
	case data != nil && binary != nil:
		a.add(RuleJSONData, "data_base64", "data too", "either data or data_base64")
	case binary != nil && binary.Kind != jsontree.String:
		a.add(RuleJSONData, "data_base64", article(binary.Kind), "a string of Base64")
	case binary != nil:
		b, err := base64.StdEncoding.DecodeString(binary.Text)
		if err != nil || strings.ContainsAny(binary.Text, "\r\n") {
			a.add(RuleJSONData, "data_base64", shown(binary.Text), "Base64 (RFC 4648, 4)")
		}
		return b
	case data == nil:
		return nil
	case isJSON(a.ctx.DataContentType):
		return data.Raw
	case data.Kind == jsontree.String:
		return []byte(data.Text)
	default:
		a.add(RuleJSONData, "data", article(data.Kind), "a string, as datacontenttype is not JSON")
	}
	return nil
}

func article(k jsontree.Kind) string {
	switch k {
	case jsontree.Null:
		return "null"
	case jsontree.Array, jsontree.Object:
		return "an " + k.String()
	}
	return "a " + k.String()
}
