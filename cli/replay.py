"""`stepguard replay EXECUTION`: the same question to today's definition and guardrails, and what would be different."""

from __future__ import annotations

import argparse
from uuid import uuid4

from cli import render
from cli.chat import find, wait
from cli.history import document_of
from cli.session import Session
from functions.core.trace.compare import compare
from functions.core.trace.redact import redact
from functions.core.trace.replay import replayed


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Start the execution's request again, wait for its end, and compare. Returns 0, or 1 when the replay failed."""
    executions = session.executions
    arn = find(executions, arguments.execution)
    document = replayed(executions.describe(arn).input, "replay")
    again = executions.start(f"replay-{uuid4().hex}", document)
    wait(executions, again, arguments.timeout)
    first, second = document_of(executions, arn), document_of(executions, again)
    if arguments.redact:
        first, second = redact(first), redact(second)
    # Who asked is different by design.
    both = compare(first, second)
    both["input"] = [change for change in both["input"] if change["path"] != "/request/caller"]
    if arguments.json:
        print(render.as_json(both))
    else:
        for line in render.comparison(both):
            print(line)
    return 1 if second["outcome"] == "unavailable" else 0
