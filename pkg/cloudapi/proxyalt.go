package cloudapi

import (
	"context"
	"errors"
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
	return string(got.JobID), err
}

func (p Proxy) ids() []string { return []string{p.ProjectID, p.InstanceID, p.ProxyID} }

// flipAnswer is the answer of the flips that create a job.
type flipAnswer struct {
	JobID text `json:"job_id"`
}

func (a *flipAnswer) check() (Effect, error) {
	if a.JobID == "" {
		return Had, errors.New("answer: job_id is missing")
	}
	return NoEffect, nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
