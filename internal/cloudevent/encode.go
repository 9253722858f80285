package cloudevent

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// EncodeJSON encodes an event in the JSON event format. It refuses, with an
// *[Error], what [DecodeJSON] would.
//
// JSON data is written as it is. Data that is neither strict JSON where its
// content type says so, nor text where it says otherwise, becomes data_base64.
func EncodeJSON(ev event.Event) ([]byte, error) {
	return appendJSON(make([]byte, 0, 512+len(ev.DataEncoded)), &ev)
}

func appendJSON(b []byte, ev *event.Event) ([]byte, error) {
	list, err := listed(ev)
	if err != nil {
		return nil, err
	}
	b = append(b, '{')
	for i, a := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, a.name), ':')
		if a.literal {
			b = append(b, a.text...)
		} else {
			b = appendString(b, a.text)
		}
	}
	return append(appendData(b, ev), '}'), nil
}

// appendData appends the data member, if there is data. The envelope takes one
// level of the nesting that the decoder allows.
func appendData(b []byte, ev *event.Event) []byte {
	data := ev.DataEncoded
	if data == nil {
		return b
	}
	if !ev.DataBase64 {
		json := isJSON(ev.Context.(*event.EventContextV1).DataContentType)
		if json {
			if _, err := jsontree.Parse(data, Depth-1); err == nil {
				return append(append(b, `,"data":`...), data...)
			}
		} else if utf8.Valid(data) {
			return appendString(append(b, `,"data":`...), string(data))
		}
	}
	b = append(b, `,"data_base64":"`...)
	return append(base64.StdEncoding.AppendEncode(b, data), '"')
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// attribute is one attribute to write, by its canonical string.
type attribute struct {
	name, text string
	literal    bool // a boolean or an integer, which JSON does not quote
}

// listed returns the event's attributes in the order in which they are
// written: the specification's own, then extensions by name.
func listed(ev *event.Event) ([]attribute, error) {
	ctx, ok := ev.Context.(*event.EventContextV1)
	if !ok || ctx == nil {
		return nil, &Error{Rule: RuleRequired, Reason: "found no context of CloudEvents 1.0"}
	}
	list := append(make([]attribute, 0, 16),
		attribute{name: specVersion, text: event.CloudEventsVersionV1},
		attribute{name: id, text: ctx.ID},
		attribute{name: source, text: ctx.Source.String()},
		attribute{name: eventType, text: ctx.Type})
	if ctx.Subject != nil {
		list = append(list, attribute{name: subject, text: *ctx.Subject})
	}
	if ctx.Time != nil {
		list = append(list, attribute{name: eventTime, text: formatTime(ctx.Time.Time)})
	}
	if ctx.DataContentType != nil {
		list = append(list, attribute{name: dataContentType, text: *ctx.DataContentType})
	}
	if ctx.DataSchema != nil {
		list = append(list, attribute{name: dataSchema, text: ctx.DataSchema.String()})
	}
	var a attributes
	for _, name := range slices.Sorted(maps.Keys(ctx.Extensions)) {
		if core(name) {
			a.add(RuleNames, name, "an extension", "a name that is not an attribute's own")
		} else if a.name(name) {
			list = append(list, a.written(name, ctx.Extensions[name]))
		}
	}
	for _, at := range list {
		a.right(at.name, at.text)
	}
	return list, a.err()
}

// written returns an extension as it is written.
func (a *attributes) written(name string, value any) attribute {
	switch v := value.(type) {
	case types.Timestamp:
		return attribute{name: name, text: formatTime(v.Time)}
	case float32, float64:
		// The SDK would truncate it.
	default:
		if v, err := types.Validate(v); err == nil && v != nil {
			text, _ := types.Format(v)
			_, boolean := v.(bool)
			_, integer := v.(int32)
			return attribute{name: name, text: text, literal: boolean || integer}
		}
	}
	a.add(RuleTypes, name, fmt.Sprintf("%T", value), "a value of a CloudEvents type")
	return attribute{name: name}
}
