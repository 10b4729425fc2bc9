"""Clients of AWS, unmodified, against the embedded AWS: any program that a table names.

The table is `clients.json` in the folder or below: `{"boto3 1.20": ["venv/bin/python", "try.py"], …}`. Each command
runs in the table's folder, with the endpoint, region and credentials in the environment variables that AWS's SDKs read
(AWS_ENDPOINT_URL, AWS_REGION, …). It passes if it ends with 0.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

from embedded_aws.cloud import EmbeddedCloud

SECONDS = 300


def report(folder: Path) -> str:
    """Print a line for each client."""
    tables = sorted(folder.rglob("clients.json"))
    if not tables:
        return "clients: no clients.json in the folder"
    passed = total = 0
    with tempfile.TemporaryDirectory() as home, EmbeddedCloud(Path(home), port=0) as cloud:
        cloud.register(())
        environment = os.environ | {
            "AWS_ENDPOINT_URL": cloud.url,
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # no `sync-` in front of an address
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        for table in tables:
            for name, command in json.loads(table.read_text(encoding="utf-8")).items():
                begin = time.monotonic()
                code, output = _ended(command, table.parent, environment)
                total, passed = total + 1, passed + (code == 0)
                last = (output.strip().splitlines() or [""])[-1]
                print(f"{name}: {'ok' if code == 0 else 'FAILED'} in {time.monotonic() - begin:.1f} s: {last:.200}")
    return f"clients: {passed} of {total} passed"


def _ended(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int | None, str]:
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    return done.returncode, done.stdout + done.stderr
