"""`stepguard demo`: questions through the workflow with each path and verdict, a corpus, a hospital's documents.

The hospital's part runs in a process and a state folder of its own: the user's knowledge base and curated answers stay
as they are.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from typing import Any

from stepguard.cli import render
from stepguard.cli.commands import Commands, add_command, add_timeout, check_one_chat, in_session, print_notes
from stepguard.cli.demo.questions import print_question, read_questions, unexpected
from stepguard.cli.evaluate.command import demonstrate
from stepguard.cli.evaluate.output import REPORT
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import STAGES
from stepguard.project.folder import find_project
from stepguard.report.summary import lines_of
from stepguard.session.chat import ask
from stepguard.session.model import Session, home_of

CORPUS = "corpora/healthcare.jsonl"


PARTS = ("questions", "hospital")
_ELSEWHERE = "The hospital's part would write documents to your account, so it runs on the embedded AWS only."


def add_parser(commands: Commands) -> None:
    """Add `stepguard demo`."""
    parser = add_command(commands, "demo", run)
    parser.add_argument("--only", choices=PARTS, help="questions and corpus, or the hospital's documents")
    add_timeout(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the parts. Returns 0 when every answer is as expected, 1 otherwise."""
    on_aws = bool(arguments.aws or arguments.endpoint_url)
    if arguments.only == "hospital":
        if on_aws:
            raise InvalidRequest(_ELSEWHERE)
        check_one_chat(arguments)
        from stepguard.cli.demo.hospital import show

        return show(arguments, read_questions()["hospital"])
    report: dict[str, Any] = {}

    def ask_them(arguments: argparse.Namespace, session: Session) -> int:
        return _questions(arguments, session, report)

    code = in_session(ask_them, recover=True)(arguments)
    if on_aws and not arguments.json:
        print(_ELSEWHERE)
    elif not on_aws and arguments.only is None:
        code = max(code, _hospital(arguments, report))
    if arguments.json:
        print(render.as_json(report))
    return code


def _hospital(arguments: argparse.Namespace, report: dict[str, Any]) -> int:
    """The part with documents, in another process: AWS clients and settings of this one belong to its session."""
    sys.stdout.flush()
    command = [sys.executable, "-m", "stepguard", "demo", "--only", "hospital", "--home", str(home_of(arguments.home)),
               "--timeout", str(arguments.timeout)]  # fmt: skip
    if not arguments.json:
        return subprocess.run(command, check=False).returncode  # noqa: S603 - this command itself
    ran = subprocess.run([*command, "--json"], check=False, stdout=subprocess.PIPE, encoding="utf-8")  # noqa: S603
    if ran.stdout.strip():
        report["hospital"] = json.loads(ran.stdout)
    return ran.returncode


def _questions(arguments: argparse.Namespace, session: Session, report: dict[str, Any]) -> int:
    """Ask the demo's questions and print a table. Returns 0 when every answer is as expected, 1 otherwise."""
    print_notes(session)
    rows, surprises = [], 0
    for number, question in enumerate(read_questions()["questions"], 1):
        result = ask(session.executions, question["text"], timeout=arguments.timeout, caller="demo")
        wrong = unexpected(question, result)
        surprises += bool(wrong)
        rows.append({"name": question["name"], "question": question["text"], **result.to_dict(), "unexpected": wrong})
        if not arguments.json:
            print_question(number, question, result, wrong)
    if arguments.json:
        done = demonstrate(session, find_project().path(CORPUS), arguments.home, quiet=True)
        evaluation = {"out": str(done.folder), "scorecard": done.scorecard}
        report |= {"demo": rows, "as_expected": len(rows) - surprises, "evaluation": evaluation}
    else:
        _table(rows)
        print(f"{len(rows) - surprises} of {len(rows)} answers are as expected.\n")
        _evaluate(session, arguments.home)
        command = "stepguard" if shutil.which("stepguard") else sys.argv[0]
        print(f"Explain an answer:  {command} history EXECUTION")
        print(f'Ask a question:     {command} chat "What is a healthy blood pressure?"\n')
    return 1 if surprises else 0


def _evaluate(session: Session, home: str | None) -> None:
    """The second use: run a corpus of documents through the same states and score the results."""
    print(f"Now the documents of {CORPUS}, through the same states:", flush=True)
    done = demonstrate(session, find_project().path(CORPUS), home, quiet=False)
    for line in lines_of(done.scorecard):
        print(f"  {render.plain(line)}")
    print(f"Read the report:    {done.folder / REPORT}")


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
