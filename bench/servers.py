"""Servers to compare in benchmarks: stepguard's, and MiniStack in a separate environment."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).parents[1]
MINISTACK = Path(os.environ.get("STEPGUARD_MINISTACK", ROOT / "build" / "ministack" / "bin" / "python"))
START_SECONDS = 120


class NotMeasuredError(Exception):
    """A server is not installed or does not start; the message contains the fix."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server: its address and process id."""

    url: str
    pid: int

    def client(self, service: str) -> Any:
        """A boto3 client of it that makes one attempt a call."""
        return boto3.client(
            service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, proxies={}, max_pool_connections=2),
        )  # fmt: skip

    def memory_mb(self) -> float:
        """Memory of the process and those that it started, in MB: proportional set size, so that what several of them
        share counts once (https://docs.kernel.org/filesystems/proc.html)."""
        total = 0.0
        for pid in _family(self.pid):
            with suppress(OSError):  # it has ended
                found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
                total += int(found[1]) * 1024 / 1e6 if found else 0.0
        return total


@contextmanager
def stepguard(
    core: int | None = None,
    quotas: str | None = None,
    tree: Path = ROOT,
    python: Path = Path(sys.executable),
    variables: Mapping[str, str] | None = None,
) -> Iterator[Running]:
    """`stepguard serve` of a source tree, this one if none is given, on a free port with the echo model.

    `core` pins it to one core; `variables` are added to its environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-m", "stepguard", "serve", "--port", "0", "--home", folder]
        if quotas:
            command += ["--quotas", quotas]
        environment = {"LLM_MODEL_ID": "any.echo", "HOME": folder, **(variables or {})}
        with started(command, environment, core, tree) as (process, log):
            yield Running(_said(process, log, r"listens at (http://\S+)"), process.pid)


@contextmanager
def ministack(core: int | None = None) -> Iterator[Running]:
    """MiniStack on a free port, on one core if given. Raises NotMeasuredError when it is not installed."""
    if not MINISTACK.exists():
        raise NotMeasuredError(
            "MiniStack is not installed: run `make ministack`, or name a Python in STEPGUARD_MINISTACK."
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_HOST": "127.0.0.1"}
    with tempfile.TemporaryDirectory() as folder:
        command = [str(MINISTACK), "-m", "ministack"]
        with started(command, {**variables, "TMPDIR": folder}, core) as (process, log):
            url = f"http://127.0.0.1:{port}"
            answers(process, log, f"{url}/_ministack/health")
            yield Running(url, process.pid)


@contextmanager
def started(
    command: Sequence[str], variables: Mapping[str, str], core: int | None, folder_of_work: Path = ROOT
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A server's process and the file of its output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "STEPGUARD_"))}
    pinned = ["taskset", "-c", str(core)] if core is not None else []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [*pinned, *command], cwd=folder_of_work, env={**kept, **variables, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            yield process, path
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _said(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(pattern, log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise NotMeasuredError(f"the server did not start: {log.read_text(errors='replace')[-500:]}")


def answers(process: subprocess.Popen[bytes], log: Path, url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with opener.open(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise NotMeasuredError(f"{url} does not answer: {log.read_text(errors='replace')[-500:]}")


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found
