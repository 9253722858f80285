// Package accesscontrol flips access control (the IP allow or block list) of a
// TaurusDB database proxy.
//
// API page: "Enabling or Disabling Access Control". The call creates no job and
// restarts nothing.
package accesscontrol

import (
	"context"

	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Switch declares access-control.
func Switch() huawei.Switch {
	return huawei.Declaration[huawei.Proxy, struct{}]{
		About: huawei.About{
			Name: "access-control", Function: "accesscontrol",
			Flips: "the IP allow or block list of a database proxy",
			Page:  "Enabling or Disabling Access Control",
		},
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy, on bool, _ struct{}) (string, error) {
			return "", c.SwitchAccessControl(ctx, t.API(), on)
		},
		Read: func(ctx context.Context, c *cloudapi.Client, t huawei.Proxy) (bool, error) {
			return c.AccessControl(ctx, t.API())
		},
	}.Switch()
}
