"""`stepguard record EXECUTION`: write a regression test from an execution.

Three files: the case (request and expected result), a MockConfigFile.json of Step Functions Local with every task's
result, and a pytest module that runs both: the definition with the mocked results, and, for an execution that
succeeded, the request on the embedded AWS with the current guardrails. The JSON contains people's texts, the Python
never does.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from uuid import uuid4

from stepguard.cli.commands import Commands, add_command, add_timeout, in_session
from stepguard.guard.bedrock_names import PII_TYPES
from stepguard.guard.errors import InvalidRequest
from stepguard.session.chat import find, wait
from stepguard.session.model import Session
from stepguard.trace import Trace, read_history
from stepguard.trace.exports.case import draft, masked_values, texts_of
from stepguard.trace.exports.placeholders import Replacements


def add_parser(commands: Commands) -> None:
    """Add `stepguard record`."""
    parser = add_command(commands, "record", in_session(run))
    parser.add_argument("execution", help="an execution's ARN or name")
    parser.add_argument(
        "--out", type=Path, default=Path("tests/recorded"), metavar="DIR", help="default tests/recorded"
    )
    parser.add_argument("--name", help="the test's name; default from what happened")
    parser.add_argument("--keep-personal-data", action="store_true", help="write the texts unmasked")
    add_timeout(parser)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Write the test. Returns the exit code. Raises InvalidRequest if the execution cannot be recorded."""
    executions = session.executions
    arn = find(executions, arguments.execution)
    execution = executions.describe(arn)
    if not execution.finished:
        raise InvalidRequest("The execution is still running; record it when it has ended.")
    trace = read_history(executions.history(arn))
    replace = Replacements() if arguments.keep_personal_data else _replacements(trace)
    case = draft(execution.input, trace, replace, arguments.name)
    again = None
    if case.asked_again:
        started = executions.start(f"record-{uuid4().hex}", case.request)
        wait(executions, started, arguments.timeout)
        again = read_history(executions.history(started))
    files = case.files(os.environ, again)
    _write(arguments.out, files)
    for file in files:
        print(arguments.out / file)
    print(f"{len(replace)} values of personal data replaced. Try it: .venv/bin/python -m pytest {arguments.out}")
    return 0


def _replacements(trace: Trace) -> Replacements:
    """What the guardrails masked, and what the offline detectors find in the texts of the history."""
    from embedded_aws.bedrock.detectors import pii

    replace = masked_values(trace)
    for text in texts_of(trace):
        for span in pii.find(text, PII_TYPES):
            replace.add(text[span.start : span.end], span.label)
    return replace


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{folder}: {error.strerror or 'cannot be written'}.") from None
