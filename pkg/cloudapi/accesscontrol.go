package cloudapi

import (
	"context"
	"fmt"
	"net/http"
)

// SwitchAccessControl enables or disables access control for a proxy, at once
// and without a job (page "Enabling or Disabling Access Control",
// SwitchAccessControl).
func (c *Client) SwitchAccessControl(ctx context.Context, p Proxy, enabled bool) error {
	body := struct {
		Open bool `json:"open_access_control"`
	}{enabled}
	_, err := c.do(ctx, operation{
		name: "SwitchAccessControl", method: http.MethodPost,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/access-control-switch", ids: p.ids(),
		body: body, unread: Had,
	}, &accessControlAnswer{want: enabled})
	return err
}

type accessControlAnswer struct {
	Open flag `json:"open_access_control"`
	want bool
}

// check leaves doubt where the answer tells of the state that was not asked
// for: no page says what that means.
func (a *accessControlAnswer) check() (Effect, error) {
	if _, err := a.Open.check("open_access_control"); err != nil {
		return Had, err
	}
	if a.Open.on != a.want {
		return MayHave, fmt.Errorf("answer: open_access_control: found %t, expected %t", a.Open.on, a.want)
	}
	return NoEffect, nil
}

// AccessControl reports whether access control is enabled for a proxy (page
// "Querying Access Control Settings of a Proxy Instance", ShowProxyIpgroup).
func (c *Client) AccessControl(ctx context.Context, p Proxy) (bool, error) {
	var got ipGroupAnswer
	_, err := c.do(ctx, operation{
		name: "ShowProxyIpgroup", method: http.MethodGet,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/ipgroup", ids: p.ids(),
	}, &got)
	return got.Enabled.on, err
}

type ipGroupAnswer struct {
	Enabled flag `json:"enable_ip_group"`
}

func (a *ipGroupAnswer) check() (Effect, error) { return a.Enabled.check("enable_ip_group") }
