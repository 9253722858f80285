"""sdks.py ENDPOINT PROJECT ACCESS_KEY SECRET_KEY [SECURITY_TOKEN]

Calls the simulated cloud with Huawei's Python SDK, and prints what it saw as
sdks_test.go has it.
"""

import json
import sys
import urllib.request

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkdbss.v1 import (
    DbssClient, ListAuditDatabasesNewRequest, SwitchAuditDatabaseNewRequest, SwitchAuditDbRequest)
from huaweicloudsdkgaussdb.v3 import (
    GaussDBClient, ListImmediateJobsRequest, OperateMultiTenantReq, ShowGaussMySqlJobInfoRequest,
    ShowGaussMySqlProxyListRequest, ShowMultiTenantRequest, ShowProxyIpgroupRequest, SwitchAccessControlRequest,
    SwitchAccessControlRequestBody, SwitchGaussMySqlProxyAltRequest, SwitchGaussMySqlProxyAltRequestBody,
    SwitchGaussMySqlProxySslRequest, SwitchProxySSLRequest, UpdateMultiTenantRequest)

endpoint, project, access, secret, *token = sys.argv[1:]
INSTANCE, PROXY = "096c0fc43e804757b59946b80dc27f8bin07", "2ec617ba62da4eafb921b69438beed3cpo01"
AUDITOR, DATABASE = "1b1b4d3c-6f0e-4f52-9d84-0c5f6a7b8c9d", "Gadr-Y4B51p4J06s5s5B"


def client(of):
    credentials = BasicCredentials(access, secret, project)
    if token:
        credentials = credentials.with_security_token(token[0])
    return of.new_builder().with_credentials(credentials).with_endpoint(endpoint).build()


def refused(call, *args):
    try:
        call(*args)
    except ServiceResponseException as e:
        return f"{e.status_code} {e.error_code}"
    return "not refused"


g, d = client(GaussDBClient), client(DbssClient)
seen = {"jobs": [], "states": []}
for on in (True, False) * 2:
    word = "on" if on else "off"
    alt = SwitchGaussMySqlProxyAltRequestBody(alt_enabled=word, alt_for_readonly=word)
    ssl = SwitchGaussMySqlProxySslRequest(instance_id=INSTANCE, proxy_id=PROXY, body=SwitchProxySSLRequest(ssl_option=on))
    seen["jobs"] += [
        g.switch_gauss_my_sql_proxy_alt(SwitchGaussMySqlProxyAltRequest(instance_id=INSTANCE, proxy_id=PROXY, body=alt)).job_id,
        g.switch_gauss_my_sql_proxy_ssl(ssl).job_id,
        g.update_multi_tenant(UpdateMultiTenantRequest(instance_id=INSTANCE, body=OperateMultiTenantReq(multi_tenant_switch=on))).job_id,
    ]
    opened = g.switch_access_control(SwitchAccessControlRequest(
        instance_id=INSTANCE, proxy_id=PROXY, body=SwitchAccessControlRequestBody(open_access_control=on))).open_access_control
    audit = d.switch_audit_database_new(SwitchAuditDatabaseNewRequest(
        instance_id=AUDITOR, body=SwitchAuditDbRequest(id=DATABASE, status=word.upper()))).status
    seen["states"].append([
        opened, audit,
        g.show_gauss_my_sql_proxy_list(ShowGaussMySqlProxyListRequest(instance_id=INSTANCE)).proxy_list[0].proxy.ssl_option,
        g.show_proxy_ipgroup(ShowProxyIpgroupRequest(instance_id=INSTANCE, proxy_id=PROXY)).enable_ip_group,
        g.show_multi_tenant(ShowMultiTenantRequest(instance_id=INSTANCE)).multi_tenant_switch,
        d.list_audit_databases_new(ListAuditDatabasesNewRequest(instance_id=AUDITOR)).databases[0].database.status,
    ])
page = g.list_immediate_jobs(ListImmediateJobsRequest(offset="2", limit="10"))
seen["second_page"], seen["total"] = [j.job_id for j in page.jobs], page.total_count
job = g.show_gauss_my_sql_job_info(ShowGaussMySqlJobInfoRequest(id=seen["jobs"][0])).job
seen["job"] = [job.id, job.status, job.instance.id]
seen["missing"] = refused(g.show_gauss_my_sql_job_info, ShowGaussMySqlJobInfoRequest(id="00000000-0000-4000-a000-000000000000"))
fault = json.dumps({"operation": "SwitchGaussMySqlProxySsl", "kind": "busy", "times": 1}).encode()
urllib.request.urlopen(endpoint + "/_sim/faults", fault).close()
seen["busy"] = refused(g.switch_gauss_my_sql_proxy_ssl, ssl)
json.dump(seen, sys.stdout)
