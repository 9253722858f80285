package cloudapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// SwitchProxyALT enables or disables ALT, application lossless and transparent
// failover, for a proxy, and returns the job's ID (page "Enabling or Disabling
// ALT for a Proxy Instance", SwitchGaussMySqlProxyAlt). Every call restarts
// the proxy and the first one reboots the instance. forReadonly is for its
// read replicas; nil leaves it out.
//
// The page's table has strings for the two fields and its example booleans;
// the official SDKs send strings.
func (c *Client) SwitchProxyALT(ctx context.Context, p Proxy, enabled bool, forReadonly *bool) (jobID string, err error) {
	body := struct {
		Enabled     string `json:"alt_enabled"`
		ForReadonly string `json:"alt_for_readonly,omitempty"`
	}{Enabled: onOff(enabled)}
	if forReadonly != nil {
		body.ForReadonly = onOff(*forReadonly)
	}
	var got flipAnswer
	_, err = c.do(ctx, operation{
		name: "SwitchGaussMySqlProxyAlt", method: http.MethodPut,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/alt", ids: p.ids(),
		body: body, unread: Had,
	}, &got)
	return got.id, err
}

func (p Proxy) ids() []string { return []string{p.ProjectID, p.InstanceID, p.ProxyID} }

// flipAnswer is the answer of the flips that create a job.
type flipAnswer struct {
	JobID json.RawMessage `json:"job_id"`
	id    string
}

// check believes an ID only that is one: everything that is known of the job
// later hangs on it.
func (a *flipAnswer) check() (Effect, error) {
	if len(a.JobID) == 0 {
		return Had, errors.New("answer: job_id is missing")
	}
	var id string
	if err := json.Unmarshal(a.JobID, &id); err != nil || !plainID(id) {
		return Had, fmt.Errorf("answer: job_id: found %s, expected a text of 1 to 64 letters, digits, hyphens and underscores", brief(string(a.JobID), 64))
	}
	a.id = id
	return NoEffect, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
