"""`stepguard chat`: ask one question, or start an interactive chat."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, add_timeout, in_session, print_notes
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Passage
from stepguard.guard.request import passages_of
from stepguard.session.chat import Interrupted, Result, ask
from stepguard.session.model import Session


def add_parser(commands: Commands) -> None:
    """Add `stepguard chat`."""
    parser = add_command(commands, "chat", in_session(run, recover=True))
    parser.add_argument("question", nargs="?", help="the question; - reads it from the standard input")
    parser.add_argument("--passages", type=Path, metavar="FILE", help="texts to answer from: JSON, JSONL or plain text")
    parser.add_argument(
        "--as-groups", metavar="A,B", default="", help="ask as a member of these groups, to try who gets what"
    )
    add_timeout(parser)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Ask the question of the command line, or every line of the standard input. Returns the exit code."""
    passages = read_passages(arguments.passages) if arguments.passages else ()
    print_notes(session)
    if arguments.question is not None:
        text = sys.stdin.read() if arguments.question == "-" else arguments.question
        result = ask(session.executions, text, passages, arguments.timeout, groups=_groups(arguments))
        return _show(result, as_json=arguments.json)
    return _converse(arguments, session, passages)


def _converse(arguments: argparse.Namespace, session: Session, passages: tuple[Passage, ...]) -> int:
    talking = sys.stdin.isatty()
    if talking:
        print("Ask a question. Ctrl-C ends an answer; an empty line, Ctrl-D or Ctrl-C ends the chat.", file=sys.stderr)
    worst = 0
    while True:
        try:
            line = input("> " if talking else "")
        except EOFError:
            return worst
        if not line.strip():
            if talking:
                return worst
            continue
        try:
            result = ask(session.executions, line, passages, arguments.timeout, groups=_groups(arguments))
        except InvalidRequest as error:
            print(f"stepguard: {error}", file=sys.stderr)
            worst = max(worst, 2)
            continue
        except Interrupted as interrupted:
            if not talking:
                raise
            if session.cloud is not None:
                session.cloud.bedrock.stop_generating()
            print(f"\nstepguard: {interrupted}", file=sys.stderr)
            continue
        worst = max(worst, _show(result, as_json=arguments.json))


def _groups(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name.strip() for name in arguments.as_groups.split(",") if name.strip())


def _show(result: Result, *, as_json: bool) -> int:
    if as_json:
        print(render.as_json(result.to_dict()))
    else:
        answer = result.answer
        print(render.plain(answer.text))
        print()
        print(f"  {answer.outcome}" + (f", from {answer.source}" if answer.source else ""))
        for line in render.sources(answer.citations):
            print(line)
        for line in render.story(result.trace, result.names):
            print(line)
        print(f"  {result.execution}")
    return 1 if result.answer.outcome is AnswerOutcome.UNAVAILABLE else 0


def read_passages(path: Path) -> tuple[Passage, ...]:
    """Passages of a file: a JSON list or JSON lines of strings or {"id", "text"}, else the whole text as one.

    Raises InvalidRequest naming the file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except UnicodeDecodeError:
        raise InvalidRequest(f"{path}: is not UTF-8 text.") from None
    try:
        if path.suffix == ".json":
            return passages_of(json.loads(text))
        if path.suffix == ".jsonl":
            return passages_of([json.loads(line) for line in text.splitlines() if line.strip()])
        return passages_of([{"id": path.name, "text": text}])
    except (ValueError, RecursionError):
        raise InvalidRequest(f"{path}: is not valid JSON.") from None
    except InvalidRequest as error:
        raise InvalidRequest(f"{path}: {error}") from None
