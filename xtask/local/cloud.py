"""Runs a local cloud, with the stack on it if a template is given, for as long as standard input stays open.

The parent holds the other end: however it ends, the input closes, and everything started here is stopped and removed. Once it
stands, one line of JSON on standard output says where; what goes wrong before is said on standard error, with exit status 1.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import deploy

START_SECONDS = 30  # Until it answers; it takes about one.
STOP_SECONDS = 8  # From SIGTERM to SIGKILL; it takes about one, and up to five.


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--template", type=pathlib.Path)
    args.add_argument("--code", type=pathlib.Path, help="the folder of <binary>.zip")
    args.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    args.add_argument("--secret", action="append", default=[], metavar="NAME=TEXT", help="a parameter that is the ARN of a secret")
    args.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE", help="settings of MiniStack")
    args = args.parse_args()

    os.setpgid(0, 0)  # A group for all of it; Ctrl-C reaches only the parent's.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="landfall-cloud-"))
    cloud = None
    try:
        cloud, endpoint = start(folder, args.environment)
        stack = {"outputs": {}, "resources": {}}
        if args.template:
            parameters, secrets = (dict(pair.split("=", 1) for pair in pairs) for pairs in (args.parameter, args.secret))
            stack = deploy.deploy(endpoint, args.template, args.code, parameters, secrets)
        print(json.dumps({"endpoint": endpoint, "folder": str(folder), "log": str(folder / "log"), **stack}), flush=True)
        sys.stdin.buffer.read()
    except deploy.Failed as failure:
        sys.exit(f"{failure}\n{tail(folder / 'log')}")
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if cloud:
            stop(cloud)
        shutil.rmtree(folder, ignore_errors=True)


def start(folder, settings):
    """Starts MiniStack on a free loopback port and waits until it answers. Its whole environment reaches every function, so it gets a bare one."""
    for name in ("tmp", "state", "s3"):
        (folder / name).mkdir()
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        endpoint = f"http://127.0.0.1:{port}"
        environment = {
            "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": deploy.REGION,
            "MINISTACK_ACCOUNT_ID": "000000000000",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": deploy.KEY,
            "AWS_SECRET_ACCESS_KEY": deploy.KEY,
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            **dict(pair.split("=", 1) for pair in settings),
        }
        with open(folder / "log", "ab") as log:
            cloud = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while time.monotonic() < deadline:
            if cloud.poll() is not None:
                break  # Another process may have taken the port in between: try the next.
            try:
                urllib.request.urlopen(f"{endpoint}/_ministack/health", timeout=1).close()
                return cloud, endpoint
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        else:
            stop(cloud)
            raise deploy.Failed(f"MiniStack did not answer within {START_SECONDS} s")
        if time.monotonic() >= deadline:
            raise deploy.Failed("MiniStack does not start")


def stop(cloud):
    """Lets it go with its functions, then takes along what is left of its group. This process ignores the signal by now."""
    cloud.terminate()
    try:
        cloud.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        cloud.kill()
        cloud.wait()
    os.killpg(0, signal.SIGTERM)


def tail(log):
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    except OSError:
        return ""


main()
