"""Calls Huawei's Python SDKs. A line comes in for each call, [url, [access key,
secret key, project, security token], operation, request], and a line with its
outcome goes out, until there is no more."""

import json
import re
import sys

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ServiceResponseException
from huaweicloudsdkdbss import v1 as dbss
from huaweicloudsdkgaussdb import v3 as gaussdb


def made(module, model, members):
    """An object of a model, of members that are named as on the wire."""
    model = getattr(module, model)
    names = {wire: name for name, wire in model.attribute_map.items()}
    return model(**{
        names[wire]: made(module, model.openapi_types[names[wire]], value) if isinstance(value, dict) else value
        for wire, value in members.items()
        if wire in names
    })


def called(url, key, operation, members):
    module, client = next(
        (module, client)
        for module, client in ((gaussdb, gaussdb.GaussDBClient), (dbss, dbss.DbssClient))
        if hasattr(module, operation + "Request")
    )
    credentials = BasicCredentials(*key[:3]).with_security_token(key[3])
    client = client.new_builder().with_credentials(credentials).with_endpoint(url).build()
    method = getattr(client, re.sub("(?<!^)(?=[A-Z])", "_", operation).lower())
    try:
        return {"Answer": method(made(module, operation + "Request", members)).to_dict()}
    except ServiceResponseException as e:
        return {"Refused": {"Status": e.status_code, "Code": e.error_code, "RequestID": e.request_id}}


for line in sys.stdin:
    print(json.dumps(called(*json.loads(line))), flush=True)
