package cloudsim_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	. "github.com/interlock-functions/interlock/internal/cloudsim"
)

// What is wrong is refused, in the service's shape, without an effect.
func TestChecks(t *testing.T) {
	ssl := `{"ssl_option":true}`
	for name, c := range map[string]struct {
		method, path, body string
		edits              []edit
		status             int
		code, says         string
	}{
		"unknown path":           {"PUT", below + "/nothing", ssl, nil, 404, "APIG.0101", ""},
		"root":                   {"GET", "/", "", nil, 404, "APIG.0101", ""},
		"wrong method":           {"POST", sslPath, ssl, nil, 404, "APIG.0101", ""},
		"wrong method of access": {"PUT", accessPath, `{"open_access_control":true}`, nil, 404, "APIG.0101", ""},
		"wrong method of read":   {"DELETE", groupPath, "", nil, 404, "APIG.0101", ""},
		"trailing slash":         {"PUT", sslPath + "/", ssl, nil, 404, "APIG.0101", ""},
		"doubled slash":          {"PUT", strings.Replace(sslPath, "/proxy/", "//proxy/", 1), ssl, nil, 404, "APIG.0101", ""},
		"/instance/ of the page": {"PUT", strings.Replace(altPath, "/instances/", "/instance/", 1), `{"alt_enabled":"on"}`, nil, 404, "APIG.0101", ""},
		"/proxyId/ of the page":  {"PUT", strings.Replace(sslPath, "/proxy/", "/proxyId/", 1), ssl, nil, 404, "APIG.0101", ""},
		"older audit form":       {"POST", "/v2/" + project + "/" + auditor + "/audit/databases/switch", switches[4].on, nil, 404, "APIG.0101", ""},

		"project too short":       {"PUT", strings.Replace(sslPath, project, project[1:], 1), ssl, nil, 400, "DBS.280001", "project_id"},
		"project too long":        {"PUT", strings.Replace(sslPath, project, project+"0", 1), ssl, nil, 400, "DBS.280001", "project_id"},
		"project with a dash":     {"PUT", strings.Replace(sslPath, project, "-"+project[1:], 1), ssl, nil, 400, "DBS.280001", "project_id"},
		"instance without in07":   {"PUT", strings.Replace(sslPath, "in07", "in01", 1), ssl, nil, 400, "DBS.280001", "instance_id"},
		"instance too short":      {"PUT", strings.Replace(sslPath, cluster, cluster[1:], 1), ssl, nil, 400, "DBS.280001", "instance_id"},
		"instance climbs":         {"PUT", strings.Replace(sslPath, cluster, "..%2F"+cluster[3:], 1), ssl, nil, 400, "DBS.280001", "instance_id"},
		"proxy without po01":      {"PUT", strings.Replace(sslPath, "po01", "po02", 1), ssl, nil, 400, "DBS.280001", "proxy_id"},
		"proxy with a NUL":        {"PUT", strings.Replace(sslPath, pool, "%00"+pool[1:], 1), ssl, nil, 400, "DBS.280001", "proxy_id"},
		"audit instance short":    {"POST", strings.Replace(auditPath, auditor, auditor[5:], 1), switches[4].on, nil, 400, "DBSS.10020102", "instance_id"},
		"audit project short":     {"POST", strings.Replace(auditPath, project, project[1:], 1), switches[4].on, nil, 400, "DBSS.10020102", "project_id"},
		"audit instance too long": {"POST", strings.Replace(auditPath, auditor, strings.Repeat("a", 65), 1), switches[4].on, nil, 400, "DBSS.10020102", "instance_id"},

		"no content type":     {"PUT", sslPath, ssl, []edit{header("Content-Type", "")}, 400, "DBS.280001", "Content-Type"},
		"text":                {"PUT", sslPath, ssl, []edit{header("Content-Type", "text/plain")}, 400, "DBS.280001", "Content-Type"},
		"charset of the SDKs": {"PUT", sslPath, ssl, []edit{header("Content-Type", "application/json;charset=UTF-8")}, 200, "", ""},
		"language":            {"PUT", sslPath, ssl, []edit{header("X-Language", "zh-cn")}, 200, "", ""},
		"unknown language":    {"PUT", sslPath, ssl, []edit{header("X-Language", "de-de")}, 400, "DBS.280001", "X-Language"},
		"query":               {"PUT", sslPath + "?a=b", ssl, nil, 400, "DBS.280001", "query"},
		"broken query":        {"GET", tenantPath + "?%zz", "", nil, 400, "DBS.280001", "query"},

		"empty body":       {"PUT", sslPath, "", nil, 400, "DBS.280001", "empty"},
		"no JSON":          {"PUT", sslPath, "ssl_option", nil, 400, "DBS.280001", "JSON"},
		"array":            {"PUT", sslPath, "[true]", nil, 400, "DBS.280001", "array"},
		"missing":          {"PUT", sslPath, "{}", nil, 400, "DBS.280001", "ssl_option is missing"},
		"null":             {"PUT", sslPath, `{"ssl_option":null}`, nil, 400, "DBS.280001", "null"},
		"unknown member":   {"PUT", sslPath, `{"ssl_option":true,"x":1}`, nil, 400, "DBS.280001", `unknown`},
		"doubled member":   {"PUT", sslPath, `{"ssl_option":true,"ssl_option":false}`, nil, 400, "DBS.280001", "duplicate"},
		"other case":       {"PUT", sslPath, `{"SSL_option":true}`, nil, 400, "DBS.280001", "missing"},
		"more than one":    {"PUT", sslPath, ssl + ssl, nil, 400, "DBS.280001", "JSON"},
		"a mebibyte, deep": {"PUT", sslPath, strings.Repeat("[", 1<<20), nil, 400, "DBS.280001", "deep"},
		"too large":        {"PUT", sslPath, ssl + strings.Repeat(" ", 1<<20), nil, 413, "APIG.0201", ""},

		"ssl as a string":         {"PUT", sslPath, `{"ssl_option":"true"}`, nil, 400, "DBS.280001", "boolean"},
		"ssl as a number":         {"PUT", sslPath, `{"ssl_option":1}`, nil, 400, "DBS.280001", "boolean"},
		"alt as a boolean":        {"PUT", altPath, `{"alt_enabled":true}`, nil, 400, "DBS.280001", "alt_enabled must be a string"},
		"readonly as a boolean":   {"PUT", altPath, `{"alt_enabled":"on","alt_for_readonly":true}`, nil, 400, "DBS.280001", "alt_for_readonly"},
		"alt in capitals":         {"PUT", altPath, `{"alt_enabled":"ON"}`, nil, 400, "DBS.280001", "on or off"},
		"alt without alt_enabled": {"PUT", altPath, `{"alt_for_readonly":"on"}`, nil, 400, "DBS.280001", "missing"},
		"access as a string":      {"POST", accessPath, `{"open_access_control":"true"}`, nil, 400, "DBS.280001", "boolean"},
		"tenants as a string":     {"PUT", tenantPath, `{"multi_tenant_switch":"on"}`, nil, 400, "DBS.280001", "boolean"},
		"audit in small letters":  {"POST", auditPath, `{"id":"x","status":"on"}`, nil, 400, "DBSS.10020102", "ON or OFF"},
		"audit as a boolean":      {"POST", auditPath, `{"id":"x","status":true}`, nil, 400, "DBSS.10020102", "string"},
		"audit without id":        {"POST", auditPath, `{"status":"ON"}`, nil, 400, "DBSS.10020102", "id is missing"},
		"audit of nothing":        {"POST", auditPath, `{"id":"","status":"ON"}`, nil, 400, "DBSS.10020102", "id is empty"},
		"lts as a string":         {"POST", auditPath, `{"id":"x","status":"ON","lts_audit_switch":"1"}`, nil, 400, "DBSS.10020102", "number"},
		"lts as a fraction":       {"POST", auditPath, `{"id":"x","status":"ON","lts_audit_switch":1.5}`, nil, 400, "DBSS.10020102", "integer"},

		"job without id":       {"GET", jobPath, "", nil, 400, "DBS.280001", "id is missing"},
		"unknown job":          {"GET", jobPath + "?id=x", "", nil, 404, "DBS.200013", ""},
		"page 0":               {"GET", jobsPath + "?offset=0", "", nil, 400, "DBS.280001", "offset"},
		"page no number":       {"GET", jobsPath + "?offset=x", "", nil, 400, "DBS.280001", "offset"},
		"limit 11":             {"GET", jobsPath + "?limit=11", "", nil, 400, "DBS.280001", "limit"},
		"unknown status":       {"GET", jobsPath + "?status=completed", "", nil, 400, "DBS.280001", "status"},
		"RFC 3339":             {"GET", jobsPath + "?start_time=2026-11-22T09:00:00Z", "", nil, 400, "DBS.280001", "start_time"},
		"offset not escaped":   {"GET", jobsPath + "?end_time=2026-11-22T09:00:00+0000", "", nil, 400, "DBS.280001", "end_time"},
		"unknown filter":       {"GET", jobsPath + "?name=x", "", nil, 400, "DBS.280001", "unknown"},
		"doubled filter":       {"GET", jobsPath + "?job_id=x&job_id=y", "", nil, 400, "DBS.280001", "more than once"},
		"databases from -1":    {"GET", auditedPath + "?offset=-1", "", nil, 400, "DBSS.10020102", "offset"},
		"databases, no number": {"GET", auditedPath + "?limit=x", "", nil, 400, "DBSS.10020102", "limit"},
		"databases, unknown":   {"GET", auditedPath + "?page=1", "", nil, 400, "DBSS.10020102", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			both(t, Options{}, func(t *testing.T, e *env) {
				a := e.do(c.method, c.path, c.body, c.edits...)
				require.NoError(t, a.err)
				require.Equal(t, c.status, a.status, a.text)
				require.Equal(t, c.code, a.code(), a.text)
				require.Contains(t, a.text, c.says)
				require.Equal(t, c.status == 200, len(e.Effects()) == 1)
				require.Equal(t, c.status, e.Calls()[0].Status)
				if strings.HasPrefix(c.code, "DBSS.") {
					require.Contains(t, a.json(t), "details")
					require.Contains(t, a.json(t), "encoded_authorization_message")
				}
			})
		})
	}
}

// Nobody learns anything about the checks without a right token.
func TestAuthenticationComesFirst(t *testing.T) {
	e := newEnv(t, Options{}, false)
	require.Equal(t, 401, e.do("PUT", sslPath, "x", header("X-Auth-Token", "wrong")).status)
}
