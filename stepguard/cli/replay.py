"""`stepguard replay EXECUTION`: repeat a request with the deployed definition, and the deployed or other guardrails,
and print the differences."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from stepguard.admin.deployed import deployed_layers, newest_layers
from stepguard.aws.traces import document_of
from stepguard.cli import render
from stepguard.cli.choice import layers_with
from stepguard.cli.commands import Commands, add_command, add_redact, add_timeout, in_session, print_notes
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Layer
from stepguard.session.chat import find, wait
from stepguard.session.guardrails import compare_layers
from stepguard.session.model import Session
from stepguard.trace.compare import compare
from stepguard.trace.redact import redact
from stepguard.trace.replay import replayed

DEPLOYED, NEWEST = "deployed", "newest"


def add_parser(commands: Commands) -> None:
    """Add `stepguard replay`."""
    parser = add_command(commands, "replay", in_session(run, recover=True))
    parser.add_argument("execution", help="an execution's ARN or name")
    parser.add_argument(
        "--guardrails",
        default=DEPLOYED,
        metavar="DIR|newest|deployed",
        help="the files of a folder (or one file), which are published but not put in use; the newest version of each "
        "deployed guardrail; or the deployed versions, the default",
    )
    add_redact(parser)
    add_timeout(parser)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Start the execution's request again, wait for its end, and compare. Returns 0, or 1 when the replay failed."""
    executions = session.executions
    arn = find(executions, arguments.execution)
    document = replayed(executions.describe(arn).input, "replay", _chosen(arguments.guardrails, session))
    again = executions.start(f"replay-{uuid4().hex}", document)
    wait(executions, again, arguments.timeout)
    first, second = document_of(executions, arn), document_of(executions, again)
    if arguments.redact:
        first, second = redact(first), redact(second)
    both = compare(first, second)
    # The caller and the choice of guardrails differ by design.
    both["input"] = [
        change for change in both["input"] if not change["path"].startswith(("/request/caller", "/request/guardrails"))
    ]
    both["replayed_with"] = arguments.guardrails
    if arguments.json:
        print(render.as_json(both))
    else:
        for line in render.comparison(both):
            print(line)
    if arguments.guardrails == DEPLOYED:
        _offer(session)
    return 1 if second["outcome"] == "unavailable" else 0


def _chosen(choice: str, session: Session) -> Mapping[Layer, GuardrailRef] | None:
    """The guardrails that replace the deployed ones; None for the deployed ones themselves."""
    if choice == DEPLOYED:
        return None
    if choice == NEWEST:
        return newest_layers(compare_layers(session))
    path = Path(choice)
    if not path.exists():
        raise InvalidRequest(f"--guardrails {choice}: there is no such file or folder; or write newest or deployed.")
    return layers_with(path, lambda: deployed_layers(session.executions))


def _offer(session: Session) -> None:
    """Report on standard error that the files or the newest versions differ from what the replay used."""
    if print_notes(session):
        print("stepguard: Replay with others: --guardrails DIR (files) or --guardrails newest.", file=sys.stderr)
