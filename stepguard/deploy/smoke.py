"""The demo's questions through the deployed API, signed; and the traces from the execution histories.

Each answer must have the outcome, the source and the findings that stepguard/project/demo.json expects; `stepguard
demo` uses the same file, so a deployment must answer as the laptop does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from stepguard.aws.executions import Executions
from stepguard.deploy.api import Api, ApiError, Reply
from stepguard.trace import read_history, to_document

QUESTIONS = Path(__file__).resolve().parents[1] / "project" / "demo.json"
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with the API's answer, and the trace of the execution's history."""

    name: str
    execution: str
    answer: Mapping[str, Any]
    story: Mapping[str, Any]


def ask(api: Api, question: Mapping[str, Any], repeats: int = 0) -> Reply:
    """POST /chat, and GET /chat/{execution} while the answer is 202. Raises ApiError.

    `repeats` is how often a POST that a gateway answers with 502 or 504 is sent again, under the same client_token.
    """
    token = {"client_token": uuid4().hex} if repeats else {}  # with one, even a stage with Express starts a STANDARD
    body = {"question": question["text"], "wait_seconds": 20, **token}
    reply = api.post(body)
    while reply.status in (502, 504) and repeats:
        repeats -= 1
        time.sleep(1.0)
        reply = api.post(body)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while reply.status == 202 and time.monotonic() < deadline:
        time.sleep(1.0)
        reply = api.get(f"/chat/{reply.body['execution'].rpartition(':')[2]}")
    if reply.status not in (200, 503):
        raise ApiError(f"{question['name']}: HTTP {reply.status}: {json.dumps(reply.body)[:300]}")
    return reply


def await_end(executions: Executions, execution: str) -> None:
    """Wait until an execution has ended: its answer is in the table before its last states are in the history.

    Raises ApiError when it does not end, StepguardError.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not executions.describe(execution).finished:
        if time.monotonic() > deadline:
            raise ApiError(f"{execution} has not ended {PATIENCE_SECONDS:g} s after its answer.")
        time.sleep(0.1)


def unexpected(question: Mapping[str, Any], item: Answered) -> list[str]:
    """The differences from stepguard/project/demo.json, in words; and those between the API and the history."""
    answer, story = item.answer, item.story
    found = {finding["name"] for stage in story["stages"] for finding in stage["findings"]}
    wrong = []
    if answer["outcome"] not in question["outcomes"]:
        wrong.append(f"outcome {answer['outcome']}, not {' or '.join(question['outcomes'])}")
    if question["source"] and answer["source"] != question["source"]:
        wrong.append(f"source {answer['source']}, not {question['source']}")
    if question["findings"] and not found & set(question["findings"]):
        wrong.append(f"no finding of {', '.join(question['findings'])}")
    wrong += ["a raw value was delivered" for value in question.get("never", ()) if value in answer["text"]]
    if story["answer"] is None or any(story["answer"][key] != answer[key] for key in ("text", "outcome", "source")):
        wrong.append("the answer in the history differs from the API's")
    return wrong


def run(api: Api, executions: Executions) -> tuple[list[Answered], list[str]]:
    """Send every question. Returns the answers and all differences. Raises ApiError, StepguardError."""
    health = api.get("/health")
    if health.status != 200:
        raise ApiError(f"GET /health is {health.status}: {json.dumps(health.body)[:300]}")
    answers, wrong = [], []
    for question in json.loads(QUESTIONS.read_text(encoding="utf-8"))["questions"]:
        reply = ask(api, question)
        execution = str(reply.body["execution"])
        await_end(executions, execution)
        story = to_document(read_history(executions.history(execution)), execution)
        item = Answered(question["name"], execution, reply.body["answer"], story)
        answers.append(item)
        wrong += [f"{item.name}: {text}" for text in unexpected(question, item)]
    return answers, wrong
