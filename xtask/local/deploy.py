"""Deploys template.yaml on a local cloud: what `sam deploy` does, without the twelve seconds of its start-up."""

import json
import mimetypes
import pathlib

import boto3
import botocore.exceptions
from samtranslator.yaml_helper import yaml_parse

REGION = "us-east-1"
KEY = "test"
ARTIFACTS = "landfall-artifacts"
STACK = "landfall"
CHECKOUT = pathlib.Path(__file__).parents[2]


class Failed(Exception):
    """The cloud or the stack does not stand; the text says why."""


def deploy(endpoint, template_path, code, parameters, secrets):
    """Makes the secrets whose ARNs parameters name. Puts code and definition in a bucket, points the template at them, creates the stack, waits. Answers its outputs and resources."""
    session = boto3.Session(KEY, KEY, region_name=REGION)
    s3, cloudformation = (session.client(name, endpoint_url=endpoint) for name in ("s3", "cloudformation"))
    s3.create_bucket(Bucket=ARTIFACTS)
    manager = session.client("secretsmanager", endpoint_url=endpoint)
    made = {name: manager.create_secret(Name=f"landfall-{name}", SecretString=text)["ARN"] for name, text in secrets.items()}
    parameters = {**parameters, **made}

    def upload(path):
        s3.put_object(Bucket=ARTIFACTS, Key=path.name, Body=path.read_bytes())
        return {"Bucket": ARTIFACTS, "Key": path.name}

    template = yaml_parse(template_path.read_text())
    template["Globals"]["Function"].pop("CodeUri")
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::Serverless::Function":
            binary = resource["Metadata"]["BuildProperties"]["Binary"]
            properties["CodeUri"] = upload(code / f"{binary}.zip")
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = upload(CHECKOUT / properties["DefinitionUri"])
    drop_tls_only(template["Resources"])
    open_site(template["Resources"])
    widen_map_runs(template["Resources"])
    widen_announcements(template["Resources"])
    s3.put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(template).encode())

    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{endpoint}/{ARTIFACTS}/template.json",
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    except botocore.exceptions.WaiterError as error:
        events = cloudformation.describe_stack_events(StackName=STACK)["StackEvents"]
        reasons = [f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}" for event in events if event["ResourceStatus"].endswith("FAILED")]
        raise Failed("\n".join(["the stack was not created:", *reasons])) from error

    [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    resources = cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    if "SiteBucket" in outputs:
        put_console(s3, outputs["SiteBucket"], f"{endpoint}/_aws/execute-api/{outputs['ApiId']}")
    return {
        "outputs": outputs,
        "resources": {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources},
    }


def put_console(s3, bucket, api):
    """Puts the console in its bucket, with what it can't know by itself: where the API answers."""
    console = CHECKOUT / "console"
    files = [path for path in console.rglob("*") if path.is_file() and path.relative_to(console).parts[0] != "tests"]
    for path in files:
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        s3.put_object(Bucket=bucket, Key=path.relative_to(console).as_posix(), Body=path.read_bytes(), ContentType=kind)
    config = {"api": api}
    s3.put_object(Bucket=bucket, Key="config.json", Body=json.dumps(config).encode(), ContentType="application/json")


def drop_tls_only(resources):
    """The local cloud speaks plain HTTP and enforces policies, so the statements that refuse plain HTTP must go."""
    for name, resource in list(resources.items()):
        if resource["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy"):
            document = resource["Properties"]["PolicyDocument"]
            document["Statement"] = [statement for statement in document["Statement"] if statement.get("Sid") != "TlsOnly"]
            if not document["Statement"]:
                del resources[name]


def open_site(resources):
    """No CloudFront stands before the console here, so a browser reads it out of its bucket: that one alone, and nothing is written."""
    if "SiteBucket" not in resources:
        return
    blocks = resources["SiteBucket"]["Properties"]["PublicAccessBlockConfiguration"]
    blocks.update({"BlockPublicPolicy": False, "RestrictPublicBuckets": False})
    read = {"Sid": "Site", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": {"Fn::Sub": "${SiteBucket.Arn}/*"}}
    document = {"Version": "2012-10-17", "Statement": [read]}
    resources["SiteBucketPolicy"] = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": {"Ref": "SiteBucket"}, "PolicyDocument": document}}


def widen_map_runs(resources):
    """The local cloud does not see that a map run is a resource of its own: it wants `states:DescribeMapRun` on everything."""
    for statement in resources["ApiFunction"]["Properties"]["Policies"][0]["Statement"]:
        if statement.get("Action") == "states:DescribeMapRun":
            statement["Resource"] = "*"


def widen_announcements(resources):
    """The local cloud does not tell policies the source of an event, so the condition on it would refuse every event."""
    functions = [resource for resource in resources.values() if resource["Type"] == "AWS::Serverless::Function"]
    for function in functions:
        for policy in function["Properties"].get("Policies", []):
            for statement in policy["Statement"]:
                if statement.get("Action") == "events:PutEvents":
                    statement.pop("Condition", None)
