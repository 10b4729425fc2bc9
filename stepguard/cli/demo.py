"""`stepguard demo`: run the demo's questions through the workflow, print each path and verdict; then run a corpus."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, add_timeout, in_session, print_notes
from stepguard.cli.evaluate.command import demonstrate
from stepguard.cli.evaluate.output import REPORT
from stepguard.guard.stages import STAGES
from stepguard.project.folder import find_project
from stepguard.report.summary import lines_of
from stepguard.session.chat import Result, ask
from stepguard.session.model import Session

QUESTIONS = Path(__file__).resolve().parents[1] / "project" / "demo.json"
CORPUS = "corpora/healthcare.jsonl"


def add_parser(commands: Commands) -> None:
    """Add `stepguard demo`."""
    add_timeout(add_command(commands, "demo", in_session(run, recover=True)))


def run(arguments: argparse.Namespace, session: Session) -> int:
    """Ask the demo's questions and print a table. Returns 0 when every answer is as expected, 1 otherwise."""
    questions = json.loads(QUESTIONS.read_text(encoding="utf-8"))["questions"]
    print_notes(session)
    rows, surprises = [], 0
    for number, question in enumerate(questions, 1):
        result = ask(session.executions, question["text"], timeout=arguments.timeout, caller="demo")
        wrong = unexpected(question, result)
        surprises += bool(wrong)
        rows.append({"name": question["name"], "question": question["text"], **result.to_dict(), "unexpected": wrong})
        if not arguments.json:
            _show(number, question, result, wrong)
    if arguments.json:
        done = demonstrate(session, find_project().path(CORPUS), arguments.home, quiet=True)
        evaluation = {"out": str(done.folder), "scorecard": done.scorecard}
        report = {"demo": rows, "as_expected": len(rows) - surprises, "evaluation": evaluation}
        print(render.as_json(report))
    else:
        _table(rows)
        print(f"{len(rows) - surprises} of {len(rows)} answers are as expected.\n")
        _evaluate(session, arguments.home)
        command = "stepguard" if shutil.which("stepguard") else sys.argv[0]
        print(f"Explain an answer:  {command} history EXECUTION")
        print(f'Ask a question:     {command} chat "What is a healthy blood pressure?"')
    return 1 if surprises else 0


def _evaluate(session: Session, home: str | None) -> None:
    """The second use: run a corpus of documents through the same states and score the results."""
    print(f"Now the documents of {CORPUS}, through the same states:", flush=True)
    done = demonstrate(session, find_project().path(CORPUS), home, quiet=False)
    for line in lines_of(done.scorecard):
        print(f"  {render.plain(line)}")
    print(f"Read the report:    {done.folder / REPORT}")


def unexpected(question: Mapping[str, Any], result: Result) -> list[str]:
    """The differences from what the demo's file expects, in words; empty without differences."""
    answer = result.answer
    found = {item["name"] for stage in result.trace.stages() for item in stage["findings"]}
    wrong = []
    if answer.outcome not in question["outcomes"]:
        wrong.append(f"outcome {answer.outcome}, not {' or '.join(question['outcomes'])}")
    if question["source"] and answer.source != question["source"]:
        wrong.append(f"source {answer.source}, not {question['source']}")
    if question["findings"] and not found & set(question["findings"]):
        wrong.append(f"no finding of {', '.join(question['findings'])}")
    wrong += ["a raw value was delivered" for value in question.get("never", []) if value in answer.text]
    return wrong


def _show(number: int, question: Mapping[str, Any], result: Result, wrong: list[str]) -> None:
    print(f"{number}. {question['name']}")
    for label, text in (("Q", question["text"]), ("A", render.plain(result.answer.text))):
        lines = textwrap.wrap(" ".join(text.split()), 110)[:6]
        print("\n".join(f"   {label if not index else ' '}  {line}" for index, line in enumerate(lines)))
    print(f"   {result.answer.outcome}" + (f", from {result.answer.source}" if result.answer.source else ""))
    for line in render.story(result.trace, result.names):
        print(f"   {line}")
    for line in wrong:
        print(f"     NOT AS EXPECTED: {line}")
    print(f"     {result.execution}\n", flush=True)


def _table(rows: list[dict[str, Any]]) -> None:
    """Outcome, milliseconds a stage, states passed and findings by policy of each question."""
    header = ("#", "question", "outcome", *(stage.label for stage in STAGES), "findings by policy")
    body = [header]
    for number, row in enumerate(rows, 1):
        spent = {stage["state"]: render.milliseconds(stage["milliseconds"]) for stage in row["stages"]}
        stages = [spent.get(stage.state, "-") for stage in STAGES]
        body.append((str(number), row["name"], row["answer"]["outcome"], *stages, _by_policy(row["stages"])))
    widths = [max(len(line[column]) for line in body) for column in range(len(header) - 1)]
    for line in body:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + "  " + line[-1])
    print()


def _by_policy(stages: list[dict[str, Any]]) -> str:
    found: dict[str, list[str]] = {}
    for stage in stages:
        for item in stage["findings"]:
            names = found.setdefault(item["policy"], [])
            if item["name"] not in names:
                names.append(item["name"])
    return render.plain("; ".join(f"{policy}: {', '.join(names)}" for policy, names in found.items()))
