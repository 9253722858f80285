package cloudapi

import "slices"

// IsOtherJob reports whether a job of that name is known to be none of a
// switch's: its name is a documented one, and none of those that the switch's
// jobs are known to have.
func IsOtherJob(name string, own ...string) bool {
	return slices.Contains(DocumentedJobNames(), name) && !slices.Contains(own, name)
}

// DocumentedJobNames lists the job names that are documented (page "Obtaining
// Instant Tasks", parameter job_name). Those of the jobs that [Client.SwitchProxyALT],
// [Client.SwitchProxySSL] and [Client.SwitchMultiTenancy] create are not, so
// that these are told by not being one of them.
func DocumentedJobNames() []string {
	return []string{
		"CreateGaussDBforMySQLInstance",
		"DeleteGaussDBforMySQLInstance",
		"RenameGaussDBforMySQLInstance",
		"RebootGaussDBforMySQLInstance",
		"RestoreGaussDBforMySQLNewInstance",
		"AddGaussDBforMySQLNodes",
		"DeleteGaussDBforMySQLNode",
		"ModifyGaussDBforMySQLPort",
		"ModifyGaussDBforMySQLSecurityGroup",
		"ResizeGaussDBforMySQLFlavor",
		"SwitchoverGaussDBforMySQLMasterNode",
		"GaussDBforMySQLBindEIP",
		"GaussDBforMySQLUnbindEIP",
		"UpgradeGaussDBforMySQLDatabaseVersion",
		"EnlargeGaussDBforMySQLProxy",
		"OpenGaussDBforMySQLProxy",
		"CloseGaussDBforMySQLProxy",
		"ScaleGaussDBforMySQLProxy",
		"GaussdbforMySQLModifyProxyIp",
		"GaussDBforMySQLModifyInstanceMetricExtend",
		"GaussDBforMySQLModifyInstanceDataVip",
		"GaussDBforMySQLSwitchSSL", // probably the instance's SSL, not the proxy's
		"GaussDBforMySQLModifyProxyConsist",
		"GaussDBforMySQLModifyProxyWeight",
	}
}
