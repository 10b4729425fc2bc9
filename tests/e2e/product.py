"""The product as users run it: the installed command in a separate process."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = Path(sys.executable).parent
MACHINE = "arn:aws:states:us-east-1:000000000000:stateMachine:stepguard-local-chat"
EXECUTIONS = MACHINE.replace(":stateMachine:", ":execution:")
START_SECONDS = 60
COMMAND_SECONDS = 60

# What a shell gives; nothing of the developer's AWS or stepguard settings.
_PASSED = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH")


def environment(home: Path, **variables: str) -> dict[str, str]:
    """A user's environment: a separate home folder, the echo model, and `variables`."""
    passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
    return {**passed, "HOME": str(home), "LLM_MODEL_ID": "test.echo", **variables}


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON object on the standard output."""
        assert self.out.count("\n") == 1, f"not one line: {self.out!r} {self.err!r}"
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


def run(
    program: str,
    *arguments: str,
    env: Mapping[str, str],
    stdin: str = "",
    cwd: Path | None = None,
    seconds: float = COMMAND_SECONDS,
) -> Ran:
    """Run a program of the virtual environment to its end; no traceback is ever an answer."""
    done = subprocess.run(
        [str(SCRIPTS / program), *arguments],
        input=stdin.encode("utf-8", "surrogateescape"),
        capture_output=True,
        env=dict(env),
        cwd=cwd,
        timeout=seconds,
        check=False,
    )
    ran = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in ran.out + ran.err, ran.err
    return ran


def wait_until(path: Path, pattern: str, process: subprocess.Popen[bytes], seconds: float = START_SECONDS) -> str:
    """The first group of `pattern` in a growing file, before the process ends or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = re.search(pattern, path.read_text(encoding="utf-8"))
        if found:
            return found[1]
        assert process.poll() is None, f"ended with {process.returncode}: {path.read_text(encoding='utf-8')}"
        time.sleep(0.05)
    raise TimeoutError(f"{pattern} did not appear within {seconds} s")


@dataclass(frozen=True, slots=True)
class Server:
    """A running `stepguard serve`: its address, state folder, process and what it prints."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]
    output: Path
    env: Mapping[str, str]

    def request(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, method: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """GET, POST with a body, or another method; status and JSON document of the answer."""
        request = urllib.request.Request(self.url + path, body, dict(headers or {}), method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=COMMAND_SECONDS) as response:
                return response.status, json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def chat(self, question: object, **members: object) -> tuple[int, dict[str, Any]]:
        """POST /chat."""
        body = json.dumps({"question": question, **members}).encode()
        return self.request("/chat", body, {"Content-Type": "application/json"})

    def aws(self, *arguments: str) -> Ran:
        """Run AWS's own command line against this server."""
        return run("aws", *arguments, env=self.env)

    def aws_json(self, *arguments: str) -> dict[str, Any]:
        """The same, with the JSON object that it prints."""
        ran = self.aws(*arguments, "--output", "json")
        assert ran.code == 0, ran.err
        document = json.loads(ran.out)
        assert isinstance(document, dict)
        return document

    def start(self, name: str, document: Mapping[str, Any], seconds: float = 20) -> dict[str, Any]:
        """Start an execution as an AWS client does and look at it until it has ended."""
        self.aws_json(
            "stepfunctions", "start-execution",
            "--state-machine-arn", MACHINE, "--name", name, "--input", json.dumps(document),
        )  # fmt: skip
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            described = self.aws_json("stepfunctions", "describe-execution", "--execution-arn", f"{EXECUTIONS}:{name}")
            if described["status"] != "RUNNING":
                return described
            time.sleep(0.1)
        raise TimeoutError(f"{name} is still running")


@contextmanager
def serve(folder: Path, *options: str, home: Path | None = None, **variables: str) -> Iterator[Server]:
    """`stepguard serve` on a free port, ended as Ctrl-C ends it (and by force if that does not help)."""
    folder.mkdir(parents=True, exist_ok=True)
    home = home or folder / "state"
    output = folder / "serve.log"
    env = environment(folder, **variables)
    with output.open("wb") as log:
        process = subprocess.Popen(
            [str(SCRIPTS / "stepguard"), "serve", "--port", "0", "--home", str(home), *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=folder,
        )  # fmt: skip
    try:
        url = wait_until(output, r"listens at (http://\S+)", process)
        yield Server(url, home, process, output, {**env, **_CLIENT, "AWS_ENDPOINT_URL": url})
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


_CLIENT = {
    "AWS_ACCESS_KEY_ID": "any",
    "AWS_SECRET_ACCESS_KEY": "any",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
}
"""What a user of the aws command sets beside AWS_ENDPOINT_URL."""


HAS_PROC = Path("/proc/self/stat").exists()
"""Linux: the two functions below work."""


def alive(pid: int) -> bool:
    """Whether a process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def children(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
