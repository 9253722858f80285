package ticketsystem

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	changeKey = "a9e9c33dc61122760072455df62663d2"
	ann       = "681ccaf9c0a8016400b98a06818d57c7"
	bob       = "46d44a23a9fe19810012d100cca80666"
	eve       = "5137153cc611227c000bbd1bd8cd2005"
)

// instance is a ServiceNow instance that speaks the Table API: encoded queries,
// the fields asked for with dot-walking, pages, and the count of all rows.
type instance struct {
	tables map[string][]map[string]string
	users  map[string]string // user_name by sys_id
	// hidden are columns and rows that the user may not read.
	hidden func(table string, row map[string]string, column string) bool
	// emptyIs404 answers nothing as older releases do.
	emptyIs404 bool
	// most is how many rows a page has, whatever limit asks for; 0 for no such
	// limit.
	most  int
	asked []string
}

func newInstance() *instance {
	return &instance{
		users: map[string]string{ann: "ann@example.com", bob: "bob@example.com", eve: "eve@example.com"},
		tables: map[string][]map[string]string{
			"change_request": {{
				"sys_id": changeKey, "number": "CHG0031337", "state": "-1", "approval": "approved", "approval_set": "2026-11-22 08:59:30",
				"requested_by": ann, "start_date": "2026-11-22 09:00:00", "end_date": "2026-11-22 11:00:00", "u_interlock_digest": digest,
			}},
			"sysapproval_approver": {
				{"sys_id": "1", "sysapproval": changeKey, "approver": bob, "state": "approved"},
				{"sys_id": "2", "sysapproval": changeKey, "approver": eve, "state": "not_required"},
				{"sys_id": "3", "sysapproval": "another", "approver": eve, "state": "rejected"},
			},
		},
	}
}

func (i *instance) change() map[string]string { return i.tables["change_request"][0] }

func (i *instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.asked = append(i.asked, r.URL.String())
	table, ok := strings.CutPrefix(r.URL.Path, "/api/now/table/")
	q := r.URL.Query()
	if !ok || q.Get("sysparm_display_value") != "false" || q.Get("sysparm_exclude_reference_link") != "true" {
		http.Error(w, "<html>no such page</html>", http.StatusNotFound)
		return
	}
	rows := i.matching(table, q.Get("sysparm_query"))
	w.Header().Set("X-Total-Count", strconv.Itoa(len(rows)))
	offset, _ := strconv.Atoi(q.Get("sysparm_offset"))
	limit, _ := strconv.Atoi(q.Get("sysparm_limit"))
	if i.most > 0 {
		limit = min(limit, i.most)
	}
	result := []map[string]string{}
	for _, row := range rows[min(offset, len(rows)):min(offset+limit, len(rows))] {
		if i.hidden == nil || !i.hidden(table, row, "") {
			result = append(result, i.shown(table, row, strings.Split(q.Get("sysparm_fields"), ",")))
		}
	}
	if len(result) == 0 && i.emptyIs404 {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":{"message":"No Record found","detail":"Record doesn't exist or ACL restricts the record retrieval"},"status":"failure"}`))
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"result": result})
}

// matching are the rows of a query: column=value, ^ between, and an order.
func (i *instance) matching(table, query string) (rows []map[string]string) {
	for _, row := range i.tables[table] {
		if !slices.ContainsFunc(strings.Split(query, "^"), func(term string) bool {
			column, value, _ := strings.Cut(term, "=")
			return !strings.HasPrefix(term, "ORDERBY") && !strings.EqualFold(row[column], value)
		}) {
			rows = append(rows, row)
		}
	}
	return rows
}

func (i *instance) shown(table string, row map[string]string, columns []string) map[string]string {
	out := map[string]string{}
	for _, c := range columns {
		name, of, walked := strings.Cut(c, ".")
		value, has := row[name]
		switch {
		case !has || i.hidden != nil && i.hidden(table, row, c):
		case !walked:
			out[c] = value
		case of == "user_name" && i.users[value] != "":
			out[c] = i.users[value]
		}
	}
	return out
}

func TestServiceNow(t *testing.T) {
	i := newInstance()
	s := serve(t, serviceNow, "", i)
	found, err := s.Ticket(t.Context(), "CHG0031337")
	require.NoError(t, err)
	require.Equal(t, Approved, found.State)
	require.Equal(t, Person{ann, "ann@example.com"}, found.RequestedBy)
	require.Equal(t, []Person{{bob, "bob@example.com"}}, found.Approvers)
	require.Equal(t, digest, *found.Digest)
	require.Equal(t, instantOf("2026-11-22T08:59:30Z"), found.ApprovedAt)
	require.Equal(t, instantOf("2026-11-22T09:00:00Z"), found.Start)
	require.Equal(t, instantOf("2026-11-22T11:00:00Z"), found.End)
	require.Len(t, i.asked, 2)

	// By name as the business rule of docs/producers.md, by sys_id as the API.
	require.Empty(t, Compare(ticket("CHG0031337", "ann@example.com", "bob@example.com"), digest, found))
	require.Empty(t, Compare(ticket("CHG0031337", ann, bob), digest, found))
	require.Equal(t, []string{"data.ticket.approved_by"}, paths(Compare(ticket("CHG0031337", "bob@example.com", bob), digest, Found{
		State: Approved, RequestedBy: found.Approvers[0], Approvers: found.Approvers, Digest: found.Digest,
	})), "who stands there by two names has not approved for somebody else")
}

// TestServiceNowChanged: a change that is another than the event says is no
// yes, whatever it was when the event was sent.
func TestServiceNowChanged(t *testing.T) {
	approvals := func(rows ...map[string]string) func(*instance) {
		return func(i *instance) { i.tables["sysapproval_approver"] = rows }
	}
	of := func(who, state string) map[string]string {
		return map[string]string{"sys_id": who, "sysapproval": changeKey, "approver": who, "state": state}
	}
	column := func(name, value string) func(*instance) { return func(i *instance) { i.change()[name] = value } }
	for _, c := range []struct {
		name   string
		fields string
		change func(*instance)
		state  State
		paths  []string // of what is against it; nil for nothing
	}{
		{"as it was", "", func(*instance) {}, Approved, nil},
		{"no such change", "", column("number", "CHG1"), Missing, []string{"data.ticket.id"}},
		{"a number in another case", "", column("number", "chg0031337"), Missing, []string{"data.ticket.id"}},
		{"no such change, in an older release", "", func(i *instance) { i.emptyIs404 = true; i.change()["number"] = "CHG1" }, Missing, []string{"data.ticket.id"}},
		{"requested again", "", column("approval", "requested"), Waiting, []string{"data.ticket.id"}},
		{"not requested", "", column("approval", ""), Waiting, []string{"data.ticket.id"}},
		{"rejected", "", column("approval", "rejected"), Declined, []string{"data.ticket.id"}},
		{"canceled", "", column("state", "4"), Closed, []string{"data.ticket.id"}},
		{"closed", "", column("state", "3"), Closed, []string{"data.ticket.id"}},
		{"approved again since", "", column("approval_set", "2026-11-22 10:00:00"), Approved, []string{"data.ticket.approved_at"}},
		{"the approver removed", "", approvals(), Approved, []string{"data.ticket.approved_by[0]"}},
		{"the approver removed, in an older release", "", func(i *instance) { i.emptyIs404 = true; approvals()(i) }, Approved, []string{"data.ticket.approved_by[0]"}},
		{"another approver", "", approvals(of(eve, "approved")), Approved, []string{"data.ticket.approved_by[0]"}},
		{"one more approver", "", approvals(of(bob, "approved"), of(eve, "approved")), Approved, nil},
		{"one of two rejected", "", approvals(of(bob, "approved"), of(eve, "rejected")), Declined, []string{"data.ticket.id"}},
		{"the approver asked again", "", approvals(of(bob, "requested")), Approved, []string{"data.ticket.approved_by[0]"}},
		{"another requester", "", column("requested_by", eve), Approved, []string{"data.ticket.requested_by"}},
		{"another digest", "", column("u_interlock_digest", "sha-256:00"), Approved, []string{"data.ticket.digest"}},
		{"no digest any more", "", column("u_interlock_digest", ""), Approved, []string{"data.ticket.digest"}},
		{"moved to a later window", "", column("start_date", "2026-11-22 10:00:00"), Approved, []string{"data.ticket.window.start"}},
		{"moved to an earlier window", "", column("end_date", "2026-11-22 10:00:00"), Approved, []string{"data.ticket.window.end"}},
		{"a wider window", "", column("end_date", ""), Approved, nil},

		{"renamed states", "approval=u_cab,approved=granted|waved_through,rejected=refused,closed=9", func(i *instance) {
			column("u_cab", "Granted")(i)
			approvals(of(bob, "waved_through"))(i)
		}, Approved, nil},
		{"renamed, and refused", "approved=granted,rejected=refused", func(i *instance) {
			column("approval", "granted")(i)
			approvals(of(bob, "granted"), of(eve, "refused"))(i)
		}, Declined, []string{"data.ticket.id"}},
		{"renamed, and not approved by the old name", "approved=granted", func(*instance) {}, Waiting, []string{"data.ticket.id"}},
		{"renamed, and over", "closed=9", column("state", "9"), Closed, []string{"data.ticket.id"}},
		{"another column for the digest", "digest=u_bound", func(i *instance) { column("u_bound", digest)(i); column("u_interlock_digest", "x")(i) }, Approved, nil},
		{"no column for the digest", "digest=,approved_at=,start=,end=", column("u_interlock_digest", "x"), Approved, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInstance()
			c.change(i)
			found, err := serve(t, serviceNow, c.fields, i).Ticket(t.Context(), "CHG0031337")
			require.NoError(t, err)
			require.Equal(t, c.state, found.State)
			asked := ticket("CHG0031337", "ann@example.com", "bob@example.com")
			asked.Digest = digest
			against := Compare(asked, digest, found)
			require.Equal(t, c.paths, paths(against))
		})
	}
}

// TestServiceNowUnreadable: what the user may not see, or what is not as the API
// says, is no answer.
func TestServiceNowUnreadable(t *testing.T) {
	for _, c := range []struct {
		name, names string
		change      func(*instance)
	}{
		{"no column for the digest", "change_request.u_interlock_digest: found nothing, expected a field of that name that the user may read",
			func(i *instance) { delete(i.change(), "u_interlock_digest") }},
		{"a hidden column", "change_request.approval: found nothing", func(i *instance) {
			i.hidden = func(_ string, _ map[string]string, column string) bool { return column == "approval" }
		}},
		{"a hidden approver", "sysapproval_approver.approver: found nothing", func(i *instance) {
			i.hidden = func(_ string, _ map[string]string, column string) bool { return column == "approver" }
		}},
		{"a hidden approval, which may be a no", "found 1 approvals of 2, expected that the user may read each", func(i *instance) {
			i.hidden = func(table string, row map[string]string, _ string) bool {
				return table == "sysapproval_approver" && row["approver"] == eve
			}
		}},
		{"two of one number", "found more than one of that number", func(i *instance) {
			i.tables["change_request"] = append(i.tables["change_request"], i.change())
		}},
		{"no time", "change_request.approval_set: found what is no time", func(i *instance) { i.change()["approval_set"] = "22/11/2026" }},
		{"a short key", "change_request.sys_id: found what is no sys_id", func(i *instance) { i.change()["sys_id"] = "681ccaf9" }},
		{"no key", "change_request.sys_id: found what is no sys_id", func(i *instance) { i.change()["sys_id"] = "x^ORapprover=y" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInstance()
			c.change(i)
			_, err := serve(t, serviceNow, "", i).Ticket(t.Context(), "CHG0031337")
			e := (*Error)(nil)
			require.ErrorAs(t, err, &e)
			require.ErrorContains(t, err, c.names)
		})
	}
}

// TestServiceNowPages: a rejection on the last page is seen, and every approver
// is.
func TestServiceNowPages(t *testing.T) {
	i := newInstance()
	rows := []map[string]string{}
	for k := range 250 {
		rows = append(rows, map[string]string{"sys_id": strconv.Itoa(k), "sysapproval": changeKey, "approver": fmt.Sprintf("%032x", k), "state": "approved"})
	}
	i.tables["sysapproval_approver"] = rows
	s := serve(t, serviceNow, "", i)
	found, err := s.Ticket(t.Context(), "CHG0031337")
	require.NoError(t, err)
	require.Len(t, found.Approvers, 250)
	require.Len(t, i.asked, 4)
	i.most = 40
	found, err = s.Ticket(t.Context(), "CHG0031337")
	require.NoError(t, err)
	require.Len(t, found.Approvers, 250, "short pages are not the last")
	i.most = 0

	rows[249]["state"] = "rejected"
	found, err = s.Ticket(t.Context(), "CHG0031337")
	require.NoError(t, err)
	require.Equal(t, Declined, found.State)

	for range maxPages * 100 {
		i.tables["sysapproval_approver"] = append([]map[string]string{rows[0]}, i.tables["sysapproval_approver"]...)
	}
	_, err = s.Ticket(t.Context(), "CHG0031337")
	require.ErrorContains(t, err, "found more than 2000 approvals")
}

// TestServiceNowQuery: an id that would be more than a value in a query is no
// change's number, and is asked of nobody.
func TestServiceNowQuery(t *testing.T) {
	i := newInstance()
	s := serve(t, serviceNow, "", i)
	for _, id := range []string{"", "x^ORnumber=CHG0031337", "javascript:gs.now()", "CHG1,CHG2", "CHG 1", "CHG1\n", "…", ".1", "_1", "-1", strings.Repeat("1", 65)} {
		found, err := s.Ticket(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, Missing, found.State, id)
	}
	require.Empty(t, i.asked)
}
