package cloudsim

import (
	"net/url"
	"strings"
	"time"
)

// Operations, named as Huawei's SDKs name them.
const (
	SwitchProxyALT       = "SwitchGaussMySqlProxyAlt"
	SwitchProxySSL       = "SwitchGaussMySqlProxySsl"
	SwitchAccessControl  = "SwitchAccessControl"
	SwitchMultiTenancy   = "UpdateMultiTenant"
	SwitchAudit          = "SwitchAuditDatabaseNew"
	ShowJob              = "ShowGaussMySqlJobInfo"
	ListImmediateJobs    = "ListImmediateJobs"
	ListProxies          = "ShowGaussMySqlProxyList"
	ShowIPGroup          = "ShowProxyIpgroup"
	ShowMultiTenancy     = "ShowMultiTenant"
	ListAuditedDatabases = "ListAuditDatabasesNew"
	CreateToken          = "KeystoneCreateUserTokenByPassword"
)

// service decides the shape of errors and the form of identifiers.
type service uint8

const (
	gaussdb service = iota
	dbss
	iam
)

// operation is one API. A switch has a plan, what only reads has a read.
type operation struct {
	name    string
	service service
	method  string
	path    string
	// job names the job that a switch starts; none if it takes effect at once.
	// The names of these three are documented nowhere: these are unlike all
	// documented ones.
	job  string
	plan func(*request) (change, string)
	read func(*Cloud, *request, time.Time) reply
}

var operations = [...]operation{
	{name: SwitchProxyALT, method: "PUT", path: "v3/{project}/instances/{instance}/proxy/{proxy}/alt",
		job: "GaussDBforMySQLSwitchProxyAlt", plan: planALT},
	{name: SwitchProxySSL, method: "PUT", path: "v3/{project}/instances/{instance}/proxy/{proxy}/ssl",
		job: "GaussDBforMySQLSwitchProxySSL", plan: planSSL},
	{name: SwitchAccessControl, method: "POST", path: "v3/{project}/instances/{instance}/proxy/{proxy}/access-control-switch",
		plan: planAccessControl},
	{name: SwitchMultiTenancy, method: "PUT", path: "v3/{project}/instances/{instance}/multi-tenant",
		job: "GaussDBforMySQLModifyMultiTenant", plan: planMultiTenancy},
	{name: SwitchAudit, service: dbss, method: "POST", path: "v3/{project}/audit/{instance}/databases/switch",
		plan: planAudit},
	{name: ShowJob, method: "GET", path: "v3/{project}/jobs", read: (*Cloud).showJob},
	{name: ListImmediateJobs, method: "GET", path: "v3/{project}/immediate-jobs", read: (*Cloud).listJobs},
	{name: ListProxies, method: "GET", path: "v3/{project}/instances/{instance}/proxies", read: (*Cloud).listProxies},
	{name: ShowIPGroup, method: "GET", path: "v3/{project}/instances/{instance}/proxy/{proxy}/ipgroup", read: (*Cloud).showIPGroup},
	{name: ShowMultiTenancy, method: "GET", path: "v3/{project}/instances/{instance}/multi-tenant", read: (*Cloud).showMultiTenancy},
	{name: ListAuditedDatabases, service: dbss, method: "GET", path: "v2/{project}/audit/{instance}/databases", read: (*Cloud).listDatabases},
	{name: CreateToken, service: iam, method: "POST", path: "v3/auth/tokens", read: (*Cloud).createToken},
}

// route finds the operation that a method and an escaped path name.
func route(method, path string) (*operation, Target) {
	path = strings.TrimPrefix(path, "/")
	for i := range operations {
		if op := &operations[i]; op.method == method {
			if target, ok := op.match(path); ok {
				return op, target
			}
		}
	}
	return nil, Target{}
}

func known(name string) *operation {
	for i := range operations {
		if operations[i].name == name {
			return &operations[i]
		}
	}
	return nil
}

func (op *operation) match(path string) (t Target, ok bool) {
	template, moreWanted, more := op.path, true, true
	for moreWanted && more {
		var want, got string
		want, template, moreWanted = strings.Cut(template, "/")
		got, path, more = strings.Cut(path, "/")
		switch want {
		case "{project}":
			t.ProjectID = unescaped(got)
		case "{instance}":
			t.InstanceID = unescaped(got)
		case "{proxy}":
			t.ProxyID = unescaped(got)
		default:
			if want != got {
				return Target{}, false
			}
		}
	}
	return t, moreWanted == more
}

func unescaped(segment string) string {
	if s, err := url.PathUnescape(segment); err == nil {
		return s
	}
	return segment
}
