// Package multitenant flips multi-tenancy of a TaurusDB instance.
//
// API page: "Enabling or Disabling Multi-tenancy". The instance needs kernel
// version 2.0.57.240900 or later.
package multitenant

import (
	"context"

	"github.com/interlock-functions/interlock/internal/huawei"
	"github.com/interlock-functions/interlock/pkg/cloudapi"
)

// Switch declares multi-tenancy.
func Switch() huawei.Switch {
	return huawei.Declaration[huawei.Instance, struct{}]{
		About: huawei.About{
			Name: "multi-tenancy", Function: "multitenant",
			Flips: "multi-tenancy of an instance (kernel 2.0.57.240900 or later)",
			Page:  "Enabling or Disabling Multi-tenancy",
		},
		Creates: true,
		Flip: func(ctx context.Context, c *cloudapi.Client, t huawei.Instance, on bool, _ struct{}) (string, error) {
			return c.SwitchMultiTenancy(ctx, t.API(), on)
		},
		Read: func(ctx context.Context, c *cloudapi.Client, t huawei.Instance) (bool, error) {
			return c.MultiTenancy(ctx, t.API())
		},
	}.Switch()
}
