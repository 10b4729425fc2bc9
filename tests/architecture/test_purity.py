"""The packages that decide, guard, evaluation and trace, compute from their arguments alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.architecture.purity import PURE_PACKAGES, impurities

ROOT = Path(__file__).parents[2]
MODULES = [path for package in PURE_PACKAGES for path in sorted(ROOT.joinpath(*package.split(".")).rglob("*.py"))]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_module_does_no_io(module: Path) -> None:
    """No file, network, process, clock, randomness, environment, output or dynamic import."""
    assert impurities(module.read_text(encoding="utf-8")) == []


def test_every_pure_package_is_checked() -> None:
    """A package that was renamed would pass unread."""
    assert {".".join(path.relative_to(ROOT).parts[:2]) for path in MODULES} == set(PURE_PACKAGES)


@pytest.mark.parametrize(
    "violation",
    [
        "import os",
        "import os, socket",
        "import json, os as system",
        "import os.path",
        "from os import environ",
        "from os import urandom as noise",
        "def f():\n    import os\n    return os.environ['HOME']",
        "class A:\n    from socket import socket",
        "import socket",
        "import subprocess",
        "import urllib.request",
        "from urllib import request",
        "import http.client",
        "import ssl",
        "import tempfile",
        "import shutil",
        "import asyncio",
        "import threading",
        "import multiprocessing",
        "from concurrent.futures import ThreadPoolExecutor",
        "import sqlite3",
        "import ctypes",
        "import io",
        "import sys",
        "import logging",
        "import importlib",
        "from importlib import import_module as load",
        "__import__('os')",
        "f = __import__\nf('os')",
        "import builtins",
        "exec('import os')",
        "eval('1')",
        "globals()['__builtins__']",
        "open('a')",
        "f = open\nf('a')",
        "import gzip\ngzip.open('a')",
        "import gzip as g\ng.open('a')",
        "from gzip import open as read",
        "from gzip import open\nopen('a')",
        "import pathlib",
        "from pathlib import Path",
        "from pathlib import PurePath, Path as P",
        "def f(path):\n    return path.read_text()",
        "def f(path):\n    path.write_bytes(b'')",
        "def f(path):\n    return path.open()",
        "import time",
        "from time import monotonic as clock",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import datetime as d\nd.utcnow()",
        "import datetime\ndatetime.datetime.now(datetime.UTC)",
        "import datetime as dt\ndt.date.today()",
        "from datetime import date\ndate.today()",
        "from datetime import datetime\nclock = datetime.now",
        "from datetime import datetime\ntype(datetime(2026, 1, 1)).now()",
        "import random",
        "from secrets import token_hex",
        "from uuid import uuid4",
        "import uuid as u\nu.uuid4()",
        "print('a')",
        "input()",
        "breakpoint()",
        "import boto3",
        "from botocore.exceptions import ClientError",
        "import chalice",
        "from stepguard.aws import clients",
        "from stepguard import aws",
        "import stepguard.aws.clients",
        "from ..aws import clients",
        "from json import *",
    ],
)
def test_each_kind_of_impurity_is_found(violation: str) -> None:
    """The check fails for what it exists for, under any alias and in any scope."""
    assert impurities(violation)


@pytest.mark.parametrize(
    "source",
    [
        "import json, re\nfrom pathlib import PurePath\nPurePath('a').suffix",
        "from datetime import UTC, datetime\ndatetime.fromtimestamp(0, UTC)",
        "import gzip\ndef f(stream):\n    return gzip.GzipFile(fileobj=stream).read()",
        "class A:\n    open: bool = True\n    def close(self):\n        self.open = False\n        return self.open",
        "from stepguard.guard.verdict import decide\nfrom stepguard import guard",
        "import collections.abc\nimport html.parser as p",
    ],
)
def test_pure_code_passes(source: str) -> None:
    """Path names, dates from numbers, streams that callers opened, and names that only look like I/O."""
    assert impurities(source) == []
