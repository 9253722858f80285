package cloudsim

// Operations of the switches, as their simulations name them.
const (
	SwitchProxyALT       = "SwitchGaussMySqlProxyAlt"
	SwitchProxySSL       = "SwitchGaussMySqlProxySsl"
	SwitchAccessControl  = "SwitchAccessControl"
	SwitchMultiTenancy   = "UpdateMultiTenant"
	SwitchAudit          = "SwitchAuditDatabaseNew"
	ListProxies          = "ShowGaussMySqlProxyList"
	ShowIPGroup          = "ShowProxyIpgroup"
	ShowMultiTenancy     = "ShowMultiTenant"
	ListAuditedDatabases = "ListAuditDatabasesNew"
)
