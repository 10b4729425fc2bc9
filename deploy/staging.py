"""The staging area: a third-party AWS emulator on this machine, and the embedded Bedrock next to it.

    python -m deploy.staging up|down|deploy|smoke|destroy [--parameter NAME=VALUE]…

MiniStack (https://pypi.org/project/ministack/, MIT) emulates CloudFormation, IAM, Lambda, API Gateway, Step Functions
and S3, but no guardrails; the deployed Lambdas call the embedded Bedrock through BedrockEndpointUrl. MiniStack is
installed in a separate environment (`make ministack`): it is a test target, not a dependency.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from stepguard.cli.main import main as stepguard

ROOT = Path(__file__).resolve().parent.parent
MINISTACK = ROOT / "build" / "ministack" / "bin" / "python"
FOLDER = ROOT / "build" / "staging"
PROJECT = Path(os.environ.get("PROJECT") or ROOT).resolve()
"""The project that is deployed: this repository, or the folder that PROJECT names."""
STAGE = "local"
START_SECONDS = 120.0
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # MiniStack's root
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
GUARDRAIL_PARAMETERS = {
    "preprocess": "Preprocess",
    "model": "Bedrock",
    "postprocess": "Postprocess",
    "passages": "Passage",
}
"""The template's parameters of each file of guardrails/ begin with this."""

CANNOT_VERIFY = {
    "states": "MiniStack's TestState ignores Retry: an error that has retries left is caught at once",
    "evaluation": "MiniStack serves buckets without TLS, which their policies refuse, and its Map leaves no manifest",
    "canary": "MiniStack's DescribeExecution does not name the version that an alias chose",
    "conversations": "FindAnswer reads a bucket, which MiniStack serves without TLS and its policy then refuses; make "
    "e2e removes that policy and tests conversations",
    "streaming": "the Lambdas send frames to the API's own host name, which MiniStack does not serve",
}
"""The steps of `stepguard verify-aws` that MiniStack cannot run, and why."""


_children: dict[int, subprocess.Popen[bytes]] = {}
"""The servers that this process started itself, to be waited for when they end."""


class StagingError(Exception):
    """The staging area could not be started; the message contains the fix."""


@dataclass(frozen=True, slots=True)
class Staging:
    """A running staging area: its endpoints, and the process groups that `down` ends."""

    endpoint: str
    bedrock: str
    groups: tuple[int, ...]
    folder: str

    def parameters(self) -> dict[str, str]:
        """The stack's parameters: the embedded Bedrock, and the guardrails that it serves. Raises StagingError."""
        command = [
            sys.executable,
            "-m",
            "stepguard",
            "guardrail",
            "apply",
            "--json",
            "--endpoint-url",
            self.bedrock,
        ]
        result = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=PROJECT, env=_environment(), capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise StagingError(f"The embedded Bedrock takes no guardrails: {result.stderr.strip()}")
        # MiniStack's CloudFormation has no alarms on a formula over metrics, and no versions of state machines. With
        # the box, every chat reads a bucket, which is refused without TLS.
        values = {"Guardrails": "given", "BedrockEndpointUrl": self.bedrock, "Alarms": "no", "Versions": "no"}
        values |= {"Assistant": "no", "Streaming": "no"}
        for item in json.loads(result.stdout)["guardrails"]:
            name = GUARDRAIL_PARAMETERS[Path(item["file"]).stem]
            values |= {f"{name}GuardrailIdentifier": item["id"], f"{name}GuardrailVersion": item["version"]}
        return values


def up(folder: Path = FOLDER, environment: Mapping[str, str] | None = None) -> Staging:
    """Start both servers unless they already run. `environment` is added to the embedded Bedrock's.

    Raises StagingError.
    """
    found = running(folder)
    if found is not None:
        return found
    if not MINISTACK.exists():
        raise StagingError("MiniStack is not installed: run `make ministack`.")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "tmp").mkdir(parents=True)
    port, bedrock_port = _free_port(), _free_port()
    # A separate folder for temporary files, because MiniStack leaves unpacked Lambdas behind.
    emulator = {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "AUTH": "true",  # verify signatures and IAM policies, including those of the Lambdas' roles
        "TMPDIR": str(folder / "tmp"),
    }
    groups = (
        _start([str(MINISTACK), "-m", "ministack"], folder, "ministack", folder / "tmp", emulator),
        _start(
            [
                sys.executable,
                "-m",
                "stepguard",
                "serve",
                "--port",
                str(bedrock_port),
                "--home",
                str(folder / "home"),
            ],
            folder,
            "bedrock",
            PROJECT,
            environment or {},
        ),
    )
    staging = Staging(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{bedrock_port}", groups, str(folder))
    (folder / "staging.json").write_text(json.dumps(asdict(staging)), encoding="utf-8")
    try:
        _await(f"{staging.endpoint}/_ministack/health", groups[0], folder / "ministack.log")
        _await(f"{staging.bedrock}/health", groups[1], folder / "bedrock.log")
    except StagingError:
        down(folder)
        raise
    return staging


def running(folder: Path = FOLDER) -> Staging | None:
    """The staging area of a folder, if it runs."""
    try:
        found = json.loads((folder / "staging.json").read_text(encoding="utf-8"))
        staging = Staging(found["endpoint"], found["bedrock"], tuple(found["groups"]), found["folder"])
    except (OSError, ValueError, KeyError):
        return None
    return staging if all(_ours(group) for group in staging.groups) else None


def down(folder: Path = FOLDER) -> None:
    """Stop the processes that `up` started, including workers, and remove the temporary files; the logs stay."""
    try:
        groups = json.loads((folder / "staging.json").read_text(encoding="utf-8"))["groups"]
    except (OSError, ValueError, KeyError):
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            if _ours(group):
                os.killpg(group, number)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and any(_ours(group) for group in groups):
            time.sleep(0.1)
    for group in groups:
        if group in _children:
            _children.pop(group).wait(timeout=10)
    (folder / "staging.json").unlink()
    shutil.rmtree(folder / "tmp", ignore_errors=True)


def _start(command: Sequence[str], folder: Path, name: str, directory: Path, environment: Mapping[str, str]) -> int:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - a fixed command
            command,
            cwd=directory,
            env={**_environment(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    return process.pid


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return kept | CREDENTIALS | {"PYTHONUNBUFFERED": "1"}


def _ours(group: int) -> bool:
    """Whether the process is still the one that `up` started: its id may since belong to another process."""
    listed = subprocess.run(  # noqa: S603 - a fixed command
        ["ps", "-o", "stat=,command=", "-p", str(group)],  # noqa: S607 - ps is where the system has it
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    return not listed.startswith("Z") and ("ministack" in listed or "stepguard" in listed)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(url: str, group: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and _ours(group):
        try:
            with urllib.request.urlopen(url, timeout=10):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise StagingError(f"{url} does not answer; its log is {log}.")


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, 1 when something fails, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m deploy.staging", description="An emulated AWS to deploy to.")
    parser.add_argument("action", choices=("up", "down", "deploy", "smoke", "verify", "destroy"))
    parser.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE", help="of the template")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.action == "down":
            down()
            return 0
        area = running() if chosen.action in ("smoke", "destroy") else up()
        if area is None:
            raise StagingError("Nothing is deployed: run `make deploy-local`.")
        if chosen.action in ("up", "deploy"):
            sys.stdout.write(
                f"MiniStack at {area.endpoint}, the embedded Bedrock at {area.bedrock}; logs in {area.folder}\n"
            )
            sys.stdout.flush()
        return 0 if chosen.action == "up" else _on_stage(chosen.action, area, chosen.parameter)
    except StagingError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _on_stage(action: str, area: Staging, parameters: Sequence[str]) -> int:
    os.environ.update(CREDENTIALS)
    words = [action, STAGE, "--endpoint-url", area.endpoint]
    if action == "deploy":
        values = [*(f"{name}={value}" for name, value in area.parameters().items()), *parameters]
        words += ["--yes", *(f"--parameter={value}" for value in values)]
    elif action == "verify":
        words = [
            "verify-aws",
            f"{STAGE}-verify",
            "--endpoint-url",
            area.endpoint,
            "--bedrock-endpoint-url",
            area.bedrock,
        ]
        values = [*(f"{name}={value}" for name, value in area.parameters().items()), *parameters]
        words += ["--yes", *(f"--parameter={value}" for value in values)]
        words += [f"--skip={step}={reason}" for step, reason in CANNOT_VERIFY.items()]
    elif action == "destroy":
        words += ["--yes", "--empty-buckets"]
    code = stepguard(words)
    if action == "destroy":
        down()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
