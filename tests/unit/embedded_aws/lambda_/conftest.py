"""An application folder with one handler for each thing that a handler can do, and an embedded Lambda for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded_aws.lambda_.config import FunctionConfig
from embedded_aws.lambda_.functions import Functions
from embedded_aws.wire import Account

APP = """
import json, logging, os, pathlib, subprocess, sys, time, threading, warnings
from botocore.exceptions import ClientError
from helper import WORD

class GuardThrottled(Exception):
    pass

def echo(event, context):
    return event

def describe(event, context):
    return {
        "context": {name: getattr(context, name) for name in (
            "aws_request_id", "function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb",
            "log_group_name", "log_stream_name")},
        "remaining": context.get_remaining_time_in_millis(),
        "custom": context.client_context.custom if context.client_context else None,
        "environment": dict(os.environ), "path": sys.path[:2], "cwd": os.getcwd(), "pid": os.getpid(), "word": WORD,
    }

def chatter(event, context):
    print("printed")
    sys.stdout.buffer.write(b"raw \\xff bytes\\n")
    sys.stdout.flush()
    os.write(1, b"by descriptor\\n")
    os.write(2, b"on stderr\\n")
    subprocess.run([sys.executable, "-c", "print('by a child')"], check=True)
    logging.getLogger("app").warning("logged")
    warnings.warn("warned")
    print("x" * 300_000)
    return "done"

def swap(event, context):
    sys.stdout.close()
    return "closed"

def throttled(event, context):
    raise GuardThrottled(event.get("text"))

def refused(event, context):
    raise ClientError({"Error": {"Code": "X", "Message": "m"}}, "Converse")

def sleep(event, context):
    pathlib.Path(event["mark"]).write_text("started") if "mark" in event else None
    time.sleep(event["seconds"])
    pathlib.Path(event["mark"]).write_text("finished") if "mark" in event else None
    return "slept"

def meet(event, context):
    room = pathlib.Path(event["room"])
    (room / str(os.getpid())).touch()
    while len(list(room.iterdir())) < event["count"]:
        time.sleep(0.01)
    return "met"

def leave(event, context):
    sys.exit(event["status"])

def crash(event, context):
    os.kill(os.getpid(), event["signal"])
    time.sleep(5)

def orphan(event, context):
    child = subprocess.Popen(["sleep", "60"])
    pathlib.Path(event["mark"]).write_text(str(child.pid))
    time.sleep(60)

def unserializable(event, context):
    return {"value": {1, 2}}

def nan(event, context):
    return float("nan")

def large(event, context):
    return "x" * event["size"]

def surrogate(event, context):
    return chr(0xD800)

def raw(event, context):
    return b"not JSON"

def recurse(event, context):
    return recurse(event, context)

def threads(event, context):
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "left one behind"

def remember(event, context):
    seen.append(event)
    return seen

seen = []
"""


@pytest.fixture(scope="session")
def task_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with app.py and a module in vendor/."""
    root = tmp_path_factory.mktemp("project")
    (root / "app.py").write_text(APP, encoding="utf-8")
    (root / "vendor").mkdir()
    (root / "vendor" / "helper.py").write_text("WORD = 'vendored'\n", encoding="utf-8")
    (root / "broken.py").write_text("import no_such_module\n", encoding="utf-8")
    (root / "syntax.py").write_text("def handler(:\n", encoding="utf-8")
    (root / "failing.py").write_text("raise ValueError('at import')\n", encoding="utf-8")
    (root / "quitting.py").write_text("import sys; sys.exit(4)\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def log_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the functions' logs go."""
    return tmp_path_factory.mktemp("state") / "logs"


@pytest.fixture(scope="session")
def functions(task_root: Path, log_folder: Path) -> Iterator[Functions]:
    """An embedded Lambda with every handler of app.py registered under its name, `brief` with a short time-out."""
    functions = Functions(Account(), log_folder, workers=2)
    names = [line.split("(")[0][4:] for line in APP.splitlines() if line.startswith("def ")]
    for name in names:
        functions.register(FunctionConfig(name, f"app.{name}", task_root, timeout=20.0, memory=256))
    functions.register(FunctionConfig("brief", "app.sleep", task_root, timeout=0.25))
    functions.register(FunctionConfig("brief_orphan", "app.orphan", task_root, timeout=0.5))
    for name in ("broken", "syntax", "failing", "quitting", "absent"):
        functions.register(FunctionConfig(name, f"{name}.handler", task_root))
    functions.register(FunctionConfig("nameless", "app.nothing", task_root))
    functions.register(FunctionConfig("malformed", "app", task_root))
    functions.register(FunctionConfig("builtin", "sys.exit", task_root))
    yield functions
    functions.close()
