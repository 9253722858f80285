package cloudapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// SwitchAuditDatabase enables or disables the audit of a database, at once and
// without a job (page "Enabling or Disabling Database",
// SwitchAuditDatabaseNew). lts is lts_audit_switch, 1 or 0, for databases of
// DWS; nil leaves it out.
//
// An answer of 200 with status FAILED is an error without effect. As a 200 may
// mean either, one that cannot be read leaves doubt ([MayHave], not [Had]).
func (c *Client) SwitchAuditDatabase(ctx context.Context, d AuditDatabase, enabled bool, lts *int) error {
	const name = "SwitchAuditDatabaseNew"
	if err := checkID("database_id", d.DatabaseID); err != nil {
		return local(name, err)
	}
	body := struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		LTS    *int   `json:"lts_audit_switch,omitempty"`
	}{d.DatabaseID, strings.ToUpper(onOff(enabled)), lts}
	_, err := c.do(ctx, operation{
		name: name, method: http.MethodPost,
		base: c.DBSS, path: "/v3/{project_id}/audit/{instance_id}/databases/switch", ids: d.ids(),
		body: body, unread: MayHave,
	}, new(auditAnswer))
	return err
}

func (d AuditDatabase) ids() []string { return []string{d.ProjectID, d.InstanceID} }

// auditAnswer has SUCCESS or FAILED in the page's table, "success" in its
// example.
type auditAnswer struct {
	Status text `json:"status"`
}

func (a *auditAnswer) check() (Effect, error) {
	switch strings.ToUpper(strings.TrimSpace(string(a.Status))) {
	case "SUCCESS":
		return NoEffect, nil
	case "FAILED":
		return NoEffect, errors.New("answer: status FAILED")
	}
	return MayHave, fmt.Errorf("answer: status: found %q, expected SUCCESS or FAILED", brief(string(a.Status), 64))
}

// AuditDatabase reports whether the audit of a database is enabled (page
// "Querying databases", ListAuditDatabasesNew); it reads as many pages of the
// list as it takes. The error is NotFound where the list has no such database.
func (c *Client) AuditDatabase(ctx context.Context, d AuditDatabase) (bool, error) {
	const name, limit = "ListAuditDatabasesNew", 100
	if err := checkID("database_id", d.DatabaseID); err != nil {
		return false, local(name, err)
	}
	seen := make(map[text]bool)
	for {
		var got auditDatabasesAnswer
		_, err := c.do(ctx, operation{
			name: name, method: http.MethodGet,
			base: c.DBSS, path: "/v2/{project_id}/audit/{instance_id}/databases", ids: d.ids(),
			query: url.Values{"offset": {strconv.Itoa(len(seen))}, "limit": {strconv.Itoa(limit)}},
		}, &got)
		if err != nil {
			return false, err
		}
		before := len(seen)
		for _, listed := range got.Databases {
			if string(listed.Database.ID) == d.DatabaseID {
				return listed.Database.Status.on, nil
			}
			seen[listed.Database.ID] = true
		}
		if len(seen) == before { // an empty page, or one that we had before
			return false, &Error{Operation: name, Status: http.StatusOK, Cause: errNotFound, means: notFound}
		}
	}
}

type auditDatabasesAnswer struct {
	Databases []struct {
		Database struct {
			ID     text `json:"id"`
			Status flag `json:"status"` // the switch; audit_status is the running state
		} `json:"database"`
	} `json:"databases"`
}

func (a *auditDatabasesAnswer) check() (Effect, error) {
	if a.Databases == nil {
		return NoEffect, errors.New("answer: databases is missing")
	}
	for i, listed := range a.Databases {
		if _, err := listed.Database.Status.check("status"); err != nil {
			return NoEffect, fmt.Errorf("databases[%d]: %w", i, err)
		}
	}
	return NoEffect, nil
}
