"""Writes template.yaml as SAM expands it, roles and all, on standard output."""

import json
import pathlib
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

PLACE = "s3://packages/package"  # Where code and definition lie is not looked at.

template = yaml_parse(pathlib.Path(sys.argv[1]).read_text())
template["Globals"]["Function"]["CodeUri"] = PLACE
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::StateMachine":
        resource["Properties"]["DefinitionUri"] = PLACE
parameters = {name: parameter.get("Default", "") for name, parameter in template["Parameters"].items()}
translator = Translator(managed_policy_map={}, sam_parser=Parser(), boto_session=boto3.Session(region_name="us-east-1"))
print(json.dumps(translator.translate(sam_template=template, parameter_values=parameters), default=str))
