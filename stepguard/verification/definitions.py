"""Steps that need no stack: AWS checks the definitions, and runs each state alone with a mocked result."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from stepguard.guard.stages import GUARD_INPUT
from stepguard.project.folder import Project
from stepguard.verification.place import Place, expect, text_of

MACHINES = ("chat", "evaluate", "after", "review")
LAMBDA = "arn:aws:states:::lambda:invoke"
_ERROR = {"error": "Lambda.Unknown", "cause": "Planted by stepguard verify-aws."}

# One value for each name that the guard stages and the model return; other names are null.
_ANSWER = {"text": "Insulin is a hormone.", "outcome": "answered", "source": "LLM", "got_hits": 1, "citations": []}
_SAMPLES: Mapping[str, Any] = {
    "outcome": "passed",
    "blocked": False,
    "needs_model": True,
    "needs_context": True,
    "has_turns": False,
    "language": "en",
    "has_answer": True,
    "text": "What is insulin?",
    "findings": [],
    "text_units": {},
    "scores": [],
    "tokens": {},
    "stop_reason": "end_turn",
    "answer": _ANSWER,
    "citations": [],
    "turn": {"NULL": True},
    "record": {"caller": "verify", "expires": "1796000000", "id": "verify", "turn": "-", "turns": 12},
    "verdict": {"M": {"state": {"S": GUARD_INPUT.state}, "outcome": {"S": "passed"}, "findings": {"S": "[]"}}},
}


def validate(place: Place) -> str:
    """ValidateStateMachineDefinition finds no error in any definition."""
    for name in MACHINES:
        found = place.aws("stepfunctions").validate_state_machine_definition(
            definition=definition(place.project, name), type="STANDARD", severity="WARNING"
        )
        expect(found["result"] == "OK", f"{name}.asl.json: {text_of(found['diagnostics'])}")
    return f"{len(MACHINES)} definitions, no finding."


def run_each_state(place: Place) -> str:
    """TestState runs every state of the chat, each task with a mocked result and with a mocked error."""
    text = definition(place.project, "chat")
    machine = json.loads(text)
    document, tested = sample_document(machine), 0
    for name, state in machine["States"].items():
        for how, wanted in _tests(state):
            found = place.aws("stepfunctions").test_state(
                definition=text, stateName=name, input=json.dumps(document), inspectionLevel="DEBUG", **how
            )
            tested += 1
            expect(found["status"] == wanted, f"{name}: {found['status']}, not {wanted}: {text_of(found)}")
            leaves = _next_states(state)
            expect(
                not leaves or wanted == "RETRIABLE" or found.get("nextState") in leaves,
                f"{name}: the next state is {found.get('nextState')}, not one of {', '.join(sorted(leaves))}.",
            )
    return f"{len(machine['States'])} states, {tested} tests."


def definition(project: Project, name: str) -> str:
    """A definition with ARNs of Lambdas that need not exist."""
    arns = {item.name: f"arn:aws:lambda:us-east-1:111111111111:function:{item.name}" for item in project.lambdas()}
    made: dict[str, Callable[[], str]] = {
        "chat": lambda: project.chat_definition(arns),
        "evaluate": lambda: project.evaluation_definition(arns),
        "after": lambda: project.after_definition(arns, "arn:aws:states:us-east-1:111111111111:stateMachine:review"),
        "review": project.review_definition,
    }
    return made[name]()


def sample_document(machine: Mapping[str, Any]) -> dict[str, Any]:
    """An execution document with the key of every task, as after a chat that passed every layer."""
    document: dict[str, Any] = {
        "request": {"kind": "prompt", "text": "What is insulin?", "caller": "verify"},
        "answer": _ANSWER,
        "error": {"Error": "Lambda.Unknown", "Cause": "Planted."},
    }
    for state in machine["States"].values():
        path = str(state.get("ResultPath") or "")
        if state["Type"] == "Task" and state.get("ResultSelector") and path.startswith("$."):
            names = [name.removesuffix(".$") for name in state["ResultSelector"]]
            document[path.removeprefix("$.")] = {name: _SAMPLES.get(name) for name in names}
    return document


def _tests(state: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Members of TestState for a state, with the status of each: a mocked result, an error, an error to be retried."""
    if state["Type"] != "Task":
        yield {}, "FAILED" if state["Type"] == "Fail" else "SUCCEEDED"
        return
    result: dict[str, Any] = {}
    if state["Resource"] == LAMBDA:
        payload = {path.rpartition(".")[2] for path in state.get("ResultSelector", {}).values() if ".Payload." in path}
        result = {"StatusCode": 200, "Payload": {name: _SAMPLES.get(name) for name in sorted(payload)}}
    yield {"mock": {"result": json.dumps(result), "fieldValidationMode": "PRESENT"}}, "SUCCEEDED"
    if state.get("Catch"):
        yield {"mock": {"errorOutput": _ERROR | {"error": "Verification.Planted"}}}, "CAUGHT_ERROR"
    if any(_ERROR["error"] in retrier["ErrorEquals"] for retrier in state.get("Retry", ())):
        yield {"mock": {"errorOutput": _ERROR}, "stateConfiguration": {"retrierRetryCount": 1}}, "RETRIABLE"


def _next_states(state: Mapping[str, Any]) -> set[str]:
    ways = [state, *state.get("Choices", ()), *state.get("Catch", ())]
    return {way["Next"] for way in ways if "Next" in way} | ({state["Default"]} if "Default" in state else set())
