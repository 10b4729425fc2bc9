"""`stepguard review list|show|decide|export`: people judge answers that a rule selected."""

from __future__ import annotations

import argparse
import getpass
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from stepguard.admin.permissions import caller_arn
from stepguard.admin.state_machine import answer_table
from stepguard.aws.executions import Execution
from stepguard.aws.rows import Rows
from stepguard.aws.runtime.review import ReviewQueue
from stepguard.aws.talk.feedback import FeedbackTable, asked_at
from stepguard.cli import render
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session, whole_number
from stepguard.cli.review.corpus import add_rows, read_rows, write_rows
from stepguard.guard.answer import from_document
from stepguard.guard.cursors import Position, read_cursor, write_cursor
from stepguard.guard.errors import InvalidRequest, UnknownExecution
from stepguard.guard.request import check_unicode
from stepguard.guard.review.item import NOTE_CHARACTERS, Label, ReviewItem, Standing
from stepguard.recording.traffic import Labels, recorded
from stepguard.session.model import Session
from stepguard.trace.listing import read_filters

SINCE = "30d"
_CONTRADICTED = {Label.BLOCK: ("blocked",), Label.MASK: ("masked",), Label.ANSWER: ("answered",)}
"""What happened already, by the label that says it should have."""


def add_parser(commands: Commands) -> None:
    """Add `stepguard review` and its actions."""
    group = commands.add_parser("review", help=COMMANDS["review"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = _add(actions, "list", "list the answers that wait for a verdict, the newest first", list_items)
    parser.add_argument(
        "--standing", choices=[*Standing, "all"], default=str(Standing.OPEN), help="default open"
    )  # fmt: skip
    _add_times(parser)
    parser.add_argument("--cursor", metavar="CURSOR", help="the next page, as the page before prints it")
    parser.add_argument("--limit", type=whole_number(10_000), default=20, metavar="N", help="list at most; default 20")
    parser = _add(actions, "show", "show a question, its answer, the verdicts, and why it was selected", show)
    parser.add_argument("execution", help="the execution's name, as `list` prints it")
    parser = _add(actions, "decide", "record your verdict on an answer", decide)
    parser.add_argument("execution", help="the execution's name, as `list` prints it")
    parser.add_argument(
        "--label", required=True, choices=[str(label) for label in Label],
        help="right, or what should have happened: answer, mask, block",
    )  # fmt: skip
    parser.add_argument("--note", default="", metavar="TEXT", help=f"why; at most {NOTE_CHARACTERS:,} characters")
    parser.add_argument(
        "--as", dest="person", metavar="NAME", help="who decides, on the embedded AWS; default your user name"
    )
    parser = _add(actions, "export", "write the decided questions to a corpus, each one once", export)
    parser.add_argument("file", type=Path, metavar="FILE", help="JSON lines; rows that are there stay")
    _add_times(parser)
    parser.add_argument("--unmasked", action="store_true", help="keep personal data; the file then holds it")


def _add_times(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="TIME", default=SINCE, help=f"asked 30m, 12h, 7d ago or later, or a time; default {SINCE}"
    )
    parser.add_argument("--until", metavar="TIME", help="the same: asked at or before")


def _add(
    actions: Commands, name: str, text: str, run: Callable[[argparse.Namespace, Session, Rows], int]
) -> argparse.ArgumentParser:
    def run_with_table(arguments: argparse.Namespace, session: Session) -> int:
        return run(arguments, session, Rows(table=answer_table(session.executions.machine_definition())))

    # Reviews wait in their executions: those of a process that has ended continue here.
    return add_action(actions, name, text, in_session(run_with_table, recover=True))


def list_items(arguments: argparse.Namespace, session: Session, rows: Rows) -> int:
    """One page of the items."""
    scope = (arguments.standing, arguments.since, arguments.until)
    after = read_cursor(arguments.cursor, scope)
    wanted = (
        item
        for item in _between(arguments, ReviewQueue(rows), None if after is None else after.started)
        if arguments.standing in ("all", item.standing)
        and (after is None or (item.asked, item.execution) < (after.started, after.arn))
    )
    page = list(islice(wanted, arguments.limit + 1))
    items = page[: arguments.limit]
    last = items[-1] if len(page) > len(items) else None
    cursor = None if last is None else write_cursor(Position(last.execution, last.asked, None), scope)
    if arguments.json:
        print(render.as_json({"items": [item.to_dict() for item in items], "cursor": cursor}))
        return 0
    for item in items:
        print(render.plain(f"{item.asked}  {item.standing:<7}  {item.outcome:<9}  {item.execution}"))
        print(render.plain(f"    {'; '.join(item.reasons)}{_ended(item)}"))
    if not items:
        print(f"no {'' if arguments.standing == 'all' else f'{arguments.standing} '}review since {arguments.since}")
    if cursor is not None:
        print(f"more: --cursor {cursor}")
    return 0


def show(arguments: argparse.Namespace, session: Session, rows: Rows) -> int:
    """One item with the texts of its execution's history."""
    queue = ReviewQueue(rows)
    execution = session.executions.describe(session.executions.arn_of(arguments.execution))
    item = _found(queue, execution)
    queue.look(item)
    feedback = FeedbackTable(rows).find(execution.name, asked_at(execution))
    answer = from_document(execution.output or {}, execution.arn)
    question = str((execution.input.get("request") or {}).get("text", ""))
    if arguments.json:
        shown = {
            **item.to_dict(),
            "question": question,
            "answer": answer.to_dict(),
            "feedback": None if feedback is None else feedback.to_dict(),
        }
        print(render.as_json(shown))
        return 0
    print(render.plain(f"{item.execution}  {item.standing}{_ended(item)}"))
    print(render.plain(f"selected: {'; '.join(item.reasons)}"))
    print(render.plain(f"question: {question}"))
    print(render.plain(f"answer:   {answer.text}"))
    print(f"outcome:  {answer.outcome}, {answer.source}")
    for verdict in answer.verdicts:
        print(render.plain(f"  {verdict['state']}: {verdict['outcome']}{_findings(verdict['findings'])}"))
    if feedback is not None:
        reason = f": {feedback.reason}" if feedback.reason else ""
        print(render.plain(f"feedback: {feedback.thumb}{reason}"))
    if item.note:
        print(render.plain(f"note:     {item.note}"))
    if item.standing is Standing.OPEN:
        print(f"decide: stepguard review decide {item.execution} --label {'|'.join(Label)} --note TEXT")
    print(f"why: stepguard history {item.execution}")
    return 0


def decide(arguments: argparse.Namespace, session: Session, rows: Rows) -> int:
    """A person's verdict."""
    note = arguments.note.strip()
    check_unicode(note, "--note")
    if len(note) > NOTE_CHARACTERS:
        raise InvalidRequest(f"--note has {len(note)} characters; at most {NOTE_CHARACTERS:,} are allowed.")
    label, by = Label(arguments.label), _person(arguments)
    queue = ReviewQueue(rows)
    execution = session.executions.describe(session.executions.arn_of(arguments.execution))
    item = _found(queue, execution)
    if item.standing is Standing.OPEN and item.outcome in _CONTRADICTED.get(label, ()):
        raise InvalidRequest(f"The answer was {item.outcome}, as --label {label} says it should be: --label right.")
    decided = queue.decide(execution.name, execution.started, label, by, note)
    if arguments.json:
        print(render.as_json(decided.to_dict()))
        return 0
    print(render.plain(f"{decided.execution}: {label} by {by}, expected {decided.expected}"))
    print("write a corpus of all decisions: stepguard review export FILE.jsonl")
    return 0


def export(arguments: argparse.Namespace, session: Session, rows: Rows) -> int:
    """A corpus of the decisions, for `stepguard evaluate`."""
    kept = read_rows(arguments.file)
    new: list[dict[str, Any]] = []
    left_out: list[str] = []
    for item in _between(arguments, ReviewQueue(rows)):
        if item.standing is not Standing.DECIDED:
            continue
        try:
            execution = session.executions.describe(session.executions.arn_of(item.execution))
            found = recorded(execution, len(new), masked=not arguments.unmasked, labels=_labels(item))
        except (InvalidRequest, UnknownExecution) as error:
            left_out.append(f"{item.execution}: {error}")
            continue
        new.append(found.row)
    written = add_rows(kept, new)
    if not written.rows:
        why = f": {'; '.join(left_out)}" if left_out else ""
        raise InvalidRequest(f"There is no decision since {arguments.since} to export{why}.")
    write_rows(arguments.file, written.rows)
    about = {
        "file": str(arguments.file),
        "rows": len(written.rows),
        "added": written.added,
        "changed": written.changed,
        "same_question": written.same,
        "left_out": left_out,
    }
    if arguments.json:
        print(render.as_json(about))
        return 0
    print(
        f"{arguments.file}: {len(written.rows):,} rows, {written.added:,} new, {written.changed:,} with a newer "
        f"verdict; {written.same:,} decisions on a question that has a newer one"
    )
    for reason in left_out:
        print(render.plain(f"  left out: {reason}"))
    if arguments.unmasked:
        print("texts are NOT masked: the file holds the personal data of callers")
    print(f"score it: stepguard evaluate {arguments.file}")
    return 0


def _between(arguments: argparse.Namespace, queue: ReviewQueue, until: str | None = None) -> Any:
    """The items of the questions between --since and --until; those of a later page begin at `until`."""
    now = datetime.now(UTC)
    chosen = read_filters({"since": arguments.since, "until": arguments.until}, now, "--{}")
    first, last = chosen.since or now, chosen.until or now
    newest = last.date() if until is None else min(last.date(), datetime.fromisoformat(until).date())
    for item in queue.between(first.date(), newest):
        if first <= datetime.fromisoformat(item.asked) <= last:
            yield item


def _found(queue: ReviewQueue, execution: Execution) -> ReviewItem:
    item = queue.find(execution.name, execution.started)
    if item is None:
        raise UnknownExecution(f"{execution.name} is not in the queue of reviews: stepguard review list.")
    return item


def _person(arguments: argparse.Namespace) -> str:
    """Who decides: the caller of the AWS credentials, or the user of this machine. Raises StepguardError."""
    if not (arguments.aws or arguments.endpoint_url):
        name = str(arguments.person or getpass.getuser()).strip()
        check_unicode(name, "--as")
        if not 0 < len(name) <= 200:
            raise InvalidRequest("--as must be a name of at most 200 characters.")
        return name
    if arguments.person:
        raise InvalidRequest("--as is for the embedded AWS: on AWS the caller of your credentials is recorded.")
    return caller_arn()


def _labels(item: ReviewItem) -> Labels:
    return lambda _: {"expected": item.expected, "category": f"{item.outcome}: {item.label}"}


def _ended(item: ReviewItem) -> str:
    if item.standing is Standing.DECIDED:
        return f"; {item.label} by {item.by} at {item.ended}"
    return f"; {item.why}" if item.standing is Standing.EXPIRED else ""


def _findings(findings: list[dict[str, Any]]) -> str:
    names = [f"{item['policy']}/{item['name']} {item['action']}" for item in findings]
    return f" ({', '.join(names)})" if names else ""
