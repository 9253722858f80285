package ticketsystem

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

type object = map[string]any

// site is a Jira site that speaks the two APIs: an issue's fields, and pages of
// its approvals.
type site struct {
	key, status, category string
	fields                object
	approvals             []object
	// most is how many approvals a page has, whatever limit asks for.
	most  int
	asked []string
}

const created = 1795334370000 // 2026-11-22T07:59:30Z

func newSite() *site {
	return &site{
		key: "OPS-4", status: "Awaiting implementation", category: "indeterminate", most: 50,
		fields: object{
			"reporter": object{"accountId": "qm:ann", "displayName": "Ann"}, "customfield_10200": digest,
			"customfield_10201": "2026-11-22T10:00:00.000+0100", "customfield_10202": nil,
		},
		approvals: []object{approval("approved", 0, "bob", "approved", "eve", "pending")},
	}
}

// approval is one that was created some minutes later than others, with its
// approvers and what each of them decided.
func approval(final string, minutes int, approvers ...string) object {
	at := created + int64(time.Duration(minutes)*time.Minute/time.Millisecond)
	a := object{
		"id": strconv.Itoa(minutes), "name": "Waiting for approval", "finalDecision": final, "canAnswerApproval": false,
		"createdDate": object{"iso8601": "…", "epochMillis": at},
	}
	list := []object{}
	for i := 0; i < len(approvers); i += 2 {
		list = append(list, object{"approver": object{"accountId": approvers[i], "displayName": "Somebody"}, "approverDecision": approvers[i+1]})
	}
	a["approvers"] = list
	if final != "pending" {
		a["completedDate"] = object{"epochMillis": at + time.Hour.Milliseconds()}
	}
	return a
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked = append(s.asked, r.URL.String())
	q := r.URL.Query()
	switch r.URL.Path {
	case "/rest/api/3/issue/OPS-4":
		fields := object{}
		for _, name := range strings.Split(q.Get("fields"), ",") {
			if v, ok := s.fields[name]; ok {
				fields[name] = v
			}
		}
		fields["status"] = object{"name": s.status, "statusCategory": object{"key": s.category}}
		_ = json.NewEncoder(w).Encode(object{"id": "18001", "key": s.key, "fields": fields})
	case "/rest/servicedeskapi/request/OPS-4/approval":
		start, _ := strconv.Atoi(q.Get("start"))
		end := min(start+s.most, len(s.approvals))
		_ = json.NewEncoder(w).Encode(object{
			"size": end - start, "start": start, "limit": s.most, "isLastPage": end == len(s.approvals), "values": s.approvals[start:end],
		})
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"errorMessages":["Issue does not exist or you do not have permission to see it."],"errors":{}}`))
	}
}

const jiraFields = "digest=customfield_10200,start=customfield_10201,end=customfield_10202"

func TestJira(t *testing.T) {
	s := newSite()
	found, err := serve(t, jira, jiraFields, s).Ticket(t.Context(), "OPS-4")
	require.NoError(t, err)
	require.Equal(t, Approved, found.State)
	require.Equal(t, Person{"qm:ann"}, found.RequestedBy)
	require.Equal(t, []Person{{"bob"}}, found.Approvers)
	require.Equal(t, digest, *found.Digest)
	require.Equal(t, instantOf("2026-11-22T08:59:30Z"), found.ApprovedAt)
	require.Equal(t, instantOf("2026-11-22T09:00:00Z"), found.Start)
	require.Nil(t, found.End)
	require.Empty(t, Compare(ticket("OPS-4", "qm:ann", "bob"), digest, found))
}

// TestJiraChanged: an issue that is another than the event says is no yes.
func TestJiraChanged(t *testing.T) {
	field := func(name string, value any) func(*site) { return func(s *site) { s.fields[name] = value } }
	approvals := func(all ...object) func(*site) { return func(s *site) { s.approvals = append([]object{}, all...) } }
	id := []string{"data.ticket.id"}
	for _, c := range []struct {
		name   string
		fields string
		change func(*site)
		state  State
		paths  []string
	}{
		{"as it was", "", func(*site) {}, Approved, nil},
		{"moved to another project", "", func(s *site) { s.key = "DEV-9" }, Missing, id},
		{"no approvals", "", approvals(), Waiting, id},
		{"pending", "", approvals(approval("pending", 0, "bob", "pending")), Waiting, id},
		{"declined", "", approvals(approval("declined", 0, "bob", "declined")), Declined, id},
		{"requested again", "", approvals(approval("pending", 5, "bob", "pending"), approval("approved", 0, "bob", "approved")), Waiting, id},
		{"approved again since", "", approvals(approval("approved", 0, "bob", "approved"), approval("approved", 5, "bob", "approved")), Approved, []string{"data.ticket.approved_at"}},
		{"declined once", "", approvals(approval("declined", 0, "bob", "declined"), approval("approved", 5, "bob", "approved")), Declined, id},
		{"declined by whoever does not approve any more", "", approvals(approval("declined", 0), approval("approved", 5, "bob", "approved")), Declined, id},
		{"declined by one of two", "", approvals(approval("approved", 0, "bob", "approved", "eve", "declined")), Declined, id},
		{"the approver removed", "", approvals(approval("approved", 0, "eve", "approved")), Approved, []string{"data.ticket.approved_by[0]"}},
		{"one more approver", "", approvals(approval("approved", 0, "eve", "approved", "bob", "approved")), Approved, nil},
		{"another reporter", "", field("reporter", object{"accountId": "eve"}), Approved, []string{"data.ticket.requested_by"}},
		{"nobody reported it", "", field("reporter", nil), Approved, []string{"data.ticket.requested_by"}},
		{"another digest", "", field("customfield_10200", "sha-256:00"), Approved, []string{"data.ticket.digest"}},
		{"no digest any more", "", field("customfield_10200", nil), Approved, []string{"data.ticket.digest"}},
		{"no field for the digest", "digest=", field("customfield_10200", "sha-256:00"), Approved, nil},
		{"moved to a later window", jiraFields, field("customfield_10201", "2026-11-22T11:00:00.000+0100"), Approved, []string{"data.ticket.window.start"}},
		{"done", "", func(s *site) { s.status, s.category = "Canceled", "done" }, Closed, id},
		{"done, where that is approved", jiraFields + ",approved=Approved|Released", func(s *site) { s.status, s.category = "released", "done" }, Approved, nil},
		{"in a status that is not approved", jiraFields + ",approved=Approved", func(*site) {}, Closed, id},
		{"in a status that is over", jiraFields + ",closed=Awaiting implementation", func(*site) {}, Closed, id},
		{"by name, on a server of one's own", "", func(s *site) {
			s.fields["reporter"] = object{"name": "qm:ann", "key": "JIRAUSER1"}
			s.approvals[0]["approvers"] = []object{{"approver": object{"name": "bob", "key": "JIRAUSER2"}, "approverDecision": "approved"}}
		}, Approved, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite()
			c.change(s)
			fields := c.fields
			if fields == "" {
				fields = jiraFields
			}
			found, err := serve(t, jira, fields, s).Ticket(t.Context(), "OPS-4")
			require.NoError(t, err)
			require.Equal(t, c.state, found.State)
			asked := ticket("OPS-4", "qm:ann", "bob")
			asked.Digest = digest
			require.Equal(t, c.paths, paths(Compare(asked, digest, found)))
		})
	}
	found, err := serve(t, jira, jiraFields, newSite()).Ticket(t.Context(), "OPS-5")
	require.NoError(t, err)
	require.Equal(t, Missing, found.State)
}

// TestJiraPages: an approval that was declined is seen wherever it stands.
func TestJiraPages(t *testing.T) {
	s := newSite()
	s.most, s.approvals = 2, nil
	for i := range 5 {
		s.approvals = append(s.approvals, approval("approved", i, "bob", "approved"))
	}
	j := serve(t, jira, jiraFields, s)
	found, err := j.Ticket(t.Context(), "OPS-4")
	require.NoError(t, err)
	require.Equal(t, instantOf("2026-11-22T09:03:30Z"), found.ApprovedAt, "of the newest")
	require.Len(t, s.asked, 4)

	s.approvals[4] = approval("declined", 4, "bob", "declined")
	found, err = j.Ticket(t.Context(), "OPS-4")
	require.NoError(t, err)
	require.Equal(t, Declined, found.State)

	s.most = 0
	_, err = j.Ticket(t.Context(), "OPS-4")
	require.ErrorContains(t, err, "found an empty page that is not the last")
	s.most, s.approvals = 1, make([]object, 30)
	for i := range s.approvals {
		s.approvals[i] = approval("approved", i, "bob", "approved")
	}
	_, err = j.Ticket(t.Context(), "OPS-4")
	require.ErrorContains(t, err, "found more than 20 pages")
}

// TestJiraUnreadable: what is not as the API says is no answer.
func TestJiraUnreadable(t *testing.T) {
	for _, c := range []struct {
		name, names string
		change      func(*site)
	}{
		{"no field for the digest", "issue.fields.customfield_10200: found nothing, expected a field of that name that the user may read", func(s *site) { delete(s.fields, "customfield_10200") }},
		{"a paragraph for the digest", "issue.fields.customfield_10200: found object, expected a text", func(s *site) { s.fields["customfield_10200"] = object{"type": "doc"} }},
		{"an approval without its approvers", "approval.approvers: found nothing", func(s *site) { delete(s.approvals[0], "approvers") }},
		{"an approval without an end", "approval.completedDate: found nothing", func(s *site) { delete(s.approvals[0], "completedDate") }},
		{"an approval without a number for its time", "approval.createdDate.epochMillis: found no number", func(s *site) { s.approvals[0]["createdDate"] = object{"epochMillis": "today"} }},
		{"an approver without a decision", "approval.approvers.approverDecision: found nothing", func(s *site) { s.approvals[0]["approvers"] = []object{{"approver": object{}}} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite()
			c.change(s)
			_, err := serve(t, jira, jiraFields, s).Ticket(t.Context(), "OPS-4")
			e := (*Error)(nil)
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, c.names)
		})
	}
}

// TestJiraKey: an id that would lead elsewhere is no issue's key.
func TestJiraKey(t *testing.T) {
	s := newSite()
	j := serve(t, jira, jiraFields, s)
	for _, id := range []string{"", "18001", "OPS-4/../../myself", "OPS-4?expand=x", "OPS-4%2f", "ops 4", "OPS-" + strings.Repeat("1", 19), "OPS-", "OPS", "-4", "4OPS-1", "_-1", "O.S-1", "OPS-1-1", "OPS-1a", strings.Repeat("A", 65) + "-1"} {
		found, err := j.Ticket(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, Missing, found.State, id)
	}
	require.Empty(t, s.asked)
}
