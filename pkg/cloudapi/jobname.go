package cloudapi

import "slices"

// IsOtherJob reports whether a job of that name is known to be none of those
// that [Client.SwitchProxyALT], [Client.SwitchProxySSL] and
// [Client.SwitchMultiTenancy] create.
func IsOtherJob(name string) bool { return slices.Contains(OtherJobNames(), name) }

// OtherJobNames lists the job names that are documented (page "Obtaining
// Instant Tasks", parameter job_name). The names of the jobs that our switches
// create are documented nowhere, so they are told by not being one of these.
func OtherJobNames() []string {
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
		"GaussDBforMySQLSwitchSSL", // the instance's SSL, not the proxy's
		"GaussDBforMySQLModifyProxyConsist",
		"GaussDBforMySQLModifyProxyWeight",
	}
}
