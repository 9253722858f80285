package cloudapi

import (
	"context"
	"net/http"
)

// SwitchMultiTenancy enables or disables multi-tenancy for an instance and
// returns the job's ID (page "Enabling or Disabling Multi-tenancy",
// UpdateMultiTenant). It needs a kernel of 2.0.57.240900 or later.
func (c *Client) SwitchMultiTenancy(ctx context.Context, i Instance, enabled bool) (jobID string, err error) {
	body := struct {
		Switch bool `json:"multi_tenant_switch"`
	}{enabled}
	var got flipAnswer
	_, err = c.do(ctx, operation{
		name: "UpdateMultiTenant", method: http.MethodPut,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/multi-tenant", ids: i.ids(),
		body: body, unread: Had,
	}, &got)
	return got.id, err
}

// MultiTenancy reports whether multi-tenancy is enabled for an instance (page
// "Querying the Multi-tenancy Status", ShowMultiTenant).
func (c *Client) MultiTenancy(ctx context.Context, i Instance) (bool, error) {
	var got multiTenantAnswer
	_, err := c.do(ctx, operation{
		name: "ShowMultiTenant", method: http.MethodGet,
		base: c.GaussDB, path: "/v3/{project_id}/instances/{instance_id}/multi-tenant", ids: i.ids(),
	}, &got)
	return got.Switch.on, err
}

func (i Instance) ids() []string { return []string{i.ProjectID, i.InstanceID} }

type multiTenantAnswer struct {
	Switch flag `json:"multi_tenant_switch"`
}

func (a *multiTenantAnswer) check() (Effect, error) { return a.Switch.check("multi_tenant_switch") }
