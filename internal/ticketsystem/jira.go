package ticketsystem

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/interlock-functions/interlock/internal/jsontree"
)

// jiraSystem reads an issue, GET /rest/api/3/issue/{issueIdOrKey}, and the
// approvals that Jira Service Management has of it, GET
// /rest/servicedeskapi/request/{issueIdOrKey}/approval.
type jiraSystem struct{ client *client }

// jiraTime is how Jira writes times.
const jiraTime = "2006-01-02T15:04:05.999-0700"

// isKey tells whether it may be an issue's key.
func isKey(id string) bool {
	project, number, _ := strings.Cut(id, "-")
	return isName(project, 64) && made(number, digits, 18)
}

// Ticket reads the issue of that key.
func (s *jiraSystem) Ticket(ctx context.Context, id string) (Found, error) {
	if !isKey(id) {
		return Found{State: Missing, Because: "it is no issue's key"}, nil
	}
	return s.client.read(ctx, id, func(r *reading) (Found, error) { return r.issue(id) })
}

func (r *reading) issue(id string) (Found, error) {
	f := r.Fields
	columns := given([]string{"status", f.Requester, f.Digest, f.Start, f.End})
	n, _, err := r.get("rest/api/3/issue/"+id, url.Values{"fields": {strings.Join(columns, ",")}})
	if missing(err) {
		return Found{State: Missing, Because: "no issue has that key"}, nil
	}
	if err != nil {
		return Found{}, err
	}
	if key := n.Get("key"); !key.Is(jsontree.String) || key.Text != id {
		// A moved issue is found by its old key, too.
		return Found{State: Missing, Because: "the issue of that key has another now"}, nil
	}
	fields := &row{n: n.Get("fields"), in: "issue.fields"}
	found := Found{
		RequestedBy: fields.user(f.Requester), Digest: fields.digest(f.Digest),
		Start: fields.time(f.Start, jiraTime), End: fields.time(f.End, jiraTime),
	}
	status := &row{n: fields.value("status"), in: "issue.fields.status"}
	name := status.text("name")
	over := f.over(status, name)
	for _, err := range []error{fields.err, status.err} {
		if err != nil {
			return Found{}, err
		}
	}
	if over {
		return found.not(Closed, "status", name), nil
	}
	err = r.decisions(id, &found)
	return found, err
}

// over tells whether an issue in that status is none to act upon.
func (f Fields) over(status *row, name string) bool {
	if len(f.Approved) > 0 {
		return !among(f.Approved, name)
	}
	category := &row{n: status.value("statusCategory"), in: status.in + ".statusCategory"}
	key := category.text("key")
	if status.err == nil {
		status.err = category.err
	}
	return key == "done" || among(f.Closed, name)
}

// decisions reads the approvals, all of them. The newest counts, and one that
// was declined counts for more than any that was approved.
func (r *reading) decisions(id string, found *Found) error {
	const limit = 50
	newest := -1.0
	found.State, found.Because = Waiting, "there is no approval"
	for start, page := 0, 0; page < maxPages; page++ {
		n, _, err := r.get("rest/servicedeskapi/request/"+id+"/approval", url.Values{
			"start": {strconv.Itoa(start)}, "limit": {strconv.Itoa(limit)},
		})
		if err != nil {
			return fmt.Errorf("approvals: %w", err)
		}
		values, last := n.Get("values"), n.Get("isLastPage")
		if !values.Is(jsontree.Array) || !last.Is(jsontree.Bool) {
			return fmt.Errorf("approvals: found no values or no isLastPage, expected a page of approvals")
		}
		for i := range values.Items {
			if err := found.decided(&row{n: &values.Items[i], in: "approval"}, &newest); err != nil || found.State == Declined {
				return err
			}
		}
		if string(last.Raw) == "true" {
			return nil
		}
		if start += len(values.Items); len(values.Items) == 0 {
			return fmt.Errorf("approvals: found an empty page that is not the last, expected approvals")
		}
	}
	return fmt.Errorf("approvals: found more than %d pages, expected fewer", maxPages)
}

// decided takes in an approval.
func (f *Found) decided(a *row, newest *float64) error {
	decision, created := a.text("finalDecision"), a.date("createdDate")
	approvers := a.value("approvers")
	if a.err != nil {
		return a.err
	}
	var yes []Person
	for i := range approvers.Items {
		one := &row{n: &approvers.Items[i], in: "approval.approvers"}
		who, said := one.user("approver"), one.text("approverDecision")
		switch {
		case one.err != nil:
			return one.err
		case said == "declined":
			*f = f.not(Declined, "approverDecision", said)
			return nil
		case said == "approved":
			yes = append(yes, who)
		}
	}
	switch at := float64(created.UnixMilli()); {
	case decision == "declined":
		*f = f.not(Declined, "finalDecision", decision)
		return nil
	case at < *newest:
		return nil
	default:
		*newest = at
	}
	if decision != "approved" {
		*f = f.not(Waiting, "finalDecision", decision)
		return nil
	}
	completed := a.date("completedDate")
	f.State, f.Because, f.Approvers, f.ApprovedAt = Approved, "finalDecision", yes, &completed
	return a.err
}

// date is one of Jira Service Management's dates.
func (r *row) date(name string) time.Time {
	inner := &row{n: r.value(name), in: r.in + "." + name}
	if r.err != nil {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(inner.text("epochMillis"), 10, 64)
	if err != nil {
		inner.fail("epochMillis", "no number", "milliseconds since 1970")
	}
	r.err = inner.err
	return time.UnixMilli(ms).UTC()
}

// user is how Jira names somebody: by account id in the cloud, by key and name
// on one's own servers. Nobody is there where the field is null.
func (r *row) user(name string) Person {
	inner := &row{n: r.value(name), in: r.in}
	return inner.person("accountId", "key", "name")
}
