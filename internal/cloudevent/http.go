package cloudevent

import (
	"encoding/hex"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Mode is a content mode of the HTTP protocol binding.
type Mode uint8

// Content modes.
const (
	Binary Mode = iota + 1
	Structured
	Batched
)

const (
	contentTypeHeader = "content-type"
	prefix            = "ce-" // begins the names of headers that hold attributes
)

// DecodeHTTP decodes the events of an HTTP message, whose header's names may
// be in any case. In batched mode, elements that are no valid events carry
// errors of their own; in the other modes there is one item, and its error is
// returned. Errors are of type *[Error].
func DecodeHTTP(header http.Header, body []byte) (Mode, []Item, error) {
	h := headersOf(header)
	contentType := ""
	if values := h[contentTypeHeader]; len(values) > 1 {
		return 0, nil, &Error{Rule: RuleHTTPType, Reason: "found several Content-Type headers, expected one"}
	} else if len(values) == 1 {
		contentType = values[0]
	}
	mode, err := modeOf(h, contentType)
	if err != nil {
		return 0, nil, err
	}
	if mode == Batched {
		items, err := DecodeBatchJSON(body)
		return mode, items, err
	}
	var item Item
	if mode == Structured {
		item = decodeJSON(body)
	} else {
		item.Event, item.Err = h.event(contentType, body)
	}
	return mode, []Item{item}, item.Err
}

// headers are the headers that concern CloudEvents, by lower-case name.
type headers map[string][]string

func headersOf(header http.Header) headers {
	h := make(headers, len(header))
	for name, values := range header {
		name = strings.ToLower(name)
		if name == contentTypeHeader || strings.HasPrefix(name, prefix) {
			h[name] = append(h[name], values...)
		}
	}
	return h
}

// modeOf tells the mode by the content type's beginning, as the binding has
// it, and refuses formats other than JSON.
func modeOf(h headers, contentType string) (Mode, error) {
	const single, batch, json = "application/cloudevents", "application/cloudevents-batch", "+json"
	unsupported := func(rule, found, expected string) error {
		return &Error{Kind: Unsupported, Rule: rule, Reason: "found " + found + ", expected " + expected}
	}
	lower := strings.ToLower(contentType)
	if !strings.HasPrefix(lower, single) {
		if len(h[prefix+specVersion]) > 0 {
			return Binary, nil
		}
		return 0, unsupported(RuleHTTPMode, "content type "+shown(contentType),
			"application/cloudevents+json, application/cloudevents-batch+json or a ce-specversion header")
	}
	mode, format := Structured, single+json
	if strings.HasPrefix(lower, batch) {
		mode, format = Batched, batch+json
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != format {
		return 0, unsupported(RuleHTTPMode, "content type "+shown(contentType), format)
	}
	// JSON is UTF-8 (RFC 8259, 8.1), of which ASCII is a part.
	if set, ok := params["charset"]; ok && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		return 0, unsupported(RuleJSONText, "charset "+shown(set), "utf-8")
	}
	return mode, nil
}

// event decodes an event in binary mode.
func (h headers) event(contentType string, body []byte) (event.Event, error) {
	a := attributes{given: make([]string, 0, 4)}
	// In the order of their names: the same message gets the same answer.
	for _, name := range slices.Sorted(maps.Keys(h)) {
		if name != contentTypeHeader {
			a.header(strings.TrimPrefix(name, prefix), h[name])
		}
	}
	if contentType != "" {
		a.text(dataContentType, contentType)
	}
	if len(body) == 0 {
		body = nil
	}
	// Nothing is known of data without a content type (JSON format, 3.1.1).
	return a.event(body, contentType == "" && body != nil)
}

// header sets an attribute from its header's values.
func (a *attributes) header(name string, values []string) {
	if !a.name(name) {
		return
	}
	value, ok := "", len(values) == 1
	switch {
	case name == dataContentType:
		a.add(RuleHTTPType, name, "a ce-datacontenttype header", "the Content-Type header alone")
		return
	case !ok:
		a.add(RuleHTTPHeaders, name, fmt.Sprintf("%d headers", len(values)), "one header")
	default:
		if value, ok = unescape(values[0]); ok {
			a.text(name, value)
			return
		}
		a.add(RuleHTTPHeaders, name, shown(values[0]), "balanced quotes and percent-encoded UTF-8")
	}
	if required(name) {
		a.given = append(a.given, name)
	}
}

// unescape undoes quoting (RFC 7230, 3.2.6) and then, once,
// percent-encoding. Whether UTF-8 results is for [check] to tell.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, `"%`) {
		return s, true
	}
	s, ok := unquote(s)
	if !ok {
		return "", false
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		var err error
		if b, err = hex.AppendDecode(b, []byte(s[i+1:i+3])); err != nil {
			return "", false
		}
		i += 2
	}
	return string(b), true
}

// unquote takes the quotes off every quoted string in s, and inside of them
// the backslashes.
func unquote(s string) (string, bool) {
	b := make([]byte, 0, len(s))
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case quoted && s[i] == '\\':
			if i++; i == len(s) {
				return "", false
			}
			b = append(b, s[i])
		default:
			b = append(b, s[i])
		}
	}
	return string(b), !quoted
}

// EncodeHTTPBinary encodes an event in binary mode: the header, and the data
// as the body. It refuses, with an *[Error], what [DecodeHTTP] would.
func EncodeHTTPBinary(ev event.Event) (http.Header, []byte, error) {
	list, err := listed(&ev)
	if err != nil {
		return nil, nil, err
	}
	header := make(http.Header, len(list))
	for _, a := range list {
		if a.name != dataContentType {
			header.Set(prefix+a.name, escape(a.text))
			continue
		}
		header.Set(contentTypeHeader, a.text)
	}
	if ev.DataContentType() == "" && ev.DataEncoded != nil && !ev.DataBase64 {
		// Implied in JSON, to be said elsewhere (JSON format, 3.1.2).
		header.Set(contentTypeHeader, event.ApplicationJSON)
	}
	return header, ev.DataEncoded, nil
}

// escape percent-encodes a header's value as the binding (3.1.3.2) has it.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c <= ' ' || c == '"' || c == '%' || c > '~':
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
