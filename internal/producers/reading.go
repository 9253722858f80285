package producers

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudevent"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// reading gathers what is wrong with one message.
type reading struct {
	Reader
	fields []events.Field
}

// mostFields bounds what is answered to a message of many wrong words.
const mostFields = 50

func (r *reading) wrong(path, found, expected string) {
	switch len(r.fields) {
	case mostFields + 1:
		return
	case mostFields:
		path, found, expected = "body", "more that is wrong", "nothing"
	}
	r.fields = append(r.fields, events.Field{Path: path, Found: found, Expected: expected})
}

// needed is a text that must be there.
func (r *reading) needed(path, s, expected string) string {
	if strings.TrimSpace(s) == "" {
		r.wrong(path, "nothing", expected)
	}
	return s
}

// ticketed is the data of an approved ticket whose steps are taken over as they
// are written, and checked as every event's are: a member that is misspelt must
// not be lost on the way.
type ticketed struct {
	events.TicketApproved
	Then json.RawMessage `json:"then,omitempty"`
}

// then reads the steps of a chain from a text: a list in JSON, or nothing.
func (r *reading) then(path, s string) json.RawMessage {
	if s == "" {
		return nil
	}
	n, err := jsontree.Parse([]byte(s), cloudevent.Depth)
	if err != nil || n.Kind != jsontree.Array {
		r.wrong(path, shown(s), `a list of steps in JSON, as [{"switch":"proxy-ssl","enabled":true}], with each member once`)
		return nil
	}
	return json.RawMessage(s)
}

// position reads whether a switch is to be on.
func (r *reading) position(path, s string) *bool {
	on := false
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "on", "true", "1":
		on = true
	case "off", "false", "0":
	default:
		r.wrong(path, shown(s), "on, off, true or false")
	}
	return &on
}

// at reads a time in RFC 3339, or in the layout, as UTC; nil where there is
// none.
func (r *reading) at(path, s, layout, example string) *time.Time {
	if s == "" {
		return nil
	}
	for _, form := range []string{time.RFC3339, layout} {
		if t, err := time.Parse(form, s); err == nil && 1 <= t.Year() && t.Year() <= 9999 {
			t = t.UTC()
			return &t
		}
	}
	r.wrong(path, shown(s), "a time as "+example)
	return nil
}

// window is the window between two times; nil where there is neither.
func window(start, end *time.Time) *events.Window {
	if start == nil && end == nil {
		return nil
	}
	return &events.Window{Start: start, End: end}
}

// plain is the text of a string, a number or a boolean; "" for null and for
// nothing.
func (r *reading) plain(path string, n *jsontree.Node) string {
	switch {
	case n == nil || n.Kind == jsontree.Null:
		return ""
	case n.Kind == jsontree.String:
		return n.Text
	case n.Kind == jsontree.Number || n.Kind == jsontree.Bool:
		return string(n.Raw)
	}
	r.wrong(path, n.Kind.String(), "string")
	return ""
}

func text(n *jsontree.Node) string {
	if n == nil {
		return ""
	}
	return n.Text
}

func latest(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func shown(s string) string {
	if strings.TrimSpace(s) == "" {
		return "nothing"
	}
	if r := []rune(s); len(r) > 64 {
		s = string(r[:64]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}
