package cloudevent

import (
	"errors"
	"mime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/interlock-functions/interlock/events"
)

// Names of the attributes that the specification defines.
const (
	specVersion     = "specversion"
	id              = "id"
	source          = "source"
	eventType       = "type"
	dataContentType = "datacontenttype"
	dataSchema      = "dataschema"
	subject         = "subject"
	eventTime       = "time"
)

// attributes gathers the attributes of one event, and what is wrong with
// them.
type attributes struct {
	problems
	ctx   event.EventContextV1
	given []string // the required ones that were given
}

// name tells whether an attribute may be named so.
func (a *attributes) name(s string) bool {
	expected := "a name of lower-case letters and digits"
	if s == "data" {
		expected = "a name other than data, which is reserved"
	} else if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == "" {
		return true
	}
	a.add(RuleNames, clipped(s), shown(s), expected)
	return false
}

// text sets an attribute from its canonical string.
func (a *attributes) text(name, s string) {
	if required(name) {
		a.given = append(a.given, name)
	}
	if !a.right(name, s) {
		return
	}
	switch name {
	case specVersion:
	case id:
		a.ctx.ID = s
	case source:
		a.ctx.Source = types.URIRef{URL: uri(s)}
	case eventType:
		a.ctx.Type = s
	case dataContentType:
		a.ctx.DataContentType = &s
	case dataSchema:
		a.ctx.DataSchema = &types.URI{URL: uri(s)}
	case subject:
		a.ctx.Subject = &s
	case eventTime:
		t, _ := timestamp(s)
		a.ctx.Time = &types.Timestamp{Time: t}
	default:
		a.extension(name, s)
	}
}

func (a *attributes) extension(name string, value any) {
	if a.ctx.Extensions == nil {
		a.ctx.Extensions = make(map[string]any, 4)
	}
	a.ctx.Extensions[name] = value
}

// event returns the event once every attribute has been given.
func (a *attributes) event(data []byte, binary bool) (event.Event, error) {
	for _, name := range [...]string{specVersion, id, source, eventType} {
		if !slices.Contains(a.given, name) {
			_, expected := check(name, "")
			a.add(RuleRequired, name, "nothing", expected)
		}
	}
	if err := a.err(); err != nil {
		if wrong := (*Error)(nil); errors.As(err, &wrong) {
			wrong.Event = events.Cause{ID: a.ctx.ID, Source: a.ctx.Source.String(), Type: a.ctx.Type}
		}
		return event.Event{}, err
	}
	return event.Event{Context: &a.ctx, DataEncoded: data, DataBase64: binary}, nil
}

func required(name string) bool {
	return name == specVersion || name == id || name == source || name == eventType
}

func core(name string) bool {
	switch name {
	case dataContentType, dataSchema, subject, eventTime:
		return true
	}
	return required(name)
}

// longest is how many bytes an attribute may have that is kept with the
// decision, or carried on: EventBridge takes events of 256 KB and DynamoDB items
// of 400 KB, and an outcome that neither takes could never be published.
const longest = 4096

func bounded(name string) bool {
	switch name {
	case id, source, eventType, subject, dataSchema, "correlationid", "traceparent", "tracestate":
		return true
	}
	return false
}

// right tells whether an attribute's canonical string may stand, and notes why
// it may not.
func (p *problems) right(name, s string) bool {
	if bounded(name) && len(s) > longest {
		p.add(RuleSize, name, strconv.Itoa(len(s))+" bytes", "at most "+strconv.Itoa(longest)+" bytes")
		return false
	}
	rule, expected := check(name, s)
	if rule != "" {
		p.add(rule, name, shown(s), expected)
	}
	return rule == ""
}

// check returns the rule that an attribute's canonical string breaks, and what
// is expected of it; none where it is right.
func check(name, s string) (rule, expected string) {
	if bad := disallowed(s); bad != "" {
		return RuleTypes, "text without " + bad
	}
	switch name {
	case specVersion:
		if s != event.CloudEventsVersionV1 {
			return RuleRequired, `"1.0"`
		}
	case id, eventType:
		if s == "" {
			return RuleRequired, "a non-empty string"
		}
	case source:
		if _, ok := parseURI(s); !ok || s == "" {
			return RuleRequired, "a non-empty URI-reference (RFC 3986, 4.1)"
		}
	case subject:
		if s == "" {
			return RuleOptional, "a non-empty string"
		}
	case dataSchema:
		if p, ok := parseURI(s); !ok || !p.scheme || p.fragment {
			return RuleOptional, "an absolute URI, without fragment (RFC 3986, 4.3)"
		}
	case eventTime:
		if _, ok := timestamp(s); !ok {
			return RuleOptional, "a date and time (RFC 3339)"
		}
	case dataContentType:
		if _, ok := mediaType(s); !ok {
			return RuleOptional, "a media type (RFC 2046)"
		}
	}
	return "", ""
}

// disallowed names the characters in s that no attribute may hold.
func disallowed(s string) string {
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c <= '~' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return "invalid UTF-8"
		case r < ' ' || 0x7f <= r && r <= 0x9f:
			return "control characters"
		case 0xfdd0 <= r && r <= 0xfdef || r&0xfffe == 0xfffe:
			return "Unicode noncharacters"
		}
		i += size
	}
	return ""
}

// mediaType returns a content type's media type in lower case.
func mediaType(s string) (string, bool) {
	if s == "application/json" {
		return s, true
	}
	m, _, err := mime.ParseMediaType(s)
	// The package also parses dispositions, which have no slash, trims, and
	// takes any byte between quotes.
	return m, err == nil && strings.Contains(m, "/") && strings.TrimSpace(s) == s && ascii(s)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isJSON tells whether a content type declares JSON: */json or */*+json.
// Absent, it does too; binary data without a content type is not asked about.
func isJSON(contentType *string) bool {
	if contentType == nil {
		return true
	}
	m, _ := mediaType(*contentType)
	return strings.HasSuffix(m, "/json") || strings.HasSuffix(m, "+json")
}
