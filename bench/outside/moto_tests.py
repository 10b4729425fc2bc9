"""moto's tests of Step Functions, unmodified, against the embedded AWS.

They run in moto's server mode: each client has the endpoint's address, and moto's decorators only reset moto. State
machines and activities are deleted after each test, because that reset does not reach them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

from embedded_aws.cloud import EmbeddedCloud
from embedded_aws.wire import Account

ACCOUNT = "123456789012"
PORT = 5000
"""moto's tests have account and port in them."""


def report(folder: Path) -> str:
    """Print each test that fails with its reason; `folder` contains moto's tests/test_stepfunctions."""
    tests = next(iter(sorted(folder.rglob("tests/test_stepfunctions"))), None)
    if tests is None:
        return "moto's tests: none in the folder"
    with tempfile.TemporaryDirectory() as home:
        results = Path(home) / "results.xml"
        account = Account(account_id=ACCOUNT)
        with EmbeddedCloud(Path(home) / "state", port=PORT, moto_api=True, account=account) as cloud:
            cloud.register(())
            _run(tests, cloud.url, results)
        return _summary(results)


def _run(tests: Path, url: str, results: Path) -> None:
    root = tests.parents[1]
    environment = os.environ | {
        "TEST_SERVER_MODE": "true",
        "TEST_SERVER_MODE_ENDPOINT": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": f"{Path(__file__).parents[2]}{os.pathsep}{root}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["-q", "-p", "bench.outside.moto_plugin", "-p", "no:cacheprovider", "-c", os.devnull, f"--rootdir={root}"]
    command = [sys.executable, "-m", "pytest", *options, f"--junitxml={results}", str(tests)]
    subprocess.run(command, cwd=root, env=environment, check=False, capture_output=True)


def _summary(results: Path) -> str:
    if not results.exists():
        return "moto's tests: pytest did not run"
    cases = list(ElementTree.parse(results).iter("testcase"))
    failed = skipped = 0
    for case in cases:
        skipped += case.find("skipped") is not None
        fault = next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)
        if fault is not None:
            failed += 1
            print(f"{case.get('classname')}::{case.get('name')}: {str(fault.get('message')).splitlines()[0]:.200}")
    passed = len(cases) - failed - skipped
    return f"moto's tests: {passed} passed, {failed} failed, {skipped} skipped"
