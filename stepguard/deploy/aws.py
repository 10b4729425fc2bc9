"""The `aws` command line, as the one way in which deploying talks to AWS or to an emulator of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Protocol

_ERROR = re.compile(
    r"An error occurred \((?P<code>[\w.]+)\) when calling the \w+ operation[^:]*: (?P<message>.*)", re.S
)


class AwsError(Exception):
    """A call failed. `code` is AWS's error code, or "" when the command itself failed."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if code else message)
        self.code = code
        self.message = message


class Aws(Protocol):
    """Runs one `aws` command, e.g. `aws("s3api", "head-bucket", "--bucket", name)`; gives its JSON, parsed."""

    def __call__(self, *words: str) -> Any:
        """Raises AwsError."""
        ...


class AwsCli:
    """The aws command that is installed beside this Python, with the person's own profile and region.

    `endpoint` is the URL of an emulator, which every service is then asked of.
    """

    def __init__(self, endpoint: str | None = None, environment: Mapping[str, str] | None = None) -> None:
        self._environment = {**os.environ, **(environment or {}), "AWS_PAGER": "", "PYTHONWARNINGS": "ignore"}
        if endpoint:
            self._environment["AWS_ENDPOINT_URL"] = endpoint

    def __call__(self, *words: str) -> Any:
        """Run a command. Raises AwsError."""
        command = [sys.executable, "-m", "awscli", *words, "--output", "json"]
        result = subprocess.run(  # noqa: S603 - no shell, and the first words are ours
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise _error(result.stderr)
        try:
            return json.loads(result.stdout or "null")
        except ValueError:
            return result.stdout  # `aws s3` and `aws cloudformation package` print for people


def _error(text: str) -> AwsError:
    found = _ERROR.search(text)
    if found:
        return AwsError(found["code"], found["message"].strip())
    return AwsError("", text.strip() or "the aws command failed without a word")
