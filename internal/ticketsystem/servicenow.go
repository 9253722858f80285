package ticketsystem

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// serviceNowSystem reads a change_request and its sysapproval_approver rows by
// ServiceNow's Table API, GET /api/now/table/{tableName}.
type serviceNowSystem struct{ client *client }

// serviceNowTime is how ServiceNow stores times, which are UTC.
const serviceNowTime = "2006-01-02 15:04:05"

// isNumber tells whether it may be a change's number: an encoded query takes ^ for
// its end, and javascript: for something to run.
func isNumber(id string) bool {
	return made(id, letters+digits+"_.-", 64) && made(id[:1], letters+digits, 1)
}

// Ticket reads the change of that number.
func (s *serviceNowSystem) Ticket(ctx context.Context, id string) (Found, error) {
	if !isNumber(id) {
		return Found{State: Missing, Because: "it is no change's number"}, nil
	}
	return s.client.read(ctx, id, func(r *reading) (Found, error) { return r.change(id) })
}

// change reads the change, and then its approvals: what is withdrawn between
// the two is withdrawn.
func (r *reading) change(id string) (Found, error) {
	f := r.Fields
	rows, _, err := r.table("change_request", "number="+id, 2, 0, "sys_id", "number", "state",
		f.Approval, f.Requester, f.Requester+".user_name", f.Requester+".email", f.Digest, f.ApprovedAt, f.Start, f.End)
	switch {
	case missing(err) || err == nil && len(rows) == 0:
		return Found{State: Missing, Because: "no change_request has that number"}, nil
	case err != nil:
		return Found{}, err
	case len(rows) > 1:
		return Found{}, fmt.Errorf("change_request: found more than one of that number, expected one")
	}
	c := rows[0]
	found := Found{
		RequestedBy: c.who(f.Requester), Digest: c.digest(f.Digest), ApprovedAt: c.time(f.ApprovedAt, serviceNowTime),
		Start: c.time(f.Start, serviceNowTime), End: c.time(f.End, serviceNowTime),
	}
	approval, state, key, named := c.text(f.Approval), c.text("state"), c.text("sys_id"), c.text("number")
	if len(key) != 32 || !made(key, digits+"abcdef", 32) {
		c.fail("sys_id", "what is no sys_id", "32 hexadecimal digits")
	}
	if c.err != nil {
		return Found{}, c.err
	}
	switch {
	case named != id:
		// Queries do not tell cases apart; ids do.
		return Found{State: Missing, Because: "no change_request has that number"}, nil
	case among(f.Rejected, approval):
		return found.not(Declined, f.Approval, approval), nil
	case !among(f.Approved, approval):
		return found.not(Waiting, f.Approval, approval), nil
	case among(f.Closed, state):
		return found.not(Closed, "state", state), nil
	}
	err = r.approvals(key, &found)
	return found, err
}

// approvals reads the approvals of a change, all of them: one that says no
// counts for more than any that say yes.
func (r *reading) approvals(change string, found *Found) error {
	found.State, found.Because = Approved, r.Fields.Approval
	query := "sysapproval=" + change + "^ORDERBYsys_id" // so that pages neither overlap nor leave gaps
	const limit = 100
	seen := 0
	for range maxPages {
		rows, total, err := r.table("sysapproval_approver", query, limit, seen, "sys_id", "state", "approver", "approver.user_name", "approver.email")
		if err != nil && !missing(err) {
			return err
		}
		seen += len(rows)
		for _, a := range rows {
			state, who := a.text("state"), a.who("approver")
			switch {
			case a.err != nil:
				return a.err
			case among(r.Fields.Rejected, state):
				*found = found.not(Declined, "sysapproval_approver.state", state)
				return nil
			case among(r.Fields.Approved, state):
				found.Approvers = append(found.Approvers, who)
			}
		}
		switch {
		case total < 0 && len(rows) < limit, seen == total:
			return nil
		case len(rows) == 0:
			// The count is of all rows, the rows are those that the user may
			// read. One that is hidden might say no.
			return fmt.Errorf("sysapproval_approver: found %d approvals of %d, expected that the user may read each", seen, total)
		}
	}
	return fmt.Errorf("sysapproval_approver: found more than %d approvals, expected fewer", maxPages*limit)
}

// table reads rows. total is how many there are in all, or -1 where that is not
// said.
func (r *reading) table(name, query string, limit, offset int, columns ...string) (rows []*row, total int, err error) {
	n, header, err := r.get("api/now/table/"+name, url.Values{
		"sysparm_query": {query}, "sysparm_fields": {strings.Join(given(columns), ",")},
		// Values as they are stored: those displayed depend on the user's
		// language and time zone.
		"sysparm_display_value": {"false"}, "sysparm_exclude_reference_link": {"true"},
		"sysparm_limit": {strconv.Itoa(limit)}, "sysparm_offset": {strconv.Itoa(offset)},
	})
	if err != nil {
		return nil, -1, err
	}
	result := n.Get("result")
	if !result.Is(jsontree.Array) {
		return nil, -1, fmt.Errorf("%s: found no result, expected a list", name)
	}
	for i := range result.Items {
		rows = append(rows, &row{n: &result.Items[i], in: name})
	}
	return rows, counted(header), nil
}

func counted(h http.Header) int {
	total, err := strconv.Atoi(cmp.Or(h.Get("X-Total-Count"), "-1"))
	if err != nil {
		return -1
	}
	return total
}

// given leaves out columns that there are not.
func given(columns []string) (names []string) {
	for _, name := range columns {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// who is the person in a column: by sys_id, and by what the reference leads to.
// The first has to be readable; it may be that nobody is there.
func (r *row) who(column string) Person {
	key := r.text(column)
	if key == "" {
		return nil
	}
	return append(Person{key}, r.person(column+".email", column+".user_name")...)
}

// not is a ticket that is not approved, by the field that says so.
func (f Found) not(s State, field, value string) Found {
	f.State, f.Because = s, field+" is "+shown(value)
	return f
}
