package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/interlock-functions/interlock/events"
)

// notice is what people are told of an event.
type notice struct {
	// Good: there is nothing to do.
	Good  bool
	Title string
	// Facts are names and values. Values come from events: they are text, and
	// whatever markup is in them is none.
	Facts [][2]string
}

// noticeOf tells of an event; nil for one that nobody has to know of: what asks for
// something, and what will be followed by another.
func noticeOf(ev *event.Event) (*notice, error) {
	var d struct {
		Switch  string            `json:"switch"`
		Enabled *bool             `json:"enabled"`
		Target  map[string]string `json:"target"`
		Result  string            `json:"result"`
		JobID   string            `json:"job_id"`
		Error   *events.Error     `json:"error"`
		Job     *events.Job       `json:"job"`
		Steps   []struct {
			Switch  string           `json:"switch"`
			Enabled bool             `json:"enabled"`
			State   events.StepState `json:"state"`
		} `json:"steps"`
		Cause events.Cause `json:"cause"`
	}
	what, good := "", false
	switch ev.Type() {
	case events.TypeSwitchCompleted:
		what, good = "is done", true
	case events.TypeSwitchRejected:
		what = "was rejected"
	case events.TypeSwitchFailed:
		what = "was given up"
	case events.TypeJobSucceeded:
		what, good = "has taken effect", true
	case events.TypeJobFailed:
		what = "has failed: the cloud's job did not succeed"
	case events.TypeJobUnknown:
		what = "is in doubt: the cloud's job was not seen to end"
	case events.TypeChainSucceeded:
		what, good = "A chain has succeeded", true
	case events.TypeChainFailed:
		what = "A chain has failed"
	default:
		return nil, nil
	}
	if err := json.Unmarshal(ev.Data(), &d); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if d.Result == string(events.Accepted) {
		return nil, nil // its job's end will be told
	}
	n := &notice{Good: good, Title: what}
	if len(d.Steps) == 0 {
		n.Title = strings.TrimSpace(d.Switch+" "+position(d.Enabled)) + " " + what
	}
	n.fact("Ticket", d.Cause.Ticket)
	for _, id := range []string{"region", "project_id", "instance_id", "proxy_id", "database_id"} {
		n.fact(strings.TrimSuffix(id, "_id"), d.Target[id])
	}
	for i, s := range d.Steps {
		n.fact(fmt.Sprintf("Step %d", i+1), fmt.Sprintf("%s %s: %s", s.Switch, position(&s.Enabled), s.State))
	}
	if d.Error != nil {
		n.fact("Reason", string(d.Error.Code)+": "+d.Error.Detail)
	}
	if d.Job != nil {
		n.fact("Job said", d.Job.FailReason)
	}
	n.fact("Job", d.JobID)
	n.fact("Asked by", d.Cause.ID+" of "+d.Cause.Source)
	return n, nil
}

// longest is how much of a value is shown: Slack takes 2,000 characters.
const longest = 500

func (n *notice) fact(name, value string) {
	if value == "" {
		return
	}
	if r := []rune(value); len(r) > longest {
		value = string(r[:longest]) + "…"
	}
	n.Facts = append(n.Facts, [2]string{name, value})
}

func position(enabled *bool) string {
	switch {
	case enabled == nil:
		return ""
	case *enabled:
		return "on"
	}
	return "off"
}

// slack is the notice as Slack's incoming webhooks take it
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). All
// of it is plain text, in which no <!channel> calls anybody.
func (n *notice) slack() any {
	type text struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	plain := func(s string) text { return text{"plain_text", s} }
	blocks := []any{map[string]any{"type": "header", "text": plain(clipped(n.mark()+" "+n.Title, 150))}}
	for _, f := range n.Facts {
		blocks = append(blocks, map[string]any{"type": "section", "fields": []text{plain(f[0]), plain(f[1])}})
	}
	return map[string]any{"text": escapedForSlack(n.mark() + " " + n.Title), "blocks": blocks[:min(len(blocks), 50)]}
}

// escapedForSlack is text in which nothing is a link or a mention
// (https://docs.slack.dev/messaging/formatting-message-text#escaping).
func escapedForSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// teams is the notice as an adaptive card, which a workflow of Teams posts that is
// started by a webhook
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using).
func (n *notice) teams() any {
	color := "Attention"
	if n.Good {
		color = "Good"
	}
	facts := []map[string]string{}
	for _, f := range n.Facts {
		facts = append(facts, map[string]string{"title": f[0], "value": escapedForTeams(f[1])})
	}
	card := map[string]any{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
		"body": []any{
			map[string]any{"type": "TextBlock", "text": escapedForTeams(n.mark() + " " + n.Title), "size": "Medium", "weight": "Bolder", "color": color, "wrap": true},
			map[string]any{"type": "FactSet", "facts": facts},
		},
	}
	return map[string]any{"type": "message", "attachments": []any{
		map[string]any{"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": nil, "content": card},
	}}
}

// escapedForTeams is text in which no Markdown is: links above all.
func escapedForTeams(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune("\\`*_{}[]()#+!<>~|", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (n *notice) mark() string {
	if n.Good {
		return "✅"
	}
	return "❗"
}

func clipped(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
