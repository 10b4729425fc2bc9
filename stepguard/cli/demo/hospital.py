"""The demo's part with knowledge: a hospital's documents, screened, and 30 curated answers, then questions about them.

Everything is real input through the real commands and states. What the embedded model cannot do is said beside each
question.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from stepguard.admin.answers.publishing import build, publish
from stepguard.admin.knowledge_base import named
from stepguard.admin.knowledge_documents import Library
from stepguard.aws.bank.versions import bank_at
from stepguard.cli import render
from stepguard.cli.demo.questions import print_question, unexpected
from stepguard.cli.knowledge.command import add_folder
from stepguard.formats.qnabot import read_import
from stepguard.guard.knowledge import Access, KnowledgeSettings, filter_of
from stepguard.guard.prompts import Passage
from stepguard.guard.request import Kind, Request
from stepguard.project.files import read_text
from stepguard.project.folder import find_project
from stepguard.session.answer_bank import ADDRESS
from stepguard.session.chat import Result, ask, wait
from stepguard.session.embedded import embedded
from stepguard.session.knowledge import NAME
from stepguard.session.model import Session, home_of

FOLDER = "hospital"
"""The part's state folder, in the user's one."""

PLANTED = "lost-property.md"
DOCUMENTS, ANSWERS = "corpora/hospital", "corpora/hospital-answers.json"


def show(arguments: argparse.Namespace, questions: Sequence[Mapping[str, Any]]) -> int:
    """Add the documents, publish the answers, ask the questions. Returns 0 when all is as expected, 1 otherwise."""
    home = home_of(arguments.home) / FOLDER
    with embedded(home, recover=True) as session:
        said = _Output(quiet=arguments.json)
        said.line(f"Now a hospital's documents and curated answers, in the state folder {home}.")
        documents = _add_documents(session, said)
        _publish(session, said)
        rows, surprises = [], 0 if documents["left_out"] == [PLANTED] else 1
        for number, question in enumerate(questions, 1):
            result = _ask(session, question, arguments.timeout)
            wrong = unexpected(question, result)
            surprises += bool(wrong)
            rows.append(
                {"name": question["name"], "question": question["text"], **result.to_dict(), "unexpected": wrong}
            )
            if not arguments.json:
                print_question(number, question, result, wrong)
                said.line(*textwrap.wrap(f"({question['about']})", 110), "")
        if arguments.json:
            print(render.as_json({"documents": documents, "questions": rows, "unexpected": surprises}))
        expected = len(rows) - sum(bool(row["unexpected"]) for row in rows)
        said.line(f"{expected} of {len(rows)} answers are as expected.", f'Try it: stepguard chat --home {home} "…"')
    return 1 if surprises else 0


class _Output:
    """Lines for people; none with --json."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet

    def line(self, *lines: str) -> None:
        for line in () if self.quiet else lines:
            print(render.plain(line), flush=True)


def _add_documents(session: Session, said: _Output) -> dict[str, Any]:
    """What `stepguard knowledge add corpora/hospital` does; the second time the documents are unchanged."""
    options: dict[str, Any] = dict.fromkeys(("endpoint_url", "knowledge_base", "concurrency", "home"))
    folder = find_project().path(DOCUMENTS)
    done = add_folder(argparse.Namespace(**options, aws=False, json=said.quiet, folder=folder), session)
    said.line(f"stepguard knowledge add {DOCUMENTS}", *(f"  {line}" for line in done.lines()))
    left_out = sorted(Library(named(NAME).source, session.evaluations.objects).flagged())
    harmless = [name for name in left_out if name != PLANTED]
    if PLANTED in left_out:
        said.line(f"  {PLANTED} has a planted instruction to the model: screening left it out.")
    else:
        said.line(f"  NOT AS EXPECTED: {PLANTED}, which has a planted instruction, was not left out.")
    if harmless:
        said.line(f"  {', '.join(harmless)}: harmless, a false alarm of the detectors; `knowledge release` adds them.")
    return done.to_dict() | {"left_out": left_out}


def _publish(session: Session, said: _Output) -> None:
    """What `stepguard answers publish corpora/hospital-answers.json` does."""
    file = find_project().path(ANSWERS)
    bank = build(read_import(read_text(file), str(file)), lambda line: print(line, file=sys.stderr))
    version, _ = publish(bank, bank_at(ADDRESS))
    session.knowledge_changed()
    said.line(f"stepguard answers publish {ANSWERS}", f"  version {version}, {len(bank.items)} answers", "")


def _ask(session: Session, question: Mapping[str, Any], timeout: float) -> Result:
    """The question through the workflow, or a given answer to it with the passages that the search finds."""
    if "completion" not in question:
        groups = tuple(question.get("groups", ()))
        return ask(session.executions, question["text"], timeout=timeout, caller="demo", groups=groups)
    condition = filter_of(KnowledgeSettings(access=Access.GROUPS), (), None)
    found = named(NAME).search(question["text"], None, condition)
    passages = tuple(Passage(str(number), one.text) for number, one in enumerate(found, 1))
    request = Request(text="", caller="demo", kind=Kind.RESPONSE, passages=passages, query=question["text"],
                      completion=question["completion"])  # fmt: skip
    arn = session.executions.start(f"demo-{uuid4().hex}", {"request": request.to_document()})
    return wait(session.executions, arn, timeout)
