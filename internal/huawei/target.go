package huawei

import (
	"strings"

	"github.com/interlock-functions/interlock/events"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
	"github.com/interlock-functions/interlock/pkg/engine/decision"
)

// Kind names a kind of target: which ids it has.
type Kind string

// Kinds of targets.
const (
	OnInstance Kind = "instance"
	OnProxy    Kind = "proxy"
	OnDatabase Kind = "database"
)

// Target is what a switch is flipped on: an [Instance], a [Proxy] or an
// [AuditedDatabase].
type Target interface {
	decision.Target
	Kind() Kind
}

// Instance is a TaurusDB instance: project_id of 32 letters and digits,
// instance_id of 36 that end in in07 (page "Enabling or Disabling
// Multi-tenancy").
type Instance struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"project"`
	InstanceID string `json:"instance_id" validate:"taurus"`
}

// Proxy is a database proxy of a TaurusDB instance: as [Instance], with a
// proxy_id of 36 letters and digits that end in po01 (page "Enabling or
// Disabling Access Control").
type Proxy struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"project"`
	InstanceID string `json:"instance_id" validate:"taurus"`
	ProxyID    string `json:"proxy_id,omitempty" validate:"proxy"`
}

// AuditedDatabase is a database on an audit instance of DBSS: project_id and
// instance_id of 32 to 64 characters (page "Enabling or Disabling Database"),
// and a database_id. Hyphens and underscores are allowed besides letters and
// digits: the page's own example has them, and nothing else could travel in a
// path unescaped.
type AuditedDatabase struct {
	Region     string `json:"region,omitempty" validate:"omitempty,region"`
	ProjectID  string `json:"project_id" validate:"audit"`
	InstanceID string `json:"instance_id" validate:"audit"`
	DatabaseID string `json:"database_id,omitempty" validate:"database"`
}

// Kind is [OnInstance].
func (Instance) Kind() Kind { return OnInstance }

// Kind is [OnProxy].
func (Proxy) Kind() Kind { return OnProxy }

// Kind is [OnDatabase].
func (AuditedDatabase) Kind() Kind { return OnDatabase }

// Place is the instance itself.
func (t Instance) Place() decision.Place {
	return Place(events.Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID})
}

// Place is on the proxy's instance.
func (t Proxy) Place() decision.Place {
	return Place(events.Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID, ProxyID: t.ProxyID})
}

// Place is on the audit instance.
func (t AuditedDatabase) Place() decision.Place {
	return Place(events.Target{ProjectID: t.ProjectID, InstanceID: t.InstanceID, DatabaseID: t.DatabaseID})
}

// API is the instance as the client names it.
func (t Instance) API() cloudapi.Instance {
	return cloudapi.Instance{ProjectID: t.ProjectID, InstanceID: t.InstanceID}
}

// API is the proxy as the client names it.
func (t Proxy) API() cloudapi.Proxy {
	return cloudapi.Proxy{ProjectID: t.ProjectID, InstanceID: t.InstanceID, ProxyID: t.ProxyID}
}

// API is the database as the client names it.
func (t AuditedDatabase) API() cloudapi.AuditDatabase {
	return cloudapi.AuditDatabase{ProjectID: t.ProjectID, InstanceID: t.InstanceID, DatabaseID: t.DatabaseID}
}

// Place is what is held and ordered by: the subject is
// projects/P/instances/I[/proxies/X|/databases/D].
func Place(t events.Target) decision.Place {
	subject := "projects/" + t.ProjectID + "/instances/" + t.InstanceID
	switch {
	case t.ProxyID != "":
		subject += "/proxies/" + t.ProxyID
	case t.DatabaseID != "":
		subject += "/databases/" + t.DatabaseID
	}
	return decision.Place{Project: t.ProjectID, Instance: t.InstanceID, Subject: subject}
}

// rules are the forms of ids.
func rules() map[string]decision.Rule {
	formed := func(least, most int, also, end, expected string) decision.Rule {
		return decision.Rule{Expected: expected, Test: func(s string) bool {
			return len(s) >= least && len(s) <= most && strings.HasSuffix(s, end) && strings.IndexFunc(s, func(r rune) bool {
				return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(also, r)
			}) < 0
		}}
	}
	return map[string]decision.Rule{
		"project":  formed(32, 32, "", "", "32 letters and digits"),
		"taurus":   formed(36, 36, "", "in07", "36 letters and digits that end in in07"),
		"proxy":    formed(36, 36, "", "po01", "36 letters and digits that end in po01"),
		"audit":    formed(32, 64, "_-", "", "32 to 64 letters, digits, hyphens and underscores"),
		"database": formed(1, 64, "_-", "", "1 to 64 letters, digits, hyphens and underscores"),
	}
}
