// Package producers reads messages as producers that know nothing of
// Interlock send them, and maps each to one of Interlock's events.
//
//	servicenow   a change_request, or a sysapproval_approver record, when it is approved
//	jira         an issue of Jira Service Management with its approvals
//	cdevents     CDEvents' approval.closed, as a message or as a CloudEvent
//	config       a ResourceChanged notification of Huawei Cloud's Config, bare or as SMN delivers it
//
// The mapping is a function of the message alone. Id and source come from the
// producer's own ids, so that a message that is sent again is the same
// decision again. What the event then asks for is checked as every event's is:
// a mapping judges only what it has to understand, and names each field that
// it does not.
//
// # Messages that ask for nothing
//
// Producers send more than approvals. A change that is not approved yet or has
// no fields of ours, and a resource without a tag of ours, become events too,
// of a type that no function minds; so they are answered as every other event
// that is not meant for a function.
package producers

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// Snapshot is the extension attribute of tag events that tell how a
// resource's tags are, not that they changed: such a value asks for something
// only where it differs from the last one known.
const Snapshot = "snapshot"

// producer is one whose messages are known.
type producer struct {
	name string
	// is tells its messages by their members.
	is func(*jsontree.Node) bool
	// nothing is the type of its messages that ask for nothing.
	nothing string
	decode  func(*reading, *jsontree.Node) message
}

// all lists the producers. No message is of two of them.
func all() []producer {
	return []producer{
		{"servicenow", isServiceNow, "com.servicenow.change_request.v1", (*reading).serviceNow},
		{"jira", isJira, "com.atlassian.jira.issue.v1", (*reading).jira},
		{"cdevents", isCDEvents, approvalOfNothing, (*reading).cdEvents},
		{"config", isConfig, "com.huaweicloud.config.notification.v1", (*reading).config},
	}
}

// Names are the names of the producers.
func Names() []string {
	var names []string
	for _, p := range all() {
		names = append(names, p.name)
	}
	return names
}

// Reader reads producers' messages. Its zero value knows no site's own fields,
// and refuses what stands in these.
type Reader struct {
	// JiraWords is the id of the custom field in which an issue says what it is
	// about: the one that the workflow protects. JiraApprovals is that of the
	// field of its approvals. No other field of an issue counts, and no issue
	// where they are not both named.
	JiraWords, JiraApprovals string
}

// Decode reads a message of whichever producer it is of; known is false where
// it is of none. Its errors are of type *[Error].
func (rd Reader) Decode(n *jsontree.Node) (ev event.Event, known bool, err error) {
	for _, p := range all() {
		if p.is(n) {
			ev, err = p.read(rd, n)
			return ev, true, err
		}
	}
	return event.Event{}, false, nil
}

// DecodeFrom reads a message of the named producer. Its errors are of type
// *[Error].
func (rd Reader) DecodeFrom(name string, body []byte) (event.Event, error) {
	for _, p := range all() {
		if p.name != name {
			continue
		}
		n, err := jsontree.Parse(body, cloudevent.Depth)
		if err != nil {
			return event.Event{}, &Error{Producer: name, Fields: []events.Field{{Path: "body", Found: err.Error(), Expected: "JSON with each member once"}}}
		}
		if !p.is(&n) {
			return event.Event{}, &Error{Producer: name, Fields: []events.Field{{Path: "body", Found: n.Kind.String(), Expected: "a message as " + name + " sends it"}}}
		}
		return p.read(rd, &n)
	}
	return event.Event{}, &Error{Producer: name, Fields: []events.Field{{Path: "from", Found: shown(name), Expected: strings.Join(Names(), ", ")}}}
}

// Error says why a message could not be mapped.
type Error struct {
	Producer string
	// Fields are the wrong fields, all of them, by their paths in the
	// producer's message.
	Fields []events.Field
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "no message of %.32q that can be mapped: ", e.Producer)
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: found %s, expected %s", f.Path, f.Found, f.Expected)
	}
	return b.String()
}

// LogValue names the fields one by one.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("producer", e.Producer), slog.Any("fields", e.Fields))
}

// message is what a producer's message comes to.
type message struct {
	id, source, subject string
	time                time.Time
	// data is an event's of type typ; nil asks for nothing.
	typ  string
	data any
	// snapshot: the message tells how things are, not what changed.
	snapshot bool
}

// read maps a message.
func (p producer) read(rd Reader, n *jsontree.Node) (event.Event, error) {
	r := &reading{Reader: rd}
	m := p.decode(r, n)
	if len(r.fields) > 0 {
		return event.Event{}, &Error{Producer: p.name, Fields: r.fields}
	}
	ev, err := m.event(p.nothing)
	if err != nil {
		return event.Event{}, &Error{Producer: p.name, Fields: []events.Field{{Path: "body", Found: err.Error(), Expected: "ids and times that an event may have"}}}
	}
	return ev, nil
}

// event goes through the encoder and back, so that a mapped event is exactly
// as one that came as such, and valid.
func (m message) event(nothing string) (event.Event, error) {
	ev := event.New()
	ev.SetID(m.id)
	ev.SetSource(m.source)
	ev.SetType(nothing)
	if m.subject != "" {
		ev.SetSubject(m.subject)
	}
	if !m.time.IsZero() {
		ev.SetTime(m.time)
	}
	if m.data != nil {
		data, err := json.Marshal(m.data)
		if err != nil {
			return ev, err
		}
		ev.SetType(m.typ)
		ev.SetDataContentType(event.ApplicationJSON)
		ev.DataEncoded = data
		if m.snapshot {
			ev.SetExtension(Snapshot, true)
		}
	}
	text, err := cloudevent.EncodeJSON(ev)
	if err != nil {
		return ev, err
	}
	return cloudevent.DecodeJSON(text)
}
