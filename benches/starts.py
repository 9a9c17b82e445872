"""How large the functions are, and how fast they start.

    starts.py FOLDER [FOLDER ...] [--runs N] [--only api,admit,...]

Each FOLDER holds release binaries of the functions, such as target/release. They are stripped,
zipped, and started on a Runtime API of this script's own, in turn over all folders. A start lasts
from the start of the process to its first request for an event. Before an uncached start the
binary's pages are dropped from the page cache. Medians are told.
"""

import argparse
import os
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import zipfile

FUNCTIONS = ["api", "admit", "ingest", "transform", "verify", "store", "settle", "live"]
# What the functions ask of their environment; nothing of it is reached before the first event.
SETTINGS = {
    "ADMIT_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/admit", "API_FUNCTION": "api",
    "AUTH": "jwt", "CHANGES_PER_MINUTE": "600", "CORS_ORIGINS": "",
    "FUNCTIONS": "transform=transform", "HAS_MASK_SALT": "false", "INBOX_BUCKET": "the-inbox",
    "INBOX_PREFIX": "inbox/", "LAKE_BUCKET": "the-lake", "LAKE_PREFIX": "lake/",
    "SOCKET_API": "sockets", "SOCKET_STAGE": "live", "SOURCE_BUCKET_ARNS": "",
    "STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:landing", "TABLE": "table",
    "WORK_BUCKET": "the-work",
}
LAMBDA = {
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769", "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_LOG_GROUP_NAME": "group",
    "AWS_LAMBDA_LOG_STREAM_NAME": "stream", "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test",
}


class Runtime:
    """A Runtime API that never has an event."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        self.asked = threading.Event()
        self.waiting = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            caller, _ = self.server.accept()
            request = caller.recv(4096)
            if b"/runtime/invocation/next" in request:
                self.at = time.monotonic()
                self.waiting.append(caller)
                self.asked.set()
            else:  # The function tells why it can't start.
                caller.sendall(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")

    def start(self, binary):
        """Milliseconds until a binary asks for an event."""
        self.asked.clear()
        address = "127.0.0.1:%d" % self.server.getsockname()[1]
        environment = dict(LAMBDA, PATH=os.environ["PATH"], AWS_LAMBDA_RUNTIME_API=address)
        environment.update(("LANDFALL_" + name, value) for name, value in SETTINGS.items())
        begun = time.monotonic()
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        function = subprocess.Popen([binary], env=environment, **streams)
        has_asked = self.asked.wait(10)
        function.kill()
        told = function.communicate()[0].decode(errors="replace")
        while self.waiting:
            self.waiting.pop().close()
        if not has_asked:
            raise SystemExit(f"{binary} asked for no event within 10 seconds: {told}")
        return (self.at - begun) * 1_000


def forget(binary):
    """Drops a file from the page cache."""
    with open(binary, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def zipped(binary, scratch):
    """Bytes of the zip that is deployed."""
    path = os.path.join(scratch, "zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        file.write(binary, "bootstrap")
    return os.path.getsize(path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folders", nargs="+")
    arguments.add_argument("--runs", type=int, default=15)
    arguments.add_argument("--only", default=",".join(FUNCTIONS))
    arguments = arguments.parse_args()
    runtime = Runtime()
    print("| function | folder | binary, MB | zip, MB | start, cached, ms | uncached, ms |")
    print("|---|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.only.split(","):
            binaries = {}
            for position, folder in enumerate(arguments.folders):
                binaries[folder] = os.path.join(scratch, f"{name}-{position}")
                strip = ["strip", "-o", binaries[folder], os.path.join(folder, name)]
                subprocess.run(strip, check=True)
            cached, uncached = ({folder: [] for folder in binaries} for _ in range(2))
            for _ in range(arguments.runs):
                for folder, binary in binaries.items():
                    forget(binary)
                    uncached[folder].append(runtime.start(binary))
                    cached[folder].append(runtime.start(binary))
            for folder, binary in binaries.items():
                sizes = [size / 1e6 for size in (os.path.getsize(binary), zipped(binary, scratch))]
                starts = [statistics.median(times[folder]) for times in (cached, uncached)]
                figures = " | ".join(f"{figure:.1f}" for figure in sizes + starts)
                print(f"| {name} | {folder} | {figures} |")


if __name__ == "__main__":
    main()
