package cloudapi

import (
	"context"
	"errors"
	"net/http"
)

// SwitchProxySSL enables or disables SSL for a proxy and returns the job's ID
// (page "Enabling or Disabling SSL for a Proxy Instance",
// SwitchGaussMySqlProxySsl).
func (c *Client) SwitchProxySSL(ctx context.Context, p Proxy, enabled bool) (jobID string, err error) {
	body := struct {
		SSL bool `json:"ssl_option"`
	}{enabled}
	var got flipAnswer
	_, err = c.do(ctx, operation{
		name: "SwitchGaussMySqlProxySsl", method: http.MethodPut,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxy/{proxy_id}/ssl", ids: p.ids(),
		body: body, unread: Had,
	}, &got)
	return string(got.JobID), err
}

// ProxySSL reports whether SSL is enabled for a proxy (page "Querying Proxy
// Instances", ShowGaussMySqlProxyList). The error is NotFound where the
// instance has no such proxy. An instance has fewer proxies than the 100 that
// make a page.
func (c *Client) ProxySSL(ctx context.Context, p Proxy) (bool, error) {
	if err := checkID("proxy_id", p.ProxyID); err != nil {
		return false, local("ShowGaussMySqlProxyList", err)
	}
	got := proxiesAnswer{want: p.ProxyID}
	_, err := c.do(ctx, operation{
		name: "ShowGaussMySqlProxyList", method: http.MethodGet,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxies", ids: []string{p.ProjectID, p.InstanceID},
	}, &got)
	return got.ssl.on, err
}

type proxiesAnswer struct {
	Proxies []struct {
		Proxy struct {
			ID  text `json:"pool_id"`
			SSL flag `json:"ssl_option"`
		} `json:"proxy"`
	} `json:"proxy_list"`

	want string
	ssl  flag
}

func (a *proxiesAnswer) check() (Effect, error) {
	if a.Proxies == nil {
		return NoEffect, errors.New("answer: proxy_list is missing")
	}
	for _, listed := range a.Proxies {
		if string(listed.Proxy.ID) == a.want {
			a.ssl = listed.Proxy.SSL
			return a.ssl.check("ssl_option")
		}
	}
	return NoEffect, errNotFound
}
