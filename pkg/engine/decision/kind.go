package decision

import (
	"strings"

	"github.com/interlock-functions/interlock/events"
)

// Kind is the kind of target that a switch is flipped on: which ids it has,
// and their form.
type Kind uint8

// Kinds of targets.
const (
	// Instance is a TaurusDB instance: project_id of 32 letters and digits,
	// instance_id of 36 that end in in07 (page "Enabling or Disabling
	// Multi-tenancy").
	Instance Kind = iota + 1
	// Proxy is a database proxy of a TaurusDB instance: as Instance, with a
	// proxy_id of 36 letters and digits that end in po01 (page "Enabling or
	// Disabling Access Control").
	Proxy
	// AuditedDatabase is a database on an audit instance of DBSS: project_id
	// and instance_id of 32 to 64 characters (page "Enabling or Disabling
	// Database"), and a database_id. Hyphens and underscores are allowed
	// besides letters and digits: the page's own example has them, and nothing
	// else could travel in a path unescaped.
	AuditedDatabase
)

// id is one of a target's ids: its path, its value, and the validator rule for
// its form; "" where the kind has no such id.
type id struct {
	path  string
	value *string
	rule  string
}

const targetPath = "data.target."

func (i id) name() string { return strings.TrimPrefix(i.path, targetPath) }

func (k Kind) ids(t *events.Target) [4]id {
	ids := [4]id{
		{path: targetPath + "project_id", value: &t.ProjectID, rule: "project"},
		{path: targetPath + "instance_id", value: &t.InstanceID, rule: "taurus"},
		{path: targetPath + "proxy_id", value: &t.ProxyID},
		{path: targetPath + "database_id", value: &t.DatabaseID},
	}
	switch k {
	case Proxy:
		ids[2].rule = "proxy"
	case AuditedDatabase:
		ids[0].rule, ids[1].rule, ids[3].rule = "audit", "audit", "database"
	}
	return ids
}

// uses names the ids that the kind has, for people.
func (k Kind) uses() string {
	var names []string
	for _, id := range k.ids(new(events.Target)) {
		if id.rule != "" {
			names = append(names, id.name())
		}
	}
	return listed(names, "and")
}

func subject(t *events.Target) string {
	s := "projects/" + t.ProjectID + "/instances/" + t.InstanceID
	switch {
	case t.ProxyID != "":
		s += "/proxies/" + t.ProxyID
	case t.DatabaseID != "":
		s += "/databases/" + t.DatabaseID
	}
	return s
}

func listed(names []string, last string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " " + last + " " + names[len(names)-1]
}
