"""The demo's questions: what each must show, and how an answer is printed."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepguard.cli import render
from stepguard.session.chat import Result

QUESTIONS = Path(__file__).resolve().parents[2] / "project" / "demo.json"


def read_questions() -> dict[str, Any]:
    """The demo's questions by part."""
    read: dict[str, Any] = json.loads(QUESTIONS.read_text(encoding="utf-8"))
    return read


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
    cited = [citation.uri.rpartition("/")[2] for citation in answer.citations]
    if "cites" in question and question["cites"] not in cited:
        wrong.append(f"{question['cites']} is not cited")
    if question.get("never_cites") in cited:
        wrong.append(f"{question['never_cites']} is cited")
    if question.get("never_in_path") in result.trace.path:
        wrong.append(f"{question['never_in_path']} ran")
    return wrong


def print_question(number: int, question: Mapping[str, Any], result: Result, wrong: list[str]) -> None:
    """Print a question with its answer, its sources, its path, and what is not as expected."""
    print(f"{number}. {question['name']}")
    texts = [("Q", question["text"]), ("A", render.plain(result.answer.text))]
    if "completion" in question:
        texts.insert(1, ("?", f"given answer: {question['completion']}"))
    for label, text in texts:
        lines = textwrap.wrap(" ".join(text.split()), 110)[:6]
        print("\n".join(f"   {label if not index else ' '}  {line}" for index, line in enumerate(lines)))
    print(f"   {result.answer.outcome}" + (f", from {result.answer.source}" if result.answer.source else ""))
    for citation in result.answer.citations:
        print(render.plain(f"   [{citation.n}] {citation.uri.rpartition('/')[2]}"))
    for line in render.story(result.trace, result.names):
        print(f"   {line}")
    for line in wrong:
        print(f"     NOT AS EXPECTED: {line}")
    print(f"     {result.execution}\n", flush=True)
