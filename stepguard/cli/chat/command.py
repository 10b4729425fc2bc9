"""`stepguard chat`: ask one question, or start a conversation."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stepguard.cli import render
from stepguard.cli.chat.terminal import Provisional, editing, show_step
from stepguard.cli.commands import Commands, add_command, add_timeout, in_session, print_notes
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.prompts import Passage
from stepguard.guard.request import passages_of
from stepguard.session.chat import Interrupted, Result
from stepguard.session.model import Session, home_of
from stepguard.session.stream import Heard
from stepguard.session.talk import Talk, new_talk, open_talk

HISTORY = "chat_history"
"""The file of the state folder with the lines of earlier chats."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard chat`."""
    parser = add_command(commands, "chat", in_session(run, recover=True))
    parser.add_argument("question", nargs="?", help="the question; - reads it from the standard input")
    parser.add_argument("--passages", type=Path, metavar="FILE", help="texts to answer from: JSON, JSONL or plain text")
    parser.add_argument(
        "--conversation", metavar="ID", help="ask in this conversation, or in a `new` one; a chat is one by itself"
    )
    parser.add_argument(
        "--as-groups", metavar="A,B", default="", help="ask as a member of these groups, to try who gets what"
    )
    add_timeout(parser)


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Ask the question of the command line, or every line of the standard input. Returns the exit code."""
    passages = read_passages(arguments.passages) if arguments.passages else ()
    print_notes(session)
    aws = bool(arguments.aws or arguments.endpoint_url)
    talking = arguments.question is None and sys.stdin.isatty()
    note = ""
    if talking and not arguments.conversation:
        talk, note = new_talk(session, aws=aws, groups=_groups(arguments), passages=passages)
    else:
        talk = open_talk(session, arguments.conversation, aws=aws, groups=_groups(arguments), passages=passages)
    if arguments.question is not None:
        text = sys.stdin.read() if arguments.question == "-" else arguments.question
        return _show(talk.ask(text, arguments.timeout), talk, as_json=arguments.json)
    if not talking:
        return _converse(arguments, session, talk, "")
    if note:
        print(f"stepguard: {note}", file=sys.stderr)
    print("Ask a question. Ctrl-C ends an answer; an empty line, Ctrl-D or Ctrl-C ends the chat.", file=sys.stderr)
    try:
        with editing(None if aws else home_of(arguments.home) / HISTORY):
            return _converse(arguments, session, talk, "> ")
    finally:
        if talk.begun:
            print(f"\nContinue with: stepguard chat --conversation {talk.id}", file=sys.stderr)


def _converse(arguments: argparse.Namespace, session: Session, talk: Talk, prompt: str) -> int:
    worst = 0
    while True:
        try:
            line = input(prompt)
        except EOFError:
            return worst
        if not line.strip():
            if prompt:
                return worst
            continue
        try:
            heard = Heard(show_step, Provisional().show) if prompt and sys.stderr.isatty() else None
            result = talk.ask(line, arguments.timeout, heard)
        except InvalidRequest as error:
            print(f"stepguard: {error}", file=sys.stderr)
            worst = max(worst, 2)
            continue
        except Interrupted as interrupted:
            if not prompt:
                raise
            if session.cloud is not None:
                session.cloud.bedrock.stop_generating()
            print(f"\nstepguard: {interrupted}", file=sys.stderr)
            continue
        brief = bool(prompt) and result.answer.outcome is AnswerOutcome.ANSWERED
        worst = max(worst, _show(result, talk, as_json=arguments.json, brief=brief))


def _groups(arguments: argparse.Namespace) -> tuple[str, ...]:
    return tuple(name.strip() for name in arguments.as_groups.split(",") if name.strip())


def _show(result: Result, talk: Talk, *, as_json: bool, brief: bool = False) -> int:
    """Print the answer and what each state did; `brief` leaves out the states."""
    if as_json:
        print(render.as_json(result.to_dict() | ({"conversation": talk.id} if talk.begun else {})))
    else:
        answer = result.answer
        print(render.plain(answer.text))
        print()
        print(f"  {answer.outcome}" + (f", from {answer.source}" if answer.source else ""))
        for line in render.sources(answer.citations):
            print(line)
        for line in () if brief else render.story(result.trace, result.names):
            print(line)
        print(f"  stepguard history {result.execution.rpartition(':')[2]}" if brief else f"  {result.execution}")
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
