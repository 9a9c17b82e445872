"""Runs small state machines on the local cloud; what comes of each, as JSON on standard output.

In: a JSON object of documents by name, as `crates/flow/tests/documents` has them, on standard input; and a
folder in which functions count their calls. Each function of a document is a Lambda that answers as the
document says.
"""

import concurrent.futures
import io
import json
import sys
import time
import zipfile

import boto3

FUNCTION = '''#!/usr/bin/env python3
import json, os, time, urllib.request

SCRIPT = json.loads(os.environ["SCRIPT"])
API = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"


def serve():
    while True:
        with urllib.request.urlopen(f"{API}/next") as call:
            payload, request = json.load(call), call.headers["Lambda-Runtime-Aws-Request-Id"]
        answer = next(answer for number, answer in enumerate(SCRIPT) if fits(number, answer, payload))
        time.sleep(answer.get("takes", 0))
        if failure := answer.get("fails"):
            post(request, "error", {"errorType": failure["error"], "errorMessage": failure["cause"]})
        else:
            post(request, "response", payload if answer.get("echoes") else answer["answers"])


def post(request, kind, body):
    urllib.request.urlopen(f"{API}/{request}/{kind}", data=json.dumps(body).encode()).close()


def fits(number, answer, payload):
    return covers(payload, answer["when"]) if "when" in answer else taken(number, answer.get("times"))


def covers(payload, wanted):
    if not isinstance(wanted, dict):
        return payload == wanted
    return isinstance(payload, dict) and all(covers(payload.get(name), value) for name, value in wanted.items())


def taken(number, times):
    """Takes one of so many answers, whichever process is asked: a file for each that was given."""
    if times is None:
        return True
    for turn in range(times):
        try:
            os.close(os.open(f"{os.environ['CALLS']}-{number}-{turn}", os.O_CREAT | os.O_EXCL))
            return True
        except FileExistsError:
            pass
    return False


serve()
'''

ROLE = "arn:aws:iam::000000000000:role/documents"
BUCKETS = {"work": "documents-work"}


def main():
    documents, folder = json.load(sys.stdin), sys.argv[1]
    clients = {name: boto3.client(name) for name in ("lambda", "s3", "stepfunctions")}
    for bucket in BUCKETS.values():
        clients["s3"].create_bucket(Bucket=bucket)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        names = sorted(documents)
        outcomes = pool.map(lambda name: run(clients, name, documents[name], folder), names)
        print(json.dumps(dict(zip(names, outcomes))))


def run(clients, name, document, folder):
    definition = json.dumps(document["machine"])
    for function, script in document.get("functions", {}).items():
        definition = definition.replace(f"${{{function}}}", create(clients["lambda"], name, function, script, folder))
    prefix = f"{name}/"
    for place, items in document.get("lists", {}).items():
        bucket, key = place.split("/", 1)
        clients["s3"].put_object(Bucket=BUCKETS[bucket], Key=prefix + key, Body=json.dumps(items))
    states = clients["stepfunctions"]
    try:
        machine = states.create_state_machine(name=name[:80], definition=definition, roleArn=ROLE)["stateMachineArn"]
    except Exception as refused:
        return {"refused": str(refused)}
    given = placed(document["input"], prefix)
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(given))["executionArn"]
    deadline = time.monotonic() + 60
    while (answer := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        if time.monotonic() > deadline:
            states.stop_execution(executionArn=arn)
            return {"status": "RUNNING"}
        time.sleep(0.05)
    events = states.get_execution_history(executionArn=arn, maxResults=1000, includeExecutionData=True)["events"]
    return outcome(answer, events, prefix)


def create(functions, name, function, script, folder):
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        program = zipfile.ZipInfo("bootstrap")
        program.external_attr = 0o755 << 16
        archive.writestr(program, FUNCTION)
    named = f"{name}-{function}"[-64:]
    functions.create_function(
        FunctionName=named,
        Runtime="provided.al2023",
        Handler="bootstrap",
        Role=ROLE,
        Timeout=30,
        Code={"ZipFile": code.getvalue()},
        Environment={"Variables": {"SCRIPT": json.dumps(script), "CALLS": f"{folder}/{named}"}},
    )
    return named


def placed(given, prefix):
    """The input, with the bucket and the key that a list has here."""
    if not isinstance(given, dict) or "list" not in given:
        return given
    bucket, key = BUCKETS[given["list"]["bucket"]], prefix + given["list"]["key"]
    return {**given, "list": {"bucket": bucket, "key": key}}


def outcome(answer, events, prefix):
    found = {"status": answer["status"]}
    if "output" in answer:
        text = answer["output"].replace(BUCKETS["work"], "work").replace(prefix, "")
        found["output"] = json.loads(text)
    for name in ("error", "cause"):
        if name in answer:
            found[name] = answer[name]
    details = [(event["type"], event) for event in events]
    found["states"] = [event["stateEnteredEventDetails"]["name"] for kind, event in details if kind.endswith("StateEntered")]
    failed = [event[f"{kind[0].lower()}{kind[1:]}EventDetails"] for kind, event in details if kind in ("TaskFailed", "TaskTimedOut")]
    found["errors"] = [failure["error"] for failure in failed]
    return found


main()
