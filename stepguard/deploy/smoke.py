"""`make smoke`: the demo's questions through the deployed API, signed, and their stories read back from the history.

    python -m stepguard.deploy.smoke STAGE [--endpoint-url URL]

Each answer must have the outcome, the source and the findings that stepguard/project/demo.json expects; the same file
judges `make demo`, so a deployment answers as the laptop does.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stepguard.deploy.api import Api, ApiError, Reply
from stepguard.deploy.aws import AwsCli, AwsError
from stepguard.deploy.stack import Stack, StackError
from stepguard.deploy.stage import stack_name

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = Path(__file__).resolve().parents[1] / "project" / "demo.json"
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Told:
    """One question's answer as the API gave it, and as the history tells it."""

    name: str
    execution: str
    answer: Mapping[str, Any]
    story: Mapping[str, Any]


def ask(api: Api, question: Mapping[str, Any]) -> Reply:
    """POST /chat, and GET /chat/{execution} while the answer is 202. Raises ApiError."""
    reply = api.post({"question": question["text"], "wait_seconds": 20})
    deadline = time.monotonic() + PATIENCE_SECONDS
    while reply.status == 202 and time.monotonic() < deadline:
        time.sleep(1.0)
        reply = api.get(f"/chat/{reply.body['execution'].rpartition(':')[2]}")
    if reply.status not in (200, 503):
        raise ApiError(f"{question['name']}: HTTP {reply.status}: {json.dumps(reply.body)[:300]}")
    return reply


def history(execution: str, machine: str, endpoint: str | None) -> dict[str, Any]:
    """What `stepguard history --json` prints. Raises ApiError."""
    place = ["--endpoint-url", endpoint] if endpoint else ["--aws"]
    command = [
        sys.executable,
        "-m",
        "stepguard",
        "history",
        execution,
        "--json",
        "--state-machine",
        machine,
        *place,
    ]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if result.returncode:
        raise ApiError(f"stepguard history {execution}: {result.stderr.strip()}")
    story: dict[str, Any] = json.loads(result.stdout)
    return story


def unexpected(question: Mapping[str, Any], told: Told) -> list[str]:
    """What is not as stepguard/project/demo.json expects, in words; and where the API and the history disagree."""
    answer, story = told.answer, told.story
    found = {item["name"] for stage in story["stages"] for item in stage["findings"]}
    wrong = []
    if answer["outcome"] not in question["outcomes"]:
        wrong.append(f"outcome {answer['outcome']}, not {' or '.join(question['outcomes'])}")
    if question["source"] and answer["source"] != question["source"]:
        wrong.append(f"source {answer['source']}, not {question['source']}")
    if question["findings"] and not found & set(question["findings"]):
        wrong.append(f"no finding of {', '.join(question['findings'])}")
    wrong += ["a raw value was delivered" for value in question.get("never", ()) if value in answer["text"]]
    if story["answer"] is None or any(story["answer"][key] != answer[key] for key in ("text", "outcome", "source")):
        wrong.append("the history tells another answer than the API")
    return wrong


def run(api: Api, machine: str, endpoint: str | None) -> tuple[list[Told], list[str]]:
    """Ask every question; gives what was told and everything that is wrong. Raises ApiError."""
    health = api.get("/health")
    if health.status != 200:
        raise ApiError(f"GET /health is {health.status}: {json.dumps(health.body)[:300]}")
    told, wrong = [], []
    for question in json.loads(QUESTIONS.read_text(encoding="utf-8"))["questions"]:
        reply = ask(api, question)
        execution = str(reply.body["execution"])
        item = Told(question["name"], execution, reply.body["answer"], history(execution, machine, endpoint))
        told.append(item)
        wrong += [f"{item.name}: {text}" for text in unexpected(question, item)]
    return told, wrong


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 when every answer is as expected, 1 otherwise, 2 for bad usage."""
    parser = argparse.ArgumentParser(prog="python -m stepguard.deploy.smoke", description="Ask the demo's questions.")
    parser.add_argument("stage")
    parser.add_argument("--endpoint-url", metavar="URL", help="an emulator of AWS")
    chosen = parser.parse_args(arguments)
    try:
        outputs = Stack(stack_name(chosen.stage), AwsCli(chosen.endpoint_url)).outputs()
        machine = outputs["ChatStateMachineArn"]
        told, wrong = run(Api.of_stack(outputs, chosen.endpoint_url), machine, chosen.endpoint_url)
    except (StackError, AwsError, ApiError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for item in told:
        path = " ".join(item.story["path"])
        sys.stdout.write(f"{item.answer['outcome']:<10} {item.name:<26} {path}\n")
    for line in wrong:
        sys.stdout.write(f"NOT AS EXPECTED: {line}\n")
    sys.stdout.write(f"{len(told)} questions, {len(wrong)} surprises.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
