package producers

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// jiraTime is how Jira writes times.
const (
	jiraTime    = "2006-01-02T15:04:05.999-0700"
	jiraExample = "2026-11-22T09:00:00+0000"
)

// jiraIssue finds the issue in a message: webhooks have it in issue, while
// some of automation's messages are the issue itself. at is where it stands.
func jiraIssue(n *jsontree.Node) (issue *jsontree.Node, at string) {
	if issue = n.Get("issue"); issue != nil {
		return issue, "issue."
	}
	return n, ""
}

func isJira(n *jsontree.Node) bool {
	issue, _ := jiraIssue(n)
	return issue.Get("key").Is(jsontree.String) && issue.Get("id") != nil && issue.Get("self") != nil && issue.Get("fields").Is(jsontree.Object)
}

// jira reads an issue as Jira's webhooks and its automation send it.
//
// What the change is about stands in words as interlock:switch=proxy-ssl, in
// the one field that the [Reader] names; its approvals are in the other, which
// Jira Service Management keeps. Ids of custom fields differ from site to site,
// and most fields may be edited by many: words that were looked for in all of
// them would be anybody's.
func (r *reading) jira(n *jsontree.Node) message {
	issue, place := jiraIssue(n)
	fields := issue.Get("fields")
	key, id := issue.Get("key").Text, r.plain(place+"id", issue.Get("id"))
	r.needed(place+"id", id, "the issue's id")
	m := message{id: "none-" + id, source: r.site(place+"self", text(issue.Get("self"))), subject: key}
	if r.JiraWords == "" || r.JiraApprovals == "" {
		r.wrong(place+"fields", "an issue, of which no field is configured to count", "INTERLOCK_JIRA_FIELDS=words=customfield_…,approvals=customfield_…")
		return m
	}
	words := r.words(place, fields)
	if len(words) == 0 {
		r.fields = nil // nobody's message is not judged
		return m
	}
	approvals := r.approvals(place, fields)
	if len(approvals) == 0 {
		return m
	}
	approval := r.newest(approvals)
	if text(approval.Get("finalDecision")) != "approved" {
		r.fields = nil
		r.agree(approvals)
		return m
	}
	r.agree(approvals)
	m.id = "issue-" + id + "-approval-" + r.needed("approvals.id", r.plain("approvals.id", approval.Get("id")), "the approval's id")
	m.typ = events.TypeTicketApproved
	approvedAt := r.date("approvals.completedDate", approval.Get("completedDate"))
	m.time = latest(approvedAt)
	use, at := words.use, events.TagPrefix
	m.data = ticketed{Then: r.then(at+"then", use("then")), TicketApproved: events.TicketApproved{
		Switch: r.needed(at+"switch", use("switch"), "the name of a switch"), Enabled: r.position(at+"enabled", use("enabled")),
		Target: &events.Target{
			Region: use("region"), ProjectID: use("project_id"), InstanceID: use("instance_id"),
			ProxyID: use("proxy_id"), DatabaseID: use("database_id"),
		},
		Options: words.options(), OnFailure: events.OnFailure(use("on_failure")),
		Ticket: &events.Ticket{
			ID: key, RequestedBy: r.needed(place+"fields.reporter", person(fields.Get("reporter")), "who reported the issue"),
			ApprovedBy: r.jiraApprovers(approval), ApprovedAt: approvedAt, Digest: use("digest"),
			Window: window(
				r.at(at+"start", use("start"), jiraTime, jiraExample),
				r.at(at+"end", use("end"), jiraTime, jiraExample)),
		},
	}}
	for _, name := range slices.Sorted(maps.Keys(words)) {
		if w := words[name]; !w.used {
			r.wrong(at+name, shown(w.value), "switch, enabled, region, project_id, instance_id, proxy_id, database_id, digest, start, end, then, on_failure, or option.<name>")
		}
	}
	return m
}

// site is the site that an issue is on, by the issue's own address.
func (r *reading) site(path, self string) string {
	u, err := url.Parse(self)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		r.wrong(path, shown(self), "the issue's URL")
		return "urn:jira"
	}
	return u.Scheme + "://" + u.Host
}

// word is what stands behind interlock:<name>=.
type word struct {
	value string
	used  bool
}

type words map[string]*word

func (ws words) use(name string) string {
	w := ws[name]
	if w == nil {
		return ""
	}
	w.used = true
	return w.value
}

// options are the words option.<name>. Their values are JSON, or else plain
// text.
func (ws words) options() map[string]any {
	var options map[string]any
	for name, w := range ws {
		name, ok := strings.CutPrefix(name, "option.")
		if !ok {
			continue
		}
		w.used = true
		if options == nil {
			options = map[string]any{}
		}
		var v any
		if json.Unmarshal([]byte(w.value), &v) != nil {
			v = w.value
		}
		options[name] = v
	}
	return options
}

// words gathers the words of ours.
func (r *reading) words(place string, fields *jsontree.Node) words {
	all := words{}
	if field := fields.Get(r.JiraWords); field != nil {
		r.gather(all, place+"fields."+r.JiraWords, field)
	}
	return all
}

// gather takes the words of a text, of a choice, which is an object with a
// value, and of lists of them.
func (r *reading) gather(all words, path string, n *jsontree.Node) {
	switch n.Kind {
	case jsontree.Array:
		for i := range n.Items {
			if item := &n.Items[i]; item.Kind != jsontree.Array {
				r.gather(all, path, item)
			}
		}
	case jsontree.Object:
		if v := n.Get("value"); v.Is(jsontree.String) {
			r.gather(all, path, v)
		}
	case jsontree.String:
		for _, s := range split(n.Text) {
			s, ok := strings.CutPrefix(s, events.TagPrefix)
			if !ok {
				continue
			}
			name, value, ok := strings.Cut(s, "=")
			if !ok || name == "" {
				r.wrong(path, shown(events.TagPrefix+s), "interlock:<name>=<value>")
				continue
			}
			if before := all[name]; before != nil && before.value != value {
				r.wrong(path, shown(events.TagPrefix+s)+" and "+shown(before.value), "one value of "+name)
				continue
			}
			all[name] = &word{value: value}
		}
	}
}

// list begins a word that is a list in JSON, which may have spaces in it.
const list = events.TagPrefix + "then=["

// split splits a text into words at white space, but for that within a list. One
// that is no JSON ends as every word does, and is wrong by itself.
func split(s string) (all []string) {
	for {
		s = strings.TrimSpace(s)
		from := 0
		if strings.HasPrefix(s, list) {
			var steps json.RawMessage
			if read := json.NewDecoder(strings.NewReader(s[len(list)-1:])); read.Decode(&steps) == nil {
				from = len(list) - 1 + int(read.InputOffset())
			}
		}
		end := strings.IndexFunc(s[from:], unicode.IsSpace)
		if end < 0 {
			return append(all, s)
		}
		all, s = append(all, s[:from+end]), s[from+end:]
	}
}

// approvals are the issue's approvals.
func (r *reading) approvals(place string, fields *jsontree.Node) (all []*jsontree.Node) {
	if field := fields.Get(r.JiraApprovals); field != nil {
		for i := range field.Items {
			if a := &field.Items[i]; a.Get("finalDecision") != nil && a.Get("approvers") != nil {
				all = append(all, a)
			}
		}
	}
	if len(all) == 0 {
		r.wrong(place+"fields."+r.JiraApprovals, "no approvals", "the Approvals field of Jira Service Management")
	}
	return all
}

// newest is the newest of the issue's approvals.
func (r *reading) newest(approvals []*jsontree.Node) (newest *jsontree.Node) {
	var created int64
	for _, a := range approvals {
		at, _ := strconv.ParseInt(r.plain("approvals.createdDate.epochMillis", a.Get("createdDate").Get("epochMillis")), 10, 64)
		if newest == nil || at >= created {
			newest, created = a, at
		}
	}
	return newest
}

// agree requires that nobody said no where somebody said yes: an issue that was
// declined once is not approved by asking somebody else.
func (r *reading) agree(approvals []*jsontree.Node) {
	said := map[string]bool{}
	for _, a := range approvals {
		said[strings.ToLower(text(a.Get("finalDecision")))] = true
		for _, one := range a.Get("approvers").Items {
			said[strings.ToLower(text(one.Get("approverDecision")))] = true
		}
	}
	if said["approved"] && said["declined"] {
		r.wrong("approvals", "approved and declined", "approvals of which none is declined")
	}
}

// date reads one of Jira Service Management's dates.
func (r *reading) date(path string, n *jsontree.Node) *time.Time {
	if ms := n.Get("epochMillis"); ms.Is(jsontree.Number) {
		// Within the years that an event's time may have.
		if v, err := strconv.ParseInt(string(ms.Raw), 10, 64); err == nil && 0 <= v && v < 253402300800000 {
			t := time.UnixMilli(v).UTC()
			return &t
		}
		r.wrong(path+".epochMillis", shown(string(ms.Raw)), "milliseconds since 1970")
		return nil
	}
	return r.at(path+".iso8601", text(n.Get("iso8601")), jiraTime, jiraExample)
}

func (r *reading) jiraApprovers(approval *jsontree.Node) []string {
	var names []string
	for _, a := range approval.Get("approvers").Items {
		if text(a.Get("approverDecision")) != "approved" {
			continue
		}
		names = append(names, r.needed("approvals.approvers.approver", person(a.Get("approver")), "who approved"))
	}
	if len(names) == 0 {
		r.wrong("approvals.approvers", "nobody who approved", "at least one")
	}
	return names
}

// person is how Jira names somebody: by account id in the cloud, by name on
// one's own servers. E-mail addresses are often hidden, and display names
// shared.
func person(n *jsontree.Node) string {
	for _, name := range [...]string{"accountId", "name", "key"} {
		if s := text(n.Get(name)); s != "" {
			return s
		}
	}
	return ""
}
