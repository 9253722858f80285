package doors_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/cloudsim"
	"github.com/interlock-functions/interlock/internal/digest"
	"github.com/interlock-functions/interlock/internal/local/localtest"
	"github.com/interlock-functions/interlock/pkg/engine"
	"github.com/interlock-functions/interlock/pkg/engine/admission"
)

// unapproved is an event that nobody approved, or that was approved for
// something else, once, or long ago. A new row says by which doors it comes and
// what is answered, by the policy for production and without any; without one,
// whatever docs/policy.md, SECURITY.md and events/README.md say of it happens.
type unapproved struct {
	name     string
	doors    []string
	function string
	environ  []string
	// at is when it comes; by default on a Tuesday, in office hours.
	at     time.Time
	before func(*scene)
	sent   func(*scene) letter
	// policy and none are words of [word].
	policy, none string
	// calls are those without a policy, good those that are made under it, too:
	// by the rows that are there to show that not everything is refused.
	calls, good int
}

// production is the configuration under which no row but the good ones makes a
// call.
func production() []string {
	return []string{"INTERLOCK_POLICY=file:../../policies/production.cedar", "INTERLOCK_POLICY_ENTITIES=file:../../policies/entities.json", "INTERLOCK_TIMEZONE=Europe/Berlin"}
}

// dev is a target that policies/entities.json has for development.
var dev = cloudsim.Target{ProjectID: localtest.Proxy.ProjectID, InstanceID: "00000000000000000000000000000devin07", ProxyID: localtest.Proxy.ProxyID}

// TestNothingUnapprovedCalls: of all that nobody approved as the policy for
// production asks, nothing is called, by whichever door and producer it comes;
// and without a policy comes what the documentation says.
func TestNothingUnapprovedCalls(t *testing.T) {
	stopped, called, seen := 0, 0, map[string]bool{}
	for _, row := range unapprovals() {
		for _, door := range row.doors {
			require.False(t, seen[door+row.name], "%s: %s twice", door, row.name)
			seen[door+row.name] = true
			if row.good == 0 {
				stopped++
			}
			if row.calls > 0 {
				called++
			}
			t.Run("policy/"+door+"/"+row.name, row.by(door, production(), row.policy, row.good).comes)
			t.Run("none/"+door+"/"+row.name, row.by(door, nil, row.none, row.calls).comes)
		}
	}
	require.GreaterOrEqual(t, stopped, 60)
	require.Greater(t, called, 60, "a table that stops what nothing else would have stopped")
	t.Logf("proved: unapproved: %d events by 5 doors and 4 producers, %d of them stopped by the policy for production, 0 calls; without a policy %d are called, as documented", len(seen), stopped, called)
}

// by is the row at one door, with further configuration.
func (u unapproved) by(door string, environ []string, want string, calls int) forged {
	sent := u.sent
	if door == admission.URL {
		sent = func(s *scene) letter {
			l := u.sent(s)
			if l.context == "" {
				l.context = iam
			}
			return l
		}
	}
	at := u.at
	if at.IsZero() {
		at = onTuesday()
	}
	return forged{door: door, function: u.function, environ: slices.Concat(u.environ, environ), at: at,
		before: u.before, sent: sent, want: word(door, want), calls: calls}
}

// word is how a door says it. What is to be handled later, and what holds no
// event, comes back to a queue and is an error to who invokes; the bus reads no
// answer, and is told on itself.
func word(door, said string) string {
	kind, rest, _ := strings.Cut(said, " ")
	if door == admission.URL || door == admission.Local {
		switch kind {
		case "completed":
			return "202"
		case "nothing":
			return "204"
		case "later", "unread":
			kind, rest, _ = strings.Cut(rest, " ")
		}
		status := map[string]int{
			"denied": 403, "not-approved": 403, "window-over": 403, "unauthorized": 401, "invalid-event": 400,
			"ticket-spent": 409, "id-reused": 409, "superseded": 409, "not-yet": 409,
		}[kind]
		if status == 0 {
			status = 422
		}
		return strings.TrimSpace(fmt.Sprintf("%d %s %s", status, kind, rest))
	}
	switch kind {
	case "completed":
		return "switch.completed.v1"
	case "later", "unread":
		if door == admission.Queue {
			return "back"
		}
		return "error"
	}
	return said
}

func onTuesday() time.Time { return time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC) } // 11:00 in Berlin

func anyDoor() []string {
	return []string{admission.URL, admission.Local, admission.Bus, admission.Queue, admission.Direct}
}

func lambdas() []string { return []string{admission.Bus, admission.Queue, admission.Direct} }

// change is an event as the policy asks for it: approved by two an hour ago, by
// its digest for just this, in its window; and then changed.
func (s *scene) change(changes ...any) []byte {
	now := s.Now()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	text := s.ticket("time", at(-time.Hour), "data.ticket.approved_by", []any{"approver@example.com", "second@example.com"},
		"data.ticket.approved_at", at(-time.Hour), "data.ticket.window", map[string]any{"start": at(-30 * time.Minute), "end": at(8 * time.Hour)})
	return localtest.Edit(s.t, s.bound(text), changes...)
}

// bound gives an event's ticket the digest of what it asks for.
func (s *scene) bound(text []byte, changes ...any) []byte {
	text = localtest.Edit(s.t, text, changes...)
	var ev struct{ Data json.RawMessage }
	require.NoError(s.t, json.Unmarshal(text, &ev))
	of, err := digest.Of(ev.Data)
	require.NoError(s.t, err)
	return localtest.Edit(s.t, text, "data.ticket.digest", of)
}

// done has a change accepted.
func done(changes ...any) func(*scene) {
	return func(s *scene) {
		answer, err := s.lambda("proxyssl").Invoke(s.t.Context(), s.change(changes...))
		require.NoError(s.t, err)
		require.Contains(s.t, string(answer), events.TypeSwitchCompleted)
	}
}

// altered is a change that was altered after its approval.
func alter(changes ...any) func(*scene) letter {
	return func(s *scene) letter { return letter{body: s.change(changes...)} }
}

// rebound is one whose digest was taken anew: anybody can compute it.
func rebound(changes ...any) func(*scene) letter {
	return func(s *scene) letter { return letter{body: s.bound(s.change(changes...))} }
}

// respelt is a change with one piece of its text replaced.
func respelt(old, by string) func(*scene) letter {
	return func(s *scene) letter {
		text := string(s.change())
		require.Contains(s.t, text, old)
		return letter{body: []byte(strings.Replace(text, old, by, 1))}
	}
}

// of is a producer's message, changed.
func of(name string, changes ...any) func(*scene) letter {
	from, _, _ := strings.Cut(name, ".")
	return func(s *scene) letter {
		return letter{body: localtest.Edit(s.t, s.producer(name), changes...), query: "from=" + from, header: http.Header{"Content-Type": {"application/json"}}}
	}
}

func unapprovals() []unapproved {
	return slices.Concat(approvals(), noTicket(), again(), disguises(), tooFew(), unbound(), times(), frozen(), tags(), attributes(), spelt(), producersSay(), others())
}

// approvals are as they should be, by each door and producer: not everything is
// refused.
func approvals() []unapproved {
	return []unapproved{
		{name: "as it should be", doors: anyDoor(), sent: alter(), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "as it should be, signed", doors: []string{"url", "local"}, environ: []string{keyed}, sent: func(s *scene) letter {
			return s.signed(theKey, s.id(), 0, letter{body: s.change()})
		}, policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "requested with its ticket", doors: anyDoor(), sent: alter("type", events.TypeSwitchRequested), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "the requester as a third", doors: []string{"bus"}, sent: alter("data.ticket.approved_by", []any{"approver@example.com", "requester@example.com", "second@example.com"}), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "members that no rule minds", doors: []string{"queue"}, sent: respelt(`"requested_by"`, `"cost":1e400,"bound":false,"approver_count":0,"requested_by"`), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "the change board, on a Saturday", doors: []string{"bus"}, at: time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC), sent: alter("data.ticket.approved_by", []any{"approver@example.com", "HEAD@example.com"}), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "a spent ticket, where tickets are reusable", doors: []string{"bus", "url"}, environ: []string{"INTERLOCK_TICKETS=reusable"}, before: func(s *scene) {
			done()(s)
			s.Advance(10 * time.Minute) // the job has ended
		}, sent: rebound("id", "again", "data.enabled", false), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "the ticket of a rejected one", doors: []string{"bus", "url"}, before: refused("window-over", "data.ticket.window.end", "2026-11-24T09:59:59Z"), sent: alter("id", "again"), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "a tag in dev", doors: anyDoor(), sent: func(s *scene) letter { return letter{body: s.tag("data.target.instance_id", dev.InstanceID)} }, policy: "completed", none: "completed", calls: 3, good: 3},
		{name: "a change of ServiceNow", doors: anyDoor(), sent: of("servicenow.digest", snow()...), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "an issue of Jira", doors: anyDoor(), function: "proxyalt", environ: jiraSite(), sent: of("jira.digest", issue()...), policy: "completed", none: "completed", calls: 1, good: 1},
		{name: "tags of Config, in dev", doors: anyDoor(), function: "proxyalt", sent: of("config.resource-changed", "detail.resource_id", dev.InstanceID), policy: "completed", none: "completed", calls: 1, good: 1},
	}
}

// refused has a change refused.
func refused(code string, changes ...any) func(*scene) {
	return func(s *scene) {
		require.Equal(s.t, code, s.send("direct", "proxyssl", letter{body: s.change(changes...)}))
	}
}

// noTicket have none.
func noTicket() []unapproved {
	without := []any{"type", events.TypeSwitchRequested, "data.ticket", localtest.Gone}
	return []unapproved{
		{name: "requested without ticket", doors: anyDoor(), sent: alter(without...), policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "requested without ticket, in dev", doors: []string{"bus"}, sent: alter(append(without, "data.target.instance_id", dev.InstanceID)...), policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "requested with a ticket of null", doors: []string{"queue"}, sent: alter("type", events.TypeSwitchRequested, "data.ticket", nil), policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "requested without ticket, signed", doors: []string{"url", "local"}, environ: []string{keyed}, sent: func(s *scene) letter {
			return s.signed(theKey, s.id(), 0, letter{body: s.change(without...)})
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "approved without ticket", doors: anyDoor(), sent: alter("data.ticket", localtest.Gone), policy: "invalid-data", none: "invalid-data"},
		{name: "in an array of the bus", doors: []string{"bus"}, sent: func(s *scene) letter {
			return letter{bare: true, body: s.json([]any{map[string]any{"version": "0", "id": "e", "source": "tickets", "detail-type": "t", "detail": json.RawMessage(s.change(without...))}})}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by the bus's envelope itself", doors: []string{"bus"}, sent: func(s *scene) letter {
			var ev struct{ Data json.RawMessage }
			require.NoError(s.t, json.Unmarshal(s.change(without...), &ev))
			return letter{bare: true, body: s.json(map[string]any{"version": "0", "id": "e", "source": "tickets", "detail-type": events.TypeSwitchRequested, "detail": ev.Data})}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by SNS", doors: []string{"bus"}, sent: func(s *scene) letter {
			return letter{bare: true, body: s.json(map[string]any{"Records": []any{map[string]any{"EventSource": "aws:sns", "Sns": map[string]any{"Type": "Notification", "Message": string(s.change(without...))}}}})}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by EventGrid", doors: []string{"bus"}, sent: func(s *scene) letter {
			return letter{bare: true, body: []byte(`{"events":[` + string(s.change(without...)) + `]}`)}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "whole in an event of EventGrid", doors: []string{"bus"}, sent: func(s *scene) letter {
			return letter{bare: true, body: []byte(`{"events":[{"specversion":"1.0","id":"x","source":"tickets","type":"t","data":` + string(s.change(without...)) + `}]}`)}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by SMN", doors: []string{"bus"}, sent: func(s *scene) letter {
			return letter{bare: true, body: s.json(map[string]any{"record": []any{map[string]any{"smn": map[string]any{"message": string(s.change(without...))}}}})}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by the bus, to the queue", doors: []string{"queue"}, sent: func(s *scene) letter {
			return letter{body: s.json(map[string]any{"version": "0", "id": "e", "source": "tickets", "detail-type": "t", "detail": json.RawMessage(s.change(without...))})}
		}, policy: "denied ticket-needed", none: "completed", calls: 1},
		{name: "by nobody, and then by the queue", doors: []string{"queue"}, before: func(s *scene) {
			require.Equal(s.t, "401 unauthorized", s.send("url", "proxyssl", letter{body: s.change(without...)}))
		}, sent: alter(without...), policy: "denied ticket-needed", none: "completed", calls: 1},
	}
}

// again are of a ticket that has been spent, or of an event that was handled.
func again() []unapproved {
	spent := func(name string, changes ...any) unapproved {
		return unapproved{name: "a spent ticket, " + name, doors: []string{"bus", "url"}, before: done(), sent: rebound(append([]any{"id", "again"}, changes...)...), policy: "ticket-spent", none: "ticket-spent"}
	}
	return []unapproved{
		{name: "a spent ticket", doors: anyDoor(), before: done(), sent: alter("id", "again"), policy: "ticket-spent", none: "ticket-spent"},
		spent("the opposite direction", "data.enabled", false),
		spent("approved by nobody", "data.ticket.approved_by", []any{"nobody"}),
		spent("approved anew", "data.ticket.approved_at", "2026-11-24T09:59:00Z", "data.ticket.approved_by", []any{"x@example.com", "y@example.com"}),
		spent("of another source", "source", "https://evil.example.com"),
		spent("of a source with a slash", "source", "https://tickets.example.com/changes/"),
		spent("requested", "type", events.TypeSwitchRequested),
		spent("our own region named", "data.target.region", localtest.Region),
		spent("in lower case", "data.ticket.id", "chg0031338"),
		spent("in full width", "data.ticket.id", "ＣＨＧ００３１３３８"),
		spent("with spaces around", "data.ticket.id", " CHG0031338\u3000"),
		spent("as an address", "data.ticket.id", "mailto:CHG0031338"),
		spent("as an address of an address", "data.ticket.id", "mailto:mailto: CHG0031338"),
		{name: "a spent ticket, its outcome long forgotten", doors: []string{"bus"}, before: func(s *scene) {
			done()(s)
			s.Advance(14 * 7 * 24 * time.Hour)
		}, sent: alter("id", "again"), policy: "ticket-spent", none: "ticket-spent"},
		{name: "a spent ticket, with a soft hyphen", doors: []string{"bus", "url"}, before: done(), sent: alter("id", "again", "data.ticket.id", "CHG\u00ad0031338"), policy: "invalid-data", none: "invalid-data"},
		{name: "a ticket without a name", doors: []string{"bus", "url"}, sent: alter("data.ticket.id", "mailto:"), policy: "invalid-data", none: "invalid-data"},
		{name: "a ticket of spaces", doors: []string{"queue"}, sent: alter("data.ticket.id", "\u3000"), policy: "invalid-data", none: "invalid-data"},
		{name: "a ticket of dots", doors: []string{"queue"}, sent: alter("data.ticket.id", "..."), policy: "invalid-data", none: "invalid-data"},
		{name: "another instance, by a spent ticket", doors: anyDoor(), before: done(), sent: alter("id", "again", "data.target.instance_id", dev.InstanceID), policy: "not-approved", none: "not-approved"},
		{name: "another switch, by a spent ticket", doors: []string{"bus"}, function: "proxyalt", before: done(), sent: alter("id", "again", "data.switch", "proxy-alt"), policy: "not-approved", none: "not-approved"},
		{name: "another instance, without the digest", doors: []string{"bus"}, before: done(), sent: alter("id", "again", "data.target.instance_id", dev.InstanceID, "data.ticket.digest", localtest.Gone), policy: "denied bound", none: "completed", calls: 1},
		{name: "the same event again", doors: []string{"url", "local", "direct"}, before: done(), sent: alter(), policy: "completed", none: "completed"},
		{name: "the same event again", doors: []string{"bus", "queue"}, before: done(), sent: alter(), policy: "nothing", none: "nothing"},
		{name: "the same id for the opposite", doors: anyDoor(), before: done(), sent: rebound("data.enabled", false), policy: "id-reused", none: "id-reused"},
		{name: "the same id for another ticket", doors: []string{"bus"}, before: done(), sent: alter("data.ticket.id", "CHG666"), policy: "id-reused", none: "id-reused"},
		{name: "the same id for another requester", doors: []string{"queue"}, before: done(), sent: alter("data.ticket.requested_by", "other@example.com"), policy: "id-reused", none: "id-reused"},
		{name: "older than what is in effect", doors: anyDoor(), before: done("id", "newer", "data.ticket.id", "CHG2", "data.ticket.window.start", "2026-11-24T09:59:00Z"), sent: rebound("data.enabled", false), policy: "superseded", none: "superseded"},
		{name: "what was denied, again without the reason", doors: []string{"direct", "url"}, before: func(s *scene) {
			s.send("direct", "proxyssl", letter{body: s.change("data.ticket.digest", localtest.Gone, "data.ticket.approved_by", []any{"requester@example.com"})})
		}, sent: alter("data.ticket.approved_by", []any{"requester@example.com"}), policy: "not-approved", none: "not-approved"},
	}
}

// disguises have the requester approve, by another spelling of his name: alone,
// and beside somebody else.
func disguises() []unapproved {
	seen := map[string]string{
		"as he is": "requester@example.com", "in capitals": "REQUESTER@EXAMPLE.COM", "spaces around": "  requester@example.com ", "a tab": "\trequester@example.com\n",
		"no-break spaces": "\u00a0requester@example.com\u2003", "an ideographic space": "requester@example.com\u3000", "an address": "mailto:requester@example.com",
		"an address in capitals": "MAILTO: Requester@example.com", "an address of an address": "mailto:mailto:requester@example.com", "an address of spaces": "mailto: mailto: requester@example.com",
		"full width": "ｒｅｑｕｅｓｔｅｒ＠ｅｘａｍｐｌｅ．ｃｏｍ", "an address in full width": "ｍａｉｌｔｏ：requester@example.com", "a circled letter": "ⓡequester@example.com",
		"a mathematical letter": "𝐫equester@example.com", "a long s": "reque\u017fter@example.com", "a small commercial at": "requester﹫example.com", "a one dot leader": "requester@example․com",
	}
	unseen := map[string]string{
		"a zero-width space": "requester\u200b@example.com", "a zero-width joiner": "requester\u200d@example.com", "a zero-width non-joiner": "\u200crequester@example.com",
		"a soft hyphen": "reque\u00adster@example.com", "NUL": "requester@example.com\x00", "a bell": "requester\a@example.com", "DEL": "requester@example.com\x7f",
		"a byte order mark": "\ufeffrequester@example.com", "a word joiner": "requester\u2060@example.com", "right to left": "requester@example.com\u202e", "an isolate": "\u2066requester@example.com\u2069",
		"a grapheme joiner": "requester\u034f@example.com", "a variation selector": "requester\ufe0f@example.com", "a filler": "requester@example.com\u3164", "a blank of Braille": "requester@example.com\u2800",
		"a tag": "requester@example.com\U000e0041", "a line separator": "requester\u2028@example.com", "a private character": "requester\ue000@example.com", "no character": "requester@example.com\uffff",
		"no character either": "requester\ufdd0@example.com", "no character yet": "requester\U000e0fff@example.com", "a dash": "-", "an at": "@", "nothing": "", "an address of nobody": "mailto:",
		"a blank of music": "requester\U0001d159@example.com",
	}
	var all []unapproved
	row := func(name, text, alone, policy, none string, calls int) {
		door := anyDoor()[len(all)/2%len(anyDoor())]
		all = append(all,
			unapproved{name: "approved by himself: " + name, doors: []string{door}, sent: alter("data.ticket.approved_by", []any{text}), policy: alone, none: alone},
			unapproved{name: "approved by himself beside another: " + name, doors: []string{door}, sent: alter("data.ticket.approved_by", []any{"approver@example.com", text}), policy: policy, none: none, calls: calls})
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		row(name, seen[name], "not-approved", "denied two-approvers", "completed", 1)
	}
	for _, name := range slices.Sorted(maps.Keys(unseen)) {
		row(name, unseen[name], "invalid-data", "invalid-data", "invalid-data", 0)
	}
	named := func(requester, approver string) func(*scene) letter {
		return alter("data.ticket.requested_by", requester, "data.ticket.approved_by", []any{approver})
	}
	return append(all,
		unapproved{name: "approved by himself: an accent decomposed", doors: anyDoor(), sent: named("ren\u00e9@example.com", "rene\u0301@example.com"), policy: "not-approved", none: "not-approved"},
		unapproved{name: "approved by himself: an sz", doors: anyDoor(), sent: named("Strauß", "STRAUSS"), policy: "not-approved", none: "not-approved"},
		unapproved{name: "approved by himself: two spaces", doors: anyDoor(), sent: named("Ann Smith", "Ann \u2009Smith"), policy: "not-approved", none: "not-approved"},
	)
}

// tooFew are approved by fewer than two.
func tooFew() []unapproved {
	by := func(names ...any) func(*scene) letter {
		return alter("data.ticket.approved_by", append([]any{}, names...))
	}
	one := "approver@example.com"
	return []unapproved{
		{name: "one approver", doors: anyDoor(), sent: by(one), policy: "denied two-approvers", none: "completed", calls: 1},
		{name: "nobody", doors: []string{"url", "bus"}, sent: by("nobody"), policy: "denied two-approvers", none: "completed", calls: 1},
		{name: "no approver", doors: anyDoor(), sent: by(), policy: "not-approved", none: "not-approved"},
		{name: "one approver twice", doors: []string{"bus"}, sent: by(one, one), policy: "denied two-approvers", none: "completed", calls: 1},
		{name: "one approver in two spellings", doors: []string{"queue"}, sent: by(one, " ＡPPROVER@example.com"), policy: "denied two-approvers", none: "completed", calls: 1},
		{name: "one approver, counted by himself", doors: []string{"direct"}, sent: alter("data.ticket.approved_by", []any{one}, "data.ticket.approver_count", 2, "data.ticket.approvers", []any{"a", "b"}), policy: "denied two-approvers", none: "completed", calls: 1},
		{name: "approvers in a string", doors: []string{"bus"}, sent: alter("data.ticket.approved_by", one+",second@example.com"), policy: "invalid-data", none: "invalid-data"},
		{name: "approvers in one name", doors: []string{"url"}, sent: by(one + ", second@example.com"), policy: "denied two-approvers", none: "completed", calls: 1},
	}
}

// unbound have no digest, or that of something else.
func unbound() []unapproved {
	all := []unapproved{
		{name: "without a digest", doors: anyDoor(), sent: alter("data.ticket.digest", localtest.Gone), policy: "denied bound", none: "completed", calls: 1},
		{name: "a digest of null", doors: []string{"bus"}, sent: alter("data.ticket.digest", nil), policy: "denied bound", none: "completed", calls: 1},
		{name: "an empty digest", doors: []string{"queue"}, sent: alter("data.ticket.digest", ""), policy: "denied bound", none: "completed", calls: 1},
		{name: "a ticket that says itself that it is bound", doors: []string{"direct"}, sent: alter("data.ticket.digest", localtest.Gone, "data.ticket.bound", true), policy: "denied bound", none: "completed", calls: 1},
		{name: "a digest in a list", doors: []string{"url"}, sent: func(s *scene) letter {
			return letter{body: s.change("data.ticket.digest", []any{"sha-256:" + strings.Repeat("0", 64)})}
		}, policy: "invalid-data", none: "invalid-data"},
		{name: "a step that was not approved", doors: []string{"bus", "url"}, sent: alter("data.then", []any{map[string]any{"switch": "proxy-alt", "enabled": true}}), policy: "not-approved", none: "not-approved"},
	}
	for name, changes := range map[string][]any{
		"the opposite direction": {"data.enabled", false}, "another instance": {"data.target.instance_id", dev.InstanceID}, "another proxy": {"data.target.proxy_id", "3ec617ba62da4eafb921b69438beed3cpo01"},
		"another project": {"data.target.project_id", "156538411200d4cd2f79c003c7606412"}, "a region named": {"data.target.region", localtest.Region},
		"an instance in capitals": {"data.target.instance_id", "096C0FC43E804757B59946B80DC27F8Bin07"},
		"nothing":                 {"data.ticket.digest", "sha-256:" + strings.Repeat("0", 64)}, "of another kind": {"data.ticket.digest", "md5:d41d8cd98f00b204e9800998ecf8427e"},
		"no hash": {"data.ticket.digest", "sha-256:"}, "spaces": {"data.ticket.digest", " "},
	} {
		all = append(all, unapproved{name: "the digest of something else: " + name, doors: []string{"bus", "url"}, sent: alter(changes...), policy: "not-approved", none: "not-approved"})
	}
	return append(all,
		unapproved{name: "the digest of something else: in capitals", doors: []string{"bus", "url"}, sent: respelt("sha-256:", "SHA-256:"), policy: "not-approved", none: "not-approved"},
		unapproved{name: "the digest of something else: options", doors: []string{"bus", "url"}, function: "proxyalt", sent: func(s *scene) letter {
			return letter{body: localtest.Edit(s.t, s.bound(s.change("data.switch", "proxy-alt")), "data.options", map[string]any{"alt_for_readonly": true})}
		}, policy: "not-approved", none: "not-approved"})
}

// times are too late, too early, or of nobody knows when.
func times() []unapproved {
	ticket := func(name string, value any) func(*scene) letter { return alter("data.ticket."+name, value) }
	return []unapproved{
		{name: "approved eight days ago", doors: anyDoor(), sent: ticket("approved_at", "2026-11-16T10:00:00Z"), policy: "denied approved-lately", none: "completed", calls: 1},
		{name: "approved seven days and a second ago, in another zone", doors: []string{"bus"}, sent: ticket("approved_at", "2026-11-17T13:59:59+04:00"), policy: "denied approved-lately", none: "completed", calls: 1},
		{name: "approved nobody knows when", doors: anyDoor(), sent: ticket("approved_at", localtest.Gone), policy: "denied approved-lately", none: "completed", calls: 1},
		{name: "approved at null", doors: []string{"queue"}, sent: ticket("approved_at", nil), policy: "denied approved-lately", none: "completed", calls: 1},
		{name: "approved a hundred days ago, without a window", doors: anyDoor(), sent: alter("data.ticket.approved_at", "2026-08-16T10:00:00Z", "data.ticket.window", localtest.Gone), policy: "expired", none: "expired"},
		{name: "approved a hundred days ago, for now", doors: []string{"bus"}, sent: ticket("approved_at", "2026-08-16T10:00:00Z"), policy: "denied approved-lately", none: "completed", calls: 1},
		{name: "approved in 1969", doors: []string{"direct"}, sent: ticket("approved_at", "1969-12-31T23:59:59Z"), policy: "invalid-data", none: "invalid-data"},
		{name: "approved in the future", doors: anyDoor(), sent: ticket("approved_at", "2026-11-24T10:05:01Z"), policy: "future", none: "future"},
		{name: "approved in a time without a zone", doors: []string{"url"}, sent: ticket("approved_at", "2026-11-24T09:00:00"), policy: "invalid-data", none: "invalid-data"},
		{name: "approved at a number", doors: []string{"url"}, sent: ticket("approved_at", 1795500000), policy: "invalid-data", none: "invalid-data"},
		{name: "the window is over", doors: anyDoor(), sent: ticket("window.end", "2026-11-24T10:00:00Z"), policy: "window-over", none: "window-over"},
		{name: "the window is not open", doors: anyDoor(), sent: ticket("window.start", "2026-11-24T10:10:00Z"), policy: "later not-yet", none: "later not-yet"},
		{name: "no window", doors: anyDoor(), sent: ticket("window", localtest.Gone), policy: "denied inside-window", none: "completed", calls: 1},
		{name: "a window without end", doors: []string{"bus"}, sent: ticket("window.end", localtest.Gone), policy: "denied inside-window", none: "completed", calls: 1},
		{name: "a window without start", doors: []string{"queue"}, sent: ticket("window.start", nil), policy: "denied inside-window", none: "completed", calls: 1},
		{name: "a window of nothing", doors: []string{"direct"}, sent: ticket("window", map[string]any{}), policy: "denied inside-window", none: "completed", calls: 1},
		{name: "a window with a misspelt end", doors: []string{"url", "bus"}, sent: alter("data.ticket.window", map[string]any{"start": "2026-11-24T09:00:00Z", "End": "2026-11-24T11:00:00Z"}), policy: "invalid-data", none: "invalid-data"},
		{name: "a window that ends before it starts", doors: []string{"queue"}, sent: ticket("window.end", "2026-11-24T09:00:00Z"), policy: "invalid-data", none: "invalid-data"},
		{name: "a window twice", doors: []string{"local"}, sent: respelt(`"window":`, `"window":{"end":"2099-01-01T00:00:00Z"},"window":`), policy: "invalid-event", none: "invalid-event"},
	}
}

// frozen come when nothing is switched.
func frozen() []unapproved {
	var all []unapproved
	for name, at := range map[string]time.Time{
		"Friday 15:00 in Berlin, 14:00 in UTC": time.Date(2026, 11, 27, 14, 0, 0, 0, time.UTC),
		"Sunday":                               time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC),
		"Monday 05:59 in Berlin":               time.Date(2026, 11, 30, 4, 59, 59, 0, time.UTC),
		"Friday 15:00 in summer":               time.Date(2027, 4, 2, 13, 0, 0, 0, time.UTC),
	} {
		all = append(all, unapproved{name: "frozen: " + name, doors: []string{"url", "bus"}, at: at, sent: alter(), policy: "denied weekend-freeze", none: "completed", calls: 1})
	}
	saturday, christmas := time.Date(2026, 11, 28, 10, 0, 0, 0, time.UTC), time.Date(2026, 12, 22, 10, 0, 0, 0, time.UTC)
	return append(all,
		unapproved{name: "frozen: the end of the year", doors: anyDoor(), at: christmas, sent: alter(), policy: "denied year-end-freeze", none: "completed", calls: 1},
		unapproved{name: "frozen: 6 January 23:59 in Berlin", doors: []string{"queue"}, at: time.Date(2027, 1, 6, 22, 59, 0, 0, time.UTC), sent: alter(), policy: "denied year-end-freeze", none: "completed", calls: 1},
		unapproved{name: "frozen: the change board asks, and does not approve", doors: []string{"bus"}, at: saturday, sent: alter("data.ticket.requested_by", "head@example.com"), policy: "denied weekend-freeze", none: "completed", calls: 1},
		unapproved{name: "frozen: the change board approves its own", doors: []string{"bus"}, at: saturday, sent: alter("data.ticket.requested_by", "head@example.com", "data.ticket.approved_by", []any{"approver@example.com", "second@example.com", "HEAD@example.com"}), policy: "denied weekend-freeze", none: "completed", calls: 1},
		unapproved{name: "frozen: a group by the name of a person", doors: []string{"bus"}, at: saturday, sent: alter("data.ticket.approved_by", []any{"approver@example.com", "change-board"}), policy: "denied weekend-freeze", none: "completed", calls: 1},
		unapproved{name: "frozen: a tag that says dev in the ticket", doors: []string{"bus"}, at: saturday, sent: alter("data.ticket.env", "dev"), policy: "denied weekend-freeze", none: "completed", calls: 1})
}

// tags are set in production, where they approve nothing.
func tags() []unapproved {
	set := func(changes ...any) func(*scene) letter {
		return func(s *scene) letter { return letter{body: s.tag(changes...)} }
	}
	no := "denied no-tags-in-production"
	all := []unapproved{
		// Its position is looked at before it is flipped.
		{name: "a tag", doors: anyDoor(), sent: set(), policy: no, none: "completed", calls: 3},
		{name: "a tag, as a snapshot", doors: []string{"bus"}, sent: set("snapshot", true), policy: no, none: "completed", calls: 3},
		{name: "a tag that says dev", doors: []string{"bus"}, sent: set("data.changes.0", map[string]any{"key": "env", "old": "prod", "new": "dev"}), policy: no, none: "completed", calls: 3},
		{name: "a tag on an instance of dev in capitals", doors: []string{"bus"}, sent: set("data.target.instance_id", "00000000000000000000000000000DEVin07"), policy: no, none: "completed", calls: 3},
		{name: "a tag with a ticket", doors: anyDoor(), sent: set("data.ticket", map[string]any{"id": "CHG1", "requested_by": "a", "approved_by": []any{"b", "c"}}), policy: "invalid-data", none: "invalid-data"},
		{name: "a tag by a source that is suspended", doors: []string{"bus"}, sent: set("source", "leaver@example.com"), policy: no, none: "completed", calls: 3},
		{name: "tags of Config", doors: anyDoor(), function: "proxyalt", sent: of("config.resource-changed"), policy: no, none: "completed", calls: 1},
		{name: "tags of Config, by SMN", doors: anyDoor(), function: "proxyalt", sent: of("config.smn"), policy: no, none: "completed", calls: 1},
		{name: "tags of Config, that say dev", doors: []string{"bus"}, function: "proxyalt", sent: of("config.resource-changed", "detail.resource.tags.env", "dev"), policy: no, none: "completed", calls: 1},
		{name: "a subscription of SMN", doors: []string{"url", "direct"}, function: "proxyalt", sent: of("config.subscription"), policy: "unread invalid-data", none: "unread invalid-data"},
		{name: "tags of Config, of what is deleted", doors: anyDoor(), function: "proxyalt", sent: of("config.deleted"), policy: "nothing", none: "nothing"},
	}
	for _, value := range []any{"TRUE", "yes", "1", 1, "", " true"} {
		all = append(all, unapproved{name: fmt.Sprintf("a tag, as a snapshot of %T %v", value, value), doors: []string{"bus", "queue", "direct"}, sent: set("snapshot", value), policy: "invalid-data", none: "invalid-data"})
	}
	return all
}

// attributes are what a policy asks for, missing or of another type.
func attributes() []unapproved {
	risk := func(value string) func(*scene) letter {
		return respelt(`"requested_by"`, `"risk":`+value+`,"requested_by"`)
	}
	all := []unapproved{
		{name: "high risk", doors: anyDoor(), sent: risk(`"high"`), policy: "denied high-risk", none: "completed", calls: 1},
		{name: "high risk, escaped", doors: []string{"bus"}, sent: risk(`"\u0068igh"`), policy: "denied high-risk", none: "completed", calls: 1},
		{name: "a risk twice", doors: []string{"direct"}, sent: risk(`"high","r\u0069sk":"low"`), policy: "unread", none: "unread"},
	}
	for _, value := range []string{`["high"]`, `{"level":"high"}`, `1e400`, `true`, `123456789012345678901234567890`} {
		all = append(all, unapproved{name: "a risk of " + value, doors: []string{"bus", "url"}, sent: risk(value), policy: "denied", none: "completed", calls: 1})
	}
	for name, requester := range map[string]string{
		"as he is": "leaver@example.com", "in capitals": "Leaver@EXAMPLE.com ", "an address": "mailto:leaver@example.com", "an address of an address": "mailto:mailto:leaver@example.com", "full width": "ｌeaver@example.com",
	} {
		all = append(all, unapproved{name: "somebody suspended: " + name, doors: []string{"bus", "url"}, sent: alter("data.ticket.requested_by", requester), policy: "denied not-suspended", none: "completed", calls: 1})
	}
	return all
}

// spelt are misspelt, doubled, or look like something else.
func spelt() []unapproved {
	both := func(name, code string, doors []string, sent func(*scene) letter) unapproved {
		return unapproved{name: name, doors: doors, sent: sent, policy: code, none: code}
	}
	all := []unapproved{
		both("a member of data twice", "unread", lambdas(), respelt(`"enabled":`, `"enabled":false,"enabled":`)),
		both("a member twice, once escaped", "unread", lambdas(), respelt(`"approved_by":`, `"approved\u005fby":["a","b"],"approved_by":`)),
		both("an attribute twice", "unread", lambdas(), respelt(`"id":`, `"\u0069d":"other","id":`)),
		both("a lone surrogate", "unread", lambdas(), respelt(`"requested_by":"`, `"requested_by":"\ud800`)),
		both("a member of another case", "invalid-data", anyDoor(), respelt(`"enabled":`, `"Enabled":`)),
		both("a dry run, perhaps", "invalid-data", []string{"bus", "url"}, alter("dryrun", "yes")),
		both("a misspelt option", "invalid-data", []string{"bus", "url"}, alter("data.options", map[string]any{"dry_run": true})),
		both("a target in capitals", "invalid-data", []string{"bus"}, alter("data.target.proxy_id", "2EC617BA62DA4EAFB921B69438BEED3CPO01")),
		both("a target in full width", "invalid-data", []string{"bus"}, alter("data.target.project_id", "０56538411200d4cd2f79c003c7606412")),
		both("a target that climbs", "invalid-data", []string{"bus"}, alter("data.target.project_id", "../../../v3/other/instances/xxxxx")),
		both("another region", "nothing", anyDoor(), alter("data.target.region", "eu-west-0")),
		both("another switch", "nothing", anyDoor(), alter("data.switch", "proxy-alt")),
	}
	for _, name := range []string{"Proxy-SSL", "proxy-ssl ", "proxy\u2010ssl", "ｐroxy-ssl", "proxy-ſsl", "proxy-ssl\x00", "proxy-s\u200bsl", "рroxy-ssl"} {
		all = append(all, both(fmt.Sprintf("a switch %+q", name), "invalid-data", []string{"bus", "url"}, alter("data.switch", name)))
	}
	return all
}

// snow has a change of ServiceNow as the policy asks for it.
func snow() []any {
	return []any{"change_request.start_date", "2026-11-24 09:30:00", "change_request.end_date", "2026-11-24 18:00:00", "approvals.1.state", "approved"}
}

// jiraSite is the configuration for the site that Jira's samples are of.
func jiraSite() []string {
	return []string{"INTERLOCK_JIRA_FIELDS=words=customfield_10100,approvals=customfield_10033"}
}

const issueWindow = "interlock:start=2026-11-24T09:30:00Z interlock:end=2026-11-24T18:00:00Z"

// issue has an issue of Jira so.
func issue() []any {
	return []any{"issue.fields.customfield_10033.0.approvers.1.approverDecision", "approved", "issue.fields.customfield_10100.0", issueWindow}
}

// producersSay are messages of producers that are approved by too few, by the
// requester, or by somebody who said no.
func producersSay() []unapproved {
	const unread = "unread invalid-data"
	and := func(good []any, changes ...any) []any { return append(slices.Clone(good), changes...) }
	window := []any{"customData.interlock.window", map[string]any{"start": "2026-11-24T09:30:00Z", "end": "2026-11-24T18:00:00Z"}}
	row := func(name, sample string, changes []any, policy, none string, calls int) unapproved {
		u := unapproved{name: name, doors: anyDoor(), sent: of(sample, changes...), policy: policy, none: none, calls: calls}
		if strings.HasPrefix(sample, "jira.") {
			u.function, u.environ = "proxyalt", jiraSite()
		}
		return u
	}
	return []unapproved{
		row("ServiceNow: one approver", "servicenow.digest", and(snow(), "approvals.1.state", "not_required"), "denied two-approvers", "completed", 1),
		row("ServiceNow: the requester as the second", "servicenow.digest", and(snow(), "approvals.1.approver", "Requester@example.com "), "denied two-approvers", "completed", 1),
		row("ServiceNow: the requester alone", "servicenow.digest", and(snow(), "approvals", []any{map[string]any{"approver": "REQUESTER@example.com", "state": "approved"}}), "not-approved", "not-approved", 0),
		row("ServiceNow: without its digest", "servicenow.digest", and(snow(), "change_request.u_interlock_digest", ""), "denied bound", "completed", 1),
		row("ServiceNow: the digest of the opposite", "servicenow.digest", and(snow(), "change_request.u_interlock_enabled", "false"), "not-approved", "not-approved", 0),
		row("ServiceNow: no window", "servicenow.digest", and(snow(), "change_request.start_date", "", "change_request.end_date", ""), "denied inside-window", "completed", 1),
		row("ServiceNow: the window is over", "servicenow.digest", nil, "window-over", "window-over", 0),
		row("ServiceNow: approved long ago", "servicenow.digest", and(snow(), "change_request.approval_set", "2026-11-10 09:00:00"), "denied approved-lately", "completed", 1),
		row("ServiceNow: one approver said no", "servicenow.digest", and(snow(), "approvals.1.state", "rejected"), unread, unread, 0),
		row("ServiceNow: one approver said No", "servicenow.digest", and(snow(), "approvals.1.state", " Rejected "), unread, unread, 0),
		row("ServiceNow: two changes in one message", "servicenow.digest", and(snow(), "result", map[string]any{"number": "CHG0031337", "sys_id": "a9e9c33dc61122760072455df62663d2", "approval": "rejected", "u_interlock_switch": "proxy-ssl"}), unread, unread, 0),
		{name: "ServiceNow: a change that is rejected", doors: anyDoor(), function: "multitenant", sent: func(s *scene) letter {
			l := of("servicenow.approver")(s)
			l.body = []byte(strings.Replace(string(l.body), `"sysapproval.approval":"approved"`, `"sysapproval.approval":"rejected"`, 1))
			return l
		}, policy: unread, none: unread},
		row("ServiceNow: not approved", "servicenow.not-approved", nil, "nothing", "nothing", 0),
		row("ServiceNow: canceled", "servicenow.canceled", nil, "nothing", "nothing", 0),

		row("Jira: one approver", "jira.digest", and(issue(), "issue.fields.customfield_10033.0.approvers.1.approverDecision", "pending"), "denied two-approvers", "completed", 1),
		row("Jira: the reporter as the second", "jira.digest", and(issue(), "issue.fields.reporter.accountId", "5b10ac8d82e05b22cc7d4ef5"), "denied two-approvers", "completed", 1),
		row("Jira: without its digest", "jira.digest", and(issue(), "issue.fields.customfield_10100.7", ""), "denied bound", "completed", 1),
		row("Jira: the digest of other options", "jira.digest", and(issue(), "issue.fields.customfield_10100.6", "interlock:option.alt_for_readonly=false"), "not-approved", "not-approved", 0),
		row("Jira: no window", "jira.digest", and(issue(), "issue.fields.customfield_10100.0", ""), "denied inside-window", "completed", 1),
		row("Jira: one approver declined", "jira.digest", and(issue(), "issue.fields.customfield_10033.0.approvers.1.approverDecision", "declined"), unread, unread, 0),
		row("Jira: one approver Declined", "jira.digest", and(issue(), "issue.fields.customfield_10033.0.approvers.1.approverDecision", "Declined"), unread, unread, 0),
		row("Jira: a word twice", "jira.digest", and(issue(), "issue.fields.customfield_10100.0", issueWindow+" interlock:enabled=off"), unread, unread, 0),
		row("Jira: words in labels", "jira.digest", and(issue(), "issue.fields.labels", []any{"interlock:switch=proxy-alt"}, "issue.fields.customfield_10100", nil), "nothing", "nothing", 0),
		{name: "Jira: of a site whose fields are not configured", doors: anyDoor(), function: "proxyalt", sent: of("jira.digest", issue()...), policy: unread, none: unread},
		row("Jira: pending", "jira.pending", nil, "nothing", "nothing", 0),
		row("Jira: no approvals", "jira.no-approvals", nil, unread, unread, 0),

		// An approval of CDEvents has one responder, who is one approver.
		row("CDEvents: one responder", "cdevents.digest", window, "denied two-approvers", "completed", 1),
		row("CDEvents: the responder for himself", "cdevents.digest", and(window, "subject.content.responder", "URN:user:ann"), "not-approved", "not-approved", 0),
		row("CDEvents: two responders in one name", "cdevents.digest", and(window, "subject.content.responder", "urn:user:bob urn:user:eve"), "denied two-approvers", "completed", 1),
		row("CDEvents: the digest of the opposite", "cdevents.digest", and(window, "customData.interlock.enabled", false), "not-approved", "not-approved", 0),
		row("CDEvents: approvers of its own", "cdevents.digest", and(window, "customData.interlock.ticket", map[string]any{"id": "1", "requested_by": "a", "approved_by": []any{"b", "c"}}), unread, unread, 0),
		row("CDEvents: approved and rejected", "cdevents.contradiction", nil, unread, unread, 0),
		row("CDEvents: rejected and approved", "cdevents.digest", and(window, "subject.content.decision", "rejected"), unread, unread, 0),
		row("CDEvents: rejected", "cdevents.rejected", nil, "nothing", "nothing", 0),
		{name: "CDEvents: approved and rejected, as a CloudEvent", doors: anyDoor(), sent: func(s *scene) letter {
			return letter{body: s.json(map[string]any{"specversion": "1.0", "id": "1", "source": "urn:approvals", "type": "dev.cdevents.approval.closed.0.1.0", "data": json.RawMessage(s.producer("cdevents.contradiction"))})}
		}, policy: unread, none: unread},
	}
}

// others are for the doors themselves, or for who follows jobs.
func others() []unapproved {
	var completion []byte
	earlier := func(s *scene) {
		var err error
		completion, err = s.lambda("proxyssl").Invoke(s.t.Context(), s.change())
		require.NoError(s.t, err)
		require.Contains(s.t, string(completion), events.TypeSwitchCompleted)
	}
	signed := func(f func(*scene, *letter)) func(*scene) letter {
		return func(s *scene) letter {
			l := s.signed(theKey, s.id(), 0, letter{body: s.change("dryrun", true)})
			f(s, &l)
			return l
		}
	}
	forge := func(changes ...any) func(*scene) letter {
		return func(s *scene) letter { return letter{body: localtest.Edit(s.t, completion, changes...)} }
	}
	all := []unapproved{
		{name: "from nobody", doors: []string{"url"}, sent: func(s *scene) letter { return letter{body: s.change(), context: `"authorizer":null`} }, policy: "unauthorized", none: "unauthorized"},
		{name: "a producer's message from nobody", doors: []string{"url"}, sent: func(s *scene) letter {
			l := of("servicenow.digest", snow()...)(s)
			l.context = `"authorizer":null`
			return l
		}, policy: "unauthorized", none: "unauthorized"},
		{name: "not signed", doors: []string{"url", "local"}, environ: []string{keyed}, sent: alter(), policy: "unauthorized", none: "unauthorized"},
		{name: "a dry run that was stripped of it", doors: []string{"url", "local"}, environ: []string{keyed}, sent: signed(func(s *scene, l *letter) { l.body = s.change() }), policy: "unauthorized", none: "unauthorized"},
		{name: "signed for another id", doors: []string{"url", "local"}, environ: []string{keyed}, sent: signed(func(s *scene, l *letter) { l.body = s.change("id", "again") }), policy: "unauthorized", none: "unauthorized"},
	}
	for name, changes := range map[string][]any{
		"a job of nobody": {"data.job_id", "00000000-0000-0000-0000-000000000000"}, "another's ticket": {"data.cause.id", "CHG666", "data.cause.ticket", "CHG666"}, "another source": {"data.cause.source", "https://evil.example.com"},
	} {
		for door, said := range map[string]string{"bus": "nothing", "queue": "nothing", "direct": "not-approved", "local": "not-approved"} {
			all = append(all, unapproved{name: "a forged completion: " + name, doors: []string{door}, function: engine.JobFollow, before: earlier, sent: forge(changes...), policy: said, none: said})
		}
	}
	return all
}
