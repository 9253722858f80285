// Package proxyssl flips SSL of a TaurusDB database proxy.
//
// API page: "Enabling or Disabling SSL for a Proxy Instance".
package proxyssl

import (
	"context"

	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Switch declares proxy-ssl.
func Switch() huawei.Switch {
	return huawei.Declaration[huawei.Proxy, struct{}]{
		About: huawei.About{
			Name: "proxy-ssl", Function: "proxyssl",
			Flips: "SSL of a database proxy",
			Page:  "Enabling or Disabling SSL for a Proxy Instance",
		},
		Creates: true,
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy, on bool, _ struct{}) (string, error) {
			return c.SwitchProxySSL(ctx, t.API(), on)
		},
		Read: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy) (bool, error) {
			return c.ProxySSL(ctx, t.API())
		},
	}.Switch()
}
