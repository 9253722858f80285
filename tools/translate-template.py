"""Translates template.yaml as CloudFormation's transform would.

usage: translate-template.py TEMPLATE OUT.json

The translator wants code in a bucket, which `sam package` would have put
there, and the ARNs of managed policies, which it would ask IAM for.
"""

import json
import logging
import sys

from boto3 import Session
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator


def main(source, out):
    with open(source, encoding="utf-8") as f:
        template = yaml_parse(f.read())
    globals_ = template["Globals"]["Function"]
    globals_["CodeUri"] = "s3://bucket/code"
    values = {name: p["Default"] for name, p in template["Parameters"].items() if "Default" in p}
    values |= {
        "Region": "eu-west-101",
        "SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:interlock-AbCdEf",
    }
    session = Session(region_name="eu-central-1")
    translated = Translator({}, Parser(), boto_session=session).translate(template, values)
    with open(out, "w", encoding="utf-8") as f:
        json.dump(translated, f, indent=1, ensure_ascii=False)
    print(f"{len(template['Resources'])} resources became {len(translated['Resources'])}")


# It mentions every feature that AWS has not switched on for everybody.
logging.disable(logging.WARNING)
main(*sys.argv[1:])
