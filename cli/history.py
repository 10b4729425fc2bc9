"""`stepguard history EXECUTION`: the path of states with durations and verdicts."""

from __future__ import annotations

import argparse

from cli import render
from cli.chat import find
from cli.session import Session
from functions.core import answer as answers
from functions.core.trace import read_history


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Print the story of one execution. Returns the exit code."""
    arn = find(session.executions, arguments.execution)
    execution = session.executions.describe(arn)
    trace = read_history(session.executions.history(arn))
    output = execution.output or {}
    answer = answers.from_document(output, arn) if "answer" in output else None
    if arguments.json:
        record = {
            "execution": arn,
            "status": trace.status,
            "milliseconds": trace.milliseconds,
            "error": trace.error,
            "answer": None if answer is None else answer.to_document(),
            "path": trace.path,
            "stages": trace.stages(),
        }
        print(render.as_json(record))
        return 0
    print(arn)
    for line in render.story(trace):
        print(line)
    if answer is not None:
        print(f"  {answer.outcome}" + (f", from {answer.source}" if answer.source else ""))
        print()
        print(render.plain(answer.text))
    return 0
