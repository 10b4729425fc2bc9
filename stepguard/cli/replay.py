"""`stepguard replay EXECUTION`: repeat a request with the current definition and guardrails, and print the
differences."""

from __future__ import annotations

import argparse
from uuid import uuid4

from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, add_redact, add_timeout, in_session
from stepguard.cli.history import document_of
from stepguard.session.chat import find, wait
from stepguard.session.model import Session
from stepguard.trace.compare import compare
from stepguard.trace.redact import redact
from stepguard.trace.replay import replayed


def add_parser(commands: Commands) -> None:
    """Add `stepguard replay`."""
    parser = add_command(commands, "replay", in_session(run, recover=True))
    parser.add_argument("execution", help="an execution's ARN or name")
    add_redact(parser)
    add_timeout(parser)


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
    # The caller differs by design.
    both = compare(first, second)
    both["input"] = [change for change in both["input"] if change["path"] != "/request/caller"]
    if arguments.json:
        print(render.as_json(both))
    else:
        for line in render.comparison(both):
            print(line)
    return 1 if second["outcome"] == "unavailable" else 0
