package producers

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/internal/jsontree"
)

// ours begins the names of the columns that say what a change is about.
const ours = "u_interlock_"

// serviceNowTime is how ServiceNow stores times, which are UTC.
const (
	serviceNowTime    = "2006-01-02 15:04:05"
	serviceNowExample = "2026-11-22 09:00:00 (UTC)"
)

// A record is a row of a ServiceNow table in JSON: as business rules write it,
// with plain values; or as the Table API does, where a reference is an object
// of value and link, and any field one of value and display_value. Of these,
// the value counts: it is the same in every language and zone.
type record struct {
	*reading
	n *jsontree.Node
	// at is where it stands in the message.
	at string
	// through names the reference that leads to the change, where the record
	// is an approver's: its fields then are dot-walked.
	through string
}

func (c record) path(name string) string { return c.at + c.through + name }

func (c record) field(name string) string {
	n := c.n.Get(c.through + name)
	if n.Is(jsontree.Object) {
		n = n.Get("value")
	}
	return strings.TrimSpace(c.plain(c.path(name), n))
}

// wrappers are members in which senders put the record.
var wrappers = [...]string{"result", "record", "current", "change_request", "payload"}

// serviceNowRecords finds the records in a message.
func serviceNowRecords(r *reading, n *jsontree.Node) (all []record) {
	find := func(in *jsontree.Node, at string) {
		switch {
		case isChange(in):
			all = append(all, record{reading: r, n: in, at: at})
		case isApprover(in):
			all = append(all, record{reading: r, n: in, at: at, through: "sysapproval."})
		}
	}
	find(n, "")
	for _, name := range wrappers {
		find(n.Get(name), name+".")
	}
	return all
}

func isChange(n *jsontree.Node) bool {
	return n.Get("sys_id") != nil && n.Get("number") != nil && n.Get("approval") != nil
}

func isApprover(n *jsontree.Node) bool {
	return n.Get("sysapproval") != nil && n.Get("approver") != nil && n.Get("state") != nil
}

func isServiceNow(n *jsontree.Node) bool {
	return serviceNowRecords(nil, n) != nil
}

func (r *reading) serviceNow(n *jsontree.Node) message {
	records := serviceNowRecords(r, n)
	c := records[0]
	if len(records) > 1 && slices.ContainsFunc(records, record.about) {
		// The one may say what the other denies.
		r.wrong(strings.TrimSuffix(records[1].at, "."), "another record", "one record in a message")
		return message{}
	}
	number := r.needed(c.path("number"), c.field("number"), "the change's number")
	sysID := c.field("sys_id")
	if c.through != "" {
		sysID = record{reading: r, n: c.n, at: c.at}.field("sysapproval")
	}
	r.needed(c.at+"sys_id", sysID, "the change's sys_id")
	approvedAt := r.at(c.path("approval_set"), c.field("approval_set"), serviceNowTime, serviceNowExample)
	m := message{
		id: number, subject: number, source: "urn:servicenow:change_request:" + url.PathEscape(sysID),
		time: latest(r.at(c.path("sys_updated_on"), c.field("sys_updated_on"), serviceNowTime, serviceNowExample)),
	}
	if approvedAt != nil {
		// A change that went back and was approved again is another decision.
		m.id += "-" + approvedAt.Format("20060102150405")
		m.time = *approvedAt
	}
	if c.contradicts() {
		r.fields = nil // but for that
		r.wrong(c.path("approval"), shown(c.field("approval")), "approved, as the approval in "+c.at+"state")
		return m
	}
	if !c.asks() {
		r.fields = nil // nobody's message is not judged
		return message{id: "none-" + number, source: m.source}
	}
	m.typ = events.TypeTicketApproved
	enabled := r.position(c.path(ours+"enabled"), c.field(ours+"enabled"))
	m.data = ticketed{Then: r.then(c.path(ours+"then"), c.field(ours+"then")), TicketApproved: events.TicketApproved{
		Switch: r.needed(c.path(ours+"switch"), c.field(ours+"switch"), "the name of a switch"), Enabled: enabled,
		Target: &events.Target{
			Region:     c.field(ours + "region"),
			ProjectID:  c.field(ours + "project_id"),
			InstanceID: c.field(ours + "instance_id"),
			ProxyID:    c.field(ours + "proxy_id"),
			DatabaseID: c.field(ours + "database_id"),
		},
		Options: c.options(), OnFailure: events.OnFailure(c.field(ours + "on_failure")),
		Ticket: &events.Ticket{
			ID: number, RequestedBy: r.needed(c.path("requested_by"), c.field("requested_by"), "who requested the change"),
			ApprovedBy: c.approvers(n), ApprovedAt: approvedAt, Digest: c.field(ours + "digest"),
			Window: window(
				r.at(c.path("start_date"), c.field("start_date"), serviceNowTime, serviceNowExample),
				r.at(c.path("end_date"), c.field("end_date"), serviceNowTime, serviceNowExample)),
		},
	}}
	return m
}

// about tells whether the change is about us.
func (c record) about() bool {
	return slices.ContainsFunc(c.n.Members, func(m jsontree.Member) bool {
		name, ok := strings.CutPrefix(m.Name, c.through+ours)
		return ok && c.field(ours+name) != ""
	})
}

// contradicts tells whether the record is an approval of a change that is
// rejected.
func (c record) contradicts() bool {
	row := record{reading: c.reading, n: c.n, at: c.at}
	return c.through != "" && c.about() && strings.EqualFold(row.field("state"), "approved") && strings.EqualFold(c.field("approval"), "rejected")
}

// asks tells whether the change is approved, still open, and about us.
func (c record) asks() bool {
	state := ""
	if c.through == "" {
		state = strings.ToLower(c.field("state"))
	} else if (record{reading: c.reading, n: c.n, at: c.at}).field("state") != "approved" {
		return false
	}
	switch state {
	case "3", "4", "closed", "canceled": // the change request's own last states
		return false
	}
	return c.about() && strings.EqualFold(c.field("approval"), "approved")
}

// options are those in the column of that name, an object in JSON.
func (c record) options() map[string]any {
	s := c.field(ours + "options")
	if s == "" {
		return nil
	}
	n, err := jsontree.Parse([]byte(s), 4)
	var options map[string]any
	if err != nil || n.Kind != jsontree.Object || json.Unmarshal([]byte(s), &options) != nil {
		c.wrong(c.path(ours+"options"), shown(s), `an object in JSON, as {"alt_for_readonly":true}`)
	}
	return options
}

// sysID is the form of ServiceNow's keys.
var sysID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// approvers are those who approved: of the approvals that the sender put
// beside or into the record, those that are approved; or the one that the
// record itself is of. One that is rejected speaks against all of them. Whether
// one of them is the requester can be told only where both are named in the
// same way.
func (c record) approvers(root *jsontree.Node) []string {
	path := c.at + "approver"
	approvals := []record{{reading: c.reading, n: c.n, at: c.at}}
	if c.through == "" {
		path = c.at + "approvals"
		approvals = c.listed(path, c.n.Get("approvals"))
		if list := root.Get("approvals"); list != nil && c.n != root {
			path = "approvals"
			approvals = append(approvals, c.listed(path, list)...)
		}
	}
	var names []string
	for _, a := range approvals {
		switch name, state := a.field("approver"), a.field("state"); {
		case strings.EqualFold(state, "approved"):
			names = append(names, name)
		case strings.EqualFold(state, "rejected"):
			c.wrong(a.path("state"), shown(state)+" by "+shown(name), "nobody who rejected what is approved")
		}
	}
	requester := c.field("requested_by")
	for _, name := range names {
		if name == "" {
			c.wrong(path, "nothing", "the approver")
		} else if sysID.MatchString(name) != sysID.MatchString(requester) {
			c.wrong(path, shown(name), "the approver in the same form as requested_by, which is "+shown(requester))
		}
	}
	if len(names) == 0 {
		c.wrong(path, "no approval that is approved", "the change's approvals, each with approver and state")
	}
	return names
}

// listed are the approvals in a list.
func (c record) listed(path string, list *jsontree.Node) (all []record) {
	if list == nil {
		return nil
	}
	for i := range list.Items {
		all = append(all, record{reading: c.reading, n: &list.Items[i], at: path + "[" + strconv.Itoa(i) + "]."})
	}
	return all
}
