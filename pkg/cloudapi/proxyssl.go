package cloudapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
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
	return got.id, err
}

// ProxySSL reports whether SSL is enabled for a proxy (page "Querying Proxy
// Instances", ShowGaussMySqlProxyList). The error is NotFound where the
// instance has no such proxy.
func (c *Client) ProxySSL(ctx context.Context, p Proxy) (bool, error) {
	if err := checkID("proxy_id", p.ProxyID); err != nil {
		return false, local("ShowGaussMySqlProxyList", err)
	}
	// offset counts proxies, from 0. Should it count pages, the second one is the
	// last that is asked for: it brings nothing new.
	seen := map[text]bool{}
	for {
		got := proxiesAnswer{want: p.ProxyID, seen: seen}
		_, err := c.do(ctx, operation{
			name: "ShowGaussMySqlProxyList", method: http.MethodGet,
			base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/proxies", ids: []string{p.ProjectID, p.InstanceID},
			query: url.Values{"offset": {strconv.Itoa(len(seen))}, "limit": {strconv.Itoa(proxiesOnPage)}},
		}, &got)
		if !got.more {
			return got.ssl.on, err
		}
	}
}

// proxiesOnPage is the most that a page holds, and its default.
const proxiesOnPage = 100

type proxiesAnswer struct {
	Proxies []struct {
		Proxy struct {
			ID  text `json:"pool_id"`
			SSL flag `json:"ssl_option"`
		} `json:"proxy"`
	} `json:"proxy_list"`

	want string
	ssl  flag
	// seen are those of the pages before and of this one. more: there may be
	// others.
	seen map[text]bool
	more bool
}

func (a *proxiesAnswer) check() (Effect, error) {
	if a.Proxies == nil {
		return NoEffect, errors.New("answer: proxy_list is missing")
	}
	known := len(a.seen)
	for _, listed := range a.Proxies {
		a.seen[listed.Proxy.ID] = true
		if string(listed.Proxy.ID) == a.want {
			a.ssl = listed.Proxy.SSL
			return a.ssl.check("ssl_option")
		}
	}
	if a.more = len(a.Proxies) >= proxiesOnPage && len(a.seen) > known; a.more {
		return NoEffect, nil
	}
	return NoEffect, errNotFound
}
