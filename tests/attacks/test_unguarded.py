"""No configuration and no request switches every guard layer off by omission."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.invoke_model import invoke_model
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.guard.errors import StepguardError
from stepguard.guard.settings import VARIABLES, read_settings
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import golden
from tests.workflow.engines import Run, embedded

QUESTION = {"kind": "prompt", "text": "Tell me how to make illegal drugs.", "caller": "test"}
EMPTY = dict.fromkeys((name for names in VARIABLES.values() for name in names), "")
NAMES = [name for names in VARIABLES.values() for name in names]

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "nothing is set": {},
    "every pair is empty, as with Guardrails=given": EMPTY,
    "every pair is blank": dict.fromkeys(NAMES, " \t"),
    "a template wrote None": dict.fromkeys(NAMES, "None"),
    "a template wrote null": dict.fromkeys(NAMES, "null"),
    "identifiers without versions": {name: "abc123" for name in NAMES if name.endswith("IDENTIFIER")},
    "versions without identifiers": {name: "1" for name in NAMES if name.endswith("VERSION")},
    "an unknown layer": {"PRE_GUARDRAIL_IDENTIFIER": "abc123", "PRE_GUARDRAIL_VERSION": "1"},
    "a misspelt name beside a layer": {
        "PREPROCESS_GUARDRAIL_IDENTIFIER": "abc123",
        "PREPROCESS_GUARDRAIL_VERSION": "1",
        "POSTPROCESS_GUARDRAIL_IDENTIFER": "abc123",
    },
    "almost unguarded": {"UNGUARDED": "true"},
    "guarded and not": {"UNGUARDED": "yes", NAMES[0]: "abc123", NAMES[1]: "1"},
}
GUARDED = {NAMES[0]: "abc123", NAMES[1]: "1"}
REQUESTS: dict[str, dict[str, Any]] = {
    "empty": {},
    "no version": {"model": {"id": "abc123"}},
    "blank": {"model": {"id": " ", "version": " "}},
    "None": {"model": {"id": "None", "version": "None"}},
    "an unknown layer": {"input": {"id": "abc123", "version": "1"}},
    "no object": {"model": []},
}


@pytest.fixture(name="engine", scope="module")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with embedded(tmp_path_factory.mktemp("states")) as run:
        yield run


def ask(engine: Run, request: Mapping[str, Any], environment: Mapping[str, str]) -> Mapping[str, Any]:
    """The execution of a request by stages with this environment; the model would answer anything."""
    runtime = FakeClient("bedrock-runtime", converse=[golden("converse/answered")])
    guardrails = Guardrails(runtime.client)

    def stage(function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            settings = read_settings(environment)
            match function.rpartition(":")[2]:
                case "guard_input":
                    return guard_input(event, settings, guardrails)
                case "invoke_model":
                    return invoke_model(event, settings, Models(runtime.client), guardrails)
                case _:
                    return guard_answer(event, settings, guardrails)
        except StepguardError as error:
            return {"errorType": type(error).__name__, "errorMessage": str(error)}

    ended = engine({"request": request}, stage)
    assert runtime.requests == [] or ended["status"] == "SUCCEEDED"
    return ended


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_without_a_layer_answers_nothing(engine: Run, name: str) -> None:
    """Fail closed: the execution is unavailable, and the model is not called."""
    ended = ask(engine, QUESTION, ENVIRONMENTS[name])

    assert (ended["status"], ended["error"]) == ("FAILED", "AnswerUnavailable")
    assert ended["cause"] in ("UnguardedRefused", "ConfigurationError")


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_cannot_switch_the_layers_off(engine: Run, name: str) -> None:
    """A trusted starter's guardrails replace the deployed ones, and so must name one."""
    ended = ask(engine, QUESTION | {"guardrails": REQUESTS[name]}, GUARDED)

    assert (ended["status"], ended["cause"]) == ("FAILED", "InvalidRequest")


def test_unguarded_is_explicit_and_seen(engine: Run) -> None:
    """With UNGUARDED=yes the model answers, and each layer says that it was skipped."""
    ended = ask(engine, QUESTION, {"UNGUARDED": "yes"})
    output = json.loads(ended["output"])

    assert ended["status"] == "SUCCEEDED"
    assert [output[key]["outcome"] for key in ("input_guard", "model", "answer_guard")] == ["skipped"] * 3
