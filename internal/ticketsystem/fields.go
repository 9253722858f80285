package ticketsystem

import (
	"fmt"
	"slices"
	"strings"
)

// Names of the systems.
const (
	serviceNow = "servicenow"
	jira       = "jira"
)

// Fields are the names that a system's tables or issues have for what is asked
// for: instances rename states, and have fields of their own.
type Fields struct {
	// Approval is ServiceNow's column that says whether a change is approved.
	// Default approval. In Jira Service Management the approvals themselves do.
	Approval string
	// Approved and Rejected are the values of that column, and of an approver's
	// state, that say yes and no. Defaults approved and rejected. In Jira,
	// Approved are the statuses that an approved issue may be in; default any
	// that is not of the category done.
	Approved, Rejected []string
	// Closed are the values of ServiceNow's state, or the statuses of Jira, of a
	// change that is over. Defaults 3, 4, closed and canceled; and none.
	Closed []string
	// Requester is who asked. Defaults requested_by; and reporter.
	Requester string
	// Digest is what binds the ticket; "" where there is no such field, and none
	// is compared. Default u_interlock_digest; in Jira, a custom field's id has
	// to be given.
	Digest string
	// ApprovedAt is ServiceNow's column of when it was approved. Default
	// approval_set. "" compares none.
	ApprovedAt string
	// Start and End are when the change may be applied. Defaults start_date and
	// end_date; and none.
	Start, End string
}

const (
	letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits  = "0123456789"
)

// made tells whether a text is of such characters alone, at least one and at most
// so many of them. Regular expressions would have to be compiled at the start of
// every function, and most ask no system.
func made(text, of string, most int) bool {
	return text != "" && len(text) <= most && strings.Trim(text, of) == ""
}

// isName tells whether a column, a field's id or a project may be called so;
// nothing in it means anything in a query or leads out of a path.
func isName(text string, most int) bool {
	return made(text, letters+digits+"_", most) && made(text[:1], letters, 1)
}

// ParseFields reads the fields of a system: name=value, with commas between,
// where they are not the defaults; a list has | between. An empty value means
// that there is no such field.
func ParseFields(kind, text string) (Fields, error) {
	f := Fields{
		Approval: "approval", Approved: []string{"approved"}, Rejected: []string{"rejected"}, Closed: []string{"3", "4", "closed", "canceled"},
		Requester: "requested_by", Digest: "u_interlock_digest", ApprovedAt: "approval_set", Start: "start_date", End: "end_date",
	}
	names := map[string]*string{"requester": &f.Requester, "digest": &f.Digest, "start": &f.Start, "end": &f.End}
	lists := map[string]*[]string{"approved": &f.Approved, "closed": &f.Closed}
	known := "approved, closed, requester, digest, start, end"
	if kind == jira {
		f = Fields{Requester: "reporter"}
	} else {
		names["approval"], names["approved_at"], lists["rejected"] = &f.Approval, &f.ApprovedAt, &f.Rejected
		known += ", approval, approved_at, rejected"
	}
	given := map[string]bool{}
	for item := range strings.SplitSeq(text, ",") {
		if strings.TrimSpace(item) == "" {
			continue
		}
		name, value, ok := strings.Cut(item, "=")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch field, list := names[name], lists[name]; {
		case !ok || field == nil && list == nil:
			return f, fmt.Errorf("found %.64q, expected name=value with a name of %s", item, known)
		case given[name]:
			return f, fmt.Errorf("%s: found it twice, expected it once", name)
		case list != nil:
			*list = values(value)
		case value != "" && !isName(value, 80):
			return f, fmt.Errorf("%s: found %.64q, expected a field's name", name, value)
		default:
			*field = value
		}
		given[name] = true
	}
	return f, f.check(kind, given)
}

// check reports what cannot be done without.
func (f Fields) check(kind string, given map[string]bool) error {
	switch {
	case f.Requester == "":
		return fmt.Errorf("requester: found nothing, expected the field of who asks for a change")
	case kind == jira && !given["digest"]:
		return fmt.Errorf("digest: not set; expected digest=customfield_…, the field that binds an issue, or digest= where there is none")
	case kind == serviceNow && (f.Approval == "" || len(f.Approved) == 0 || len(f.Rejected) == 0):
		return fmt.Errorf("approval, approved, rejected: found nothing in one of them, expected the column that tells an approval, and its values")
	}
	return nil
}

func values(text string) (all []string) {
	for v := range strings.SplitSeq(text, "|") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// among tells whether a value is one of a list, in whichever case.
func among(list []string, value string) bool {
	return slices.ContainsFunc(list, func(v string) bool { return strings.EqualFold(v, value) })
}
