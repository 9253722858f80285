// Package cloudevent reads and writes CloudEvents 1.0 strictly: in the JSON
// event format and its batches, and in the binary, structured and batched
// modes of HTTP.
//
// Its event is the SDK's [event.Event]. The SDK's own decoder keeps the last
// of duplicate members, takes events of version 0.3, truncates floats, lets
// control characters and empty attributes pass, and does not percent-decode
// headers; an event that flips a database is to be what its sender signed. So
// this package refuses what the specification refuses, names every attribute
// that is wrong at once, and gives back whatever it accepted: decoding what
// was encoded yields the same attributes and the same data.
//
// # Data
//
// Data that is JSON by its media type is kept as the bytes in which it came.
// Decoded events share the memory of their input. HTTP cannot tell empty data
// from none, and headers carry no types: there, every extension is a string.
package cloudevent

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/interlock-functions/interlock/events"
)

// Content types of the JSON event format.
const (
	ContentType      = "application/cloudevents+json; charset=utf-8"
	BatchContentType = "application/cloudevents-batch+json; charset=utf-8"
)

// Depth is how deep an event in JSON may be nested, its own braces included.
const Depth = 64

// Sections of the specification that [Error.Rule] names. The numbered ones
// are sections of the JSON event format and of the HTTP protocol binding.
const (
	RuleNames       = "CloudEvents 1.0, Naming Conventions"
	RuleTypes       = "CloudEvents 1.0, Type System"
	RuleRequired    = "CloudEvents 1.0, REQUIRED Attributes"
	RuleOptional    = "CloudEvents 1.0, OPTIONAL Attributes"
	RuleSize        = "CloudEvents 1.0, Size Limits"
	RuleJSONText    = "RFC 8259"
	RuleJSONTypes   = "CloudEvents JSON format, 2.2"
	RuleJSONObject  = "CloudEvents JSON format, 3"
	RuleJSONData    = "CloudEvents JSON format, 3.1"
	RuleJSONBatch   = "CloudEvents JSON format, 4"
	RuleHTTPMode    = "CloudEvents HTTP binding, 3"
	RuleHTTPType    = "CloudEvents HTTP binding, 3.1.1"
	RuleHTTPHeaders = "CloudEvents HTTP binding, 3.1.3"
)

// Kind tells errors apart for those who answer them.
type Kind uint8

// Kinds of errors.
const (
	// Invalid: it is no valid CloudEvent (HTTP 400).
	Invalid Kind = iota
	// Unsupported: it is no CloudEvent, or in a format other than JSON
	// (HTTP 415).
	Unsupported
	// TooMany: it is a batch of more than [MostEvents] events (HTTP 413).
	TooMany
)

// MostEvents is how many events a batch may have: what is wrong with each of
// them is answered, so that a few bytes of many events would ask for much work
// and a large answer.
const MostEvents = 100

// Count returns an error, of type *[Error], where a batch has more events than
// it may.
func Count(events int) error {
	if events <= MostEvents {
		return nil
	}
	return &Error{Kind: TooMany, Rule: RuleJSONBatch, Reason: fmt.Sprintf("found a batch of %d events, expected at most %d", events, MostEvents)}
}

// Error says why something is not a valid CloudEvent.
type Error struct {
	Kind Kind
	// Rule names the broken sections of the specification.
	Rule string
	// Fields are the wrong attributes, all of them, by their names.
	Fields []events.Field
	// Reason says what is wrong with the message as a whole, where no
	// attribute could be read.
	Reason string
	// Err is the cause of Reason, if it has one.
	Err error
	// Event is what could be read of the event, as far as it is right.
	Event events.Cause
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("not a valid CloudEvent: ")
	b.WriteString(e.Reason)
	for i, f := range e.Fields {
		if i > 0 || e.Reason != "" {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: found %s, expected %s", f.Path, f.Found, f.Expected)
	}
	fmt.Fprintf(&b, " (%s)", e.Rule)
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// LogValue names the rule and the fields one by one.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("rule", e.Rule), slog.String("reason", e.Reason), slog.Any("fields", e.Fields))
}

// problems gathers what is wrong with one event.
type problems struct {
	rules  []string
	fields []events.Field
	// more counts those beyond the limit: what is answered has one too.
	more int
}

const mostFields = 50

func (p *problems) add(rule, path, found, expected string) {
	if len(p.fields) == mostFields {
		p.more++
		return
	}
	p.fields = append(p.fields, events.Field{Path: path, Found: found, Expected: expected})
	for _, r := range p.rules {
		if r == rule {
			return
		}
	}
	p.rules = append(p.rules, rule)
}

func (p *problems) err() error {
	if len(p.fields) == 0 {
		return nil
	}
	if p.more > 0 {
		p.fields = append(p.fields, events.Field{Path: "event", Found: strconv.Itoa(p.more) + " more wrong attributes", Expected: "none"})
	}
	return &Error{Rule: strings.Join(p.rules, "; "), Fields: p.fields}
}

// shown quotes the beginning of a text for an error.
func shown(s string) string { return strconv.QuoteToGraphic(clipped(s)) }

func clipped(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > most-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
