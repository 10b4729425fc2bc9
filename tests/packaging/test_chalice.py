"""Chalice's own commands work in a clone: `chalice package` packs what we deploy, `chalice local` serves the API."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.packaging.conftest import ROOT, Built

CHALICE = [sys.executable, "-B", "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "UNGUARDED": "yes",  # no guardrail is set here
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:x",
}
SECONDS = 60.0


@pytest.fixture(name="clone", scope="module")
def _clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what Chalice reads, links as they are."""
    target = tmp_path_factory.mktemp("clone")
    ignore = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for name in (".chalice", "functions", "stepguard", "vendor"):
        shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=ignore)
    for name in ("app.py", "requirements.txt"):
        shutil.copy2(ROOT / name, target / name)
    return target


def test_chalice_package_packs_the_files_that_we_deploy(clone: Path, built: Built) -> None:
    """Through vendor/: the same names with the same contents."""
    command = [*CHALICE, "package", "--stage", "dev", "out"]
    result = subprocess.run(command, cwd=clone, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    with (
        zipfile.ZipFile(clone / "out" / "deployment.zip") as theirs,
        zipfile.ZipFile(built.root / built.package.archive) as ours,
    ):
        assert sorted(theirs.namelist()) == ours.namelist()
        assert {name: theirs.read(name) for name in ours.namelist()} == {
            name: ours.read(name) for name in ours.namelist()
        }


def test_chalice_local_serves_the_api(clone: Path, tmp_path: Path) -> None:
    """GET /health answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*CHALICE, "local", "--stage", "dev", "--host", "127.0.0.1", "--port", str(port), "--no-autoreload"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, cwd=clone, env=ENVIRONMENT, stdout=output, stderr=subprocess.STDOUT)
    try:
        assert _health(port, server, log) == "ok"
    finally:
        server.kill()
        server.wait()


def _health(port: int, server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=SECONDS) as reply:
                return str(json.load(reply)["status"])
        except urllib.error.HTTPError as error:
            pytest.fail(f"{error.read()!r}\n{log.read_text()}")
        except urllib.error.URLError:
            time.sleep(0.2)
    pytest.fail(log.read_text())
