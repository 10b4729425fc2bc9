"""`stepguard answers publish|list|diff|test|use`: curated answers, which need no model."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stepguard.admin.answers.publishing import build, publish
from stepguard.aws.bank.versions import ANSWER_BANK, AnswerBank, bank_at
from stepguard.cli import render
from stepguard.cli.answers import trial
from stepguard.cli.commands import COMMANDS, Commands, add_action, in_session
from stepguard.formats.qnabot import Imported, read_import
from stepguard.guard.bank.model import Bank, Item
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.project.files import read_text
from stepguard.session.answer_bank import ADDRESS
from stepguard.session.model import Session

_Run = Callable[[argparse.Namespace, Session], int]
_FILE = 'curated answers: {"qna": [{"qid": "…", "q": ["…"], "a": "…"}]}, or one such item in each line'


def add_parser(commands: Commands) -> None:
    """Add `stepguard answers` and its actions."""
    group = commands.add_parser("answers", help=COMMANDS["answers"][1])
    actions = group.add_subparsers(required=True, metavar="ACTION")
    parser = _add(actions, "publish", "check a file of curated answers and put it into use", publish_file)
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser = _add(actions, "list", "list the versions and the answers in use, or those of a file", list_answers)
    parser.add_argument("file", type=Path, metavar="FILE", nargs="?", help="list this file's answers instead")
    parser = _add(actions, "diff", "compare a file with the answers in use", diff)
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser = _add(actions, "test", "try a file before it is published: which question finds which answer", test)
    parser.add_argument("file", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument(
        "--questions", type=Path, metavar="CASES",
        help='questions to ask, one JSON object a line: {"question": "…", "qid": "…"}, or "qid": null for none',
    )  # fmt: skip
    parser = _add(actions, "use", "put a version into use that was published before", use)
    parser.add_argument("version", metavar="VERSION", help="a name as `list` prints it")


def _add(actions: Commands, name: str, text: str, run: _Run) -> argparse.ArgumentParser:
    parser = add_action(actions, name, text, in_session(run))
    parser.add_argument("--bank", metavar="S3_ADDRESS", help=f"with --aws: s3://BUCKET/FOLDER/; default {ANSWER_BANK}")
    return parser


def publish_file(arguments: argparse.Namespace, session: Session) -> int:
    """Check, embed and publish a file."""
    imported, place = _read(arguments.file), _place(arguments)
    bank = build(imported, _say)
    version, new = publish(bank, place)
    session.knowledge_changed()
    if arguments.json:
        print(render.as_json(_described(bank, version) | {"new": new} | _reported(imported)))
        return 0
    _print_reported(imported)
    print(f"{'published' if new else 'unchanged'}: version {version}, {_counted(bank)}")
    print(f"  {_limits(bank)}")
    return 0


def list_answers(arguments: argparse.Namespace, session: Session) -> int:
    """Print the published versions, and the answers in use or of a file."""
    if arguments.file:
        imported = _read(arguments.file)
        if arguments.json:
            print(render.as_json({"items": _rows(imported.items, imported.dont_know)} | _reported(imported)))
            return 0
        _print_items(imported.items, imported.dont_know)
        _print_reported(imported)
        return 0
    place = _place(arguments)
    current, versions = place.current(), list(place.versions())
    bank = place.version(current) if current else None
    if arguments.json:
        items = _rows(bank.items, bank.dont_know) if bank else []
        print(render.as_json((_described(bank, current) if bank else {"version": None}) | {
            "versions": versions, "items": items,
        }))  # fmt: skip
        return 0
    if not bank:
        print("No curated answers are in use: stepguard answers publish FILE")
    else:
        print(f"version {current}: {_counted(bank)}\n  {_limits(bank)}")
        _print_items(bank.items, bank.dont_know)
    for version in versions:
        if version != current:
            print(f"published before: {version}")
    return 0


def diff(arguments: argparse.Namespace, session: Session) -> int:
    """Print what publishing a file would change. Returns 1 if anything would, as diff(1) does."""
    imported, place = _read(arguments.file), _place(arguments)
    current = place.current()
    bank = place.version(current) if current else None
    before = {item.qid: item for item in (*bank.items, *bank.dont_know)} if bank else {}
    after = {item.qid: item for item in (*imported.items, *imported.dont_know)}
    added = [qid for qid in after if qid not in before]
    removed = [qid for qid in before if qid not in after]
    both = [qid for qid in after if qid in before and before[qid] != after[qid]]
    changed = {qid: _changes(before[qid], after[qid]) for qid in both}
    differs = bool(added or removed or changed)
    if arguments.json:
        changes = {"version": current, "added": added, "removed": removed, "changed": changed}
        print(render.as_json(changes | _reported(imported)))
        return 1 if differs else 0
    for sign, qids in (("+", added), ("-", removed)):
        for qid in qids:
            print(render.plain(f"{sign} {qid}"))
    for qid, fields in changed.items():
        print(render.plain(f"~ {qid}: {', '.join(fields)}"))
    if not differs:
        print(f"The answers in use are those of {arguments.file}.")
    _print_reported(imported)
    return 1 if differs else 0


def test(arguments: argparse.Namespace, session: Session) -> int:
    """Ask a file's bank questions before it is published. Returns 1 if any gets a wrong answer."""
    imported = _read(arguments.file)
    cases = trial.read_cases(arguments.questions, imported) if arguments.questions else None
    bank = build(imported, _say)
    tried = trial.ask(bank, cases) if cases is not None else trial.leave_one_out(bank)
    if arguments.json:
        print(render.as_json(tried.to_dict() | _limits_of(bank) | _reported(imported)))
    else:
        _print_reported(imported)
        print(f"{_counted(bank)}; {_limits(bank)}")
        for line in tried.lines():
            print(render.plain(line))
    return 1 if tried.wrong else 0


def use(arguments: argparse.Namespace, session: Session) -> int:
    """Put an older version into use."""
    place = _place(arguments)
    if arguments.version not in place.versions():
        raise InvalidRequest(f"There is no version {arguments.version}: see stepguard answers list.")
    bank = place.version(arguments.version)
    place.use(arguments.version)
    session.knowledge_changed()
    print(render.as_json(_described(bank, bank.version)) if arguments.json else f"in use: version {bank.version}")
    return 0


def _read(file: Path) -> Imported:
    return read_import(read_text(file), str(file))


def _place(arguments: argparse.Namespace) -> AnswerBank:
    if not (arguments.aws or arguments.endpoint_url):
        if arguments.bank:
            raise InvalidRequest("--bank needs --aws: the embedded AWS has one bank.")
        return bank_at(ADDRESS)
    address = arguments.bank or os.environ.get(ANSWER_BANK, "").strip()
    if not address:
        raise ConfigurationError(
            f"Name the bank: --bank s3://BUCKET/FOLDER/, or set {ANSWER_BANK}; `stepguard outputs` prints a stack's."
        )
    return bank_at(address)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _changes(before: Item, after: Item) -> list[str]:
    old, new = asdict(before), asdict(after)
    return [name for name in old if old[name] != new[name]]


def _described(bank: Bank, version: str | None) -> dict[str, Any]:
    return {
        "version": version,
        "answers": len(bank.items),
        "dont_know": len(bank.dont_know),
        "questions": bank.vectors.count,
    } | _limits_of(bank)


def _limits_of(bank: Bank) -> dict[str, Any]:
    return {"embedder": bank.embedder, "dimensions": bank.dimensions, **bank.limits.to_dict()}


def _counted(bank: Bank) -> str:
    more = f", {len(bank.dont_know)} don't-know answers" if bank.dont_know else ""
    return f"{len(bank.items)} answers to {bank.vectors.count} questions{more}"


def _limits(bank: Bank) -> str:
    limits = bank.limits
    return (
        f"{bank.embedder}, {bank.dimensions} dimensions: a question matches from {limits.threshold} on, by a lead of "
        f"{limits.margin}"
    )


def _rows(items: Iterable[Item], dont_know: Iterable[Item]) -> list[dict[str, Any]]:
    return [*(item.to_dict() for item in items), *(item.to_dict() | {"dont_know": True} for item in dont_know)]


def _print_items(items: Iterable[Item], dont_know: Iterable[Item]) -> None:
    for kind, some in (("", items), ("don't know", dont_know)):
        for item in some:
            about = ", ".join(filter(None, (kind, item.topic, item.language)))
            first = item.questions[0] if item.questions else item.answer
            print(render.plain(f"  {item.qid}{f' ({about})' if about else ''}: {first[:100]}"))


def _reported(imported: Imported) -> dict[str, Any]:
    return {
        "left_out": [{"qid": qid, "reason": reason} for qid, reason in imported.left_out],
        "fields_without_effect": dict(imported.unused),
    }


def _print_reported(imported: Imported) -> None:
    for qid, reason in imported.left_out:
        print(render.plain(f"left out: {qid} {reason}"))
    for field, count in imported.unused.items():
        print(render.plain(f"without effect here: {field} (in {count} items)"))
