package producers

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// approvalClosed is what the type of CDEvents' approval.closed begins with; its
// version comes after (CDEvents 0.6.0-draft, schemas/approvalclosed.json).
const approvalClosed = "dev.cdevents.approval.closed."

// approvalOfNothing is the type of one that asks for nothing, and is mapped.
const approvalOfNothing = approvalClosed + "v0"

func isCDEvents(n *jsontree.Node) bool {
	return strings.HasPrefix(text(n.Get("context").Get("type")), approvalClosed) && n.Get("subject").Is(jsontree.Object)
}

// cdEvents reads CDEvents' approval.closed. The approval says who decided, and
// its customData, in the member interlock, what is to be done and who asked.
func (r *reading) cdEvents(n *jsontree.Node) message {
	about, content := n.Get("context"), n.Get("subject").Get("content")
	m := message{
		id:      r.needed("context.id", text(about.Get("id")), "the event's id"),
		source:  r.needed("context.source", text(about.Get("source")), "the event's source"),
		subject: r.needed("subject.id", text(n.Get("subject").Get("id")), "the approval's id"),
	}
	ours := n.Get("customData").Get("interlock")
	if ours == nil || !r.approved(content) {
		return m
	}
	m.typ = events.TypeTicketApproved
	at := r.at("context.timestamp", r.needed("context.timestamp", text(about.Get("timestamp")), "a time in RFC 3339"), time.RFC3339, "2026-11-22T09:00:00Z")
	m.time = latest(at)
	const place = "customData.interlock."
	ticket := map[string]any{
		"id": m.subject, "approved_at": at,
		"requested_by": r.needed(place+"requested_by", text(ours.Get("requested_by")), "who asked for the approval"),
		"approved_by":  []string{r.needed("subject.content.responder", text(content.Get("responder")), "who approved")},
	}
	data := map[string]any{"ticket": ticket}
	// What is to be done is taken over as it is, and checked as every event's is.
	known := []string{"switch", "enabled", "target", "options", "requested_by", "window", "digest", "then", "on_failure"}
	for _, member := range ours.Members {
		switch member.Name {
		case "requested_by":
		case "window", "digest":
			ticket[member.Name] = json.RawMessage(member.Value.Raw)
		default:
			if !slices.Contains(known, member.Name) {
				r.wrong(place+member.Name, member.Value.Kind.String(), "no such member; known are "+strings.Join(known, ", "))
			}
			data[member.Name] = json.RawMessage(member.Value.Raw)
		}
	}
	m.data = data
	return m
}

// approved tells whether an approval ended with a yes. Its status counts; a
// decision that says otherwise is none that anybody should act upon.
func (r *reading) approved(content *jsontree.Node) bool {
	status, decision := text(content.Get("status")), text(content.Get("decision"))
	switch {
	case status == "approved" && content.Get("decision") != nil && decision != "approved":
		r.wrong("subject.content.decision", shown(decision), "approved, as subject.content.status is")
	case status == "rejected" && decision == "approved":
		r.wrong("subject.content.status", shown(status), "approved, as subject.content.decision is")
	}
	return status == "approved"
}

// Translate maps what a producer sends as a CloudEvent of its own type: CDEvents
// are CloudEvents. Any other event is left as it is. Its errors are of type
// *[Error].
func (rd Reader) Translate(ev event.Event) (event.Event, error) {
	if !strings.HasPrefix(ev.Type(), approvalClosed) || ev.Type() == approvalOfNothing {
		return ev, nil
	}
	mapped, err := rd.DecodeFrom("cdevents", ev.Data())
	if err != nil {
		return ev, err
	}
	for _, name := range []string{"correlationid", "traceparent", "tracestate", "dryrun"} {
		if v, ok := ev.Extensions()[name]; ok {
			mapped.SetExtension(name, v)
		}
	}
	return mapped, nil
}
