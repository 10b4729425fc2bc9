"""What can happen to a question: scripted answers of Bedrock, and the path and answer that must come of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from functions.find_answer import find_answer
from functions.guard_answer import guard_answer
from functions.guard_input import guard_input
from functions.guard_passages import guard_passages
from functions.invoke_model import invoke_model
from functions.retrieve_passages import retrieve_passages
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.models import Models
from stepguard.guard.errors import StepguardError
from stepguard.guard.runtime.settings import SETTINGS_BYTES
from stepguard.guard.settings import EMPTYMESSAGE
from tests.fakes.aws import FakeClient, Reply, client_error
from tests.fakes.bedrock import (
    ALL_LAYERS,
    BLOCKED_MESSAGE,
    blocked,
    golden,
    masked,
    passed,
    with_layers,
)

DELIVERED = [
    "GuardInput",
    "InputIntervened?",
    "NeedsModel?",
    "InvokeModel",
    "ModelIntervened?",
    "GuardAnswer",
    "AnswerIntervened?",
    "RecordAnswer",
    "AnswerDelivered",
]
SCREENED = [*DELIVERED[:3], *DELIVERED[5:]]
PROMPT = {"kind": "prompt", "text": 'What is it? It\'s "quoted", {NAME} and $.path.', "caller": "test"}
DOCUMENT = {"kind": "document", "text": "A document.", "caller": "test"}
RESPONSE = {"kind": "response", "query": "What is it?", "completion": "It is this.", "caller": "test"}
THROTTLED = client_error("ThrottlingException", status=429)
NOT_READY = client_error("ModelNotReadyException", status=429)
DENIED = client_error("AccessDeniedException", status=403)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One execution: what Bedrock answers in order, and what must come of it.

    `written` replaces what a stage writes, for stages that are broken. `answer` is a part of the answer.
    """

    name: str
    path: Sequence[str]
    apply: Sequence[Reply] = ()
    converse: Sequence[Reply] = ()
    request: Mapping[str, Any] = field(default_factory=lambda: PROMPT)
    written: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    status: str = "SUCCEEDED"
    answer: Mapping[str, Any] = field(default_factory=dict)
    cause: str | None = None

    def stages(self) -> Stages:
        """The Lambdas of this scenario, with Bedrock's answers not yet used up."""
        return Stages(self)


class Stages:
    """The real handlers on a scripted Bedrock: `(function name or ARN, event) -> result`, or an exception."""

    def __init__(self, scenario: Scenario) -> None:
        runtime = FakeClient("bedrock-runtime", apply_guardrail=list(scenario.apply), converse=list(scenario.converse))
        self.runtime = runtime
        self._written = scenario.written
        settings = with_layers(*ALL_LAYERS)
        guardrails = Guardrails(runtime.client)
        models = Models(runtime.client, guardrails=guardrails)
        self._handlers: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "guard_input": lambda event: guard_input(event, settings, guardrails),
            "find_answer": find_answer,
            "retrieve_passages": retrieve_passages,
            "guard_passages": guard_passages,
            "invoke_model": lambda event: invoke_model(event, settings, models, guardrails),
            "guard_answer": lambda event: guard_answer(event, settings, guardrails),
        }

    def __call__(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Run one stage. What a handler raises on purpose becomes Lambda's error document, under "errorType"."""
        name = function.rpartition(":")[2]
        if name in self._written:
            return self._written[name]
        try:
            return self._handlers[name](event)
        except StepguardError as error:
            return {"errorType": type(error).__name__, "errorMessage": str(error)}


def _unavailable(*states: str, error: str) -> dict[str, Any]:
    return {"path": [*states, "RecordFailure", "AnswerUnavailable"], "status": "FAILED", "cause": error}


def said(name: str, text: str) -> dict[str, Any]:
    """A golden response of Converse with another text."""
    reply = golden(name)
    reply["output"]["message"]["content"][0]["text"] = text
    return reply


ANSWERED = golden("converse/answered")
SCREENED_ANSWER = {"outcome": "passed", "source": "DOCUMENT", "text": "A document.", "got_hits": 1}
REFUSAL = {"text": BLOCKED_MESSAGE, "outcome": "blocked", "got_hits": 0}
EMPTY = {"text": EMPTYMESSAGE, "got_hits": 0}
LARGEST_SETTINGS = {
    "version": "x" * 64,
    "values": {"LLM_QA_SYSTEM_PROMPT": "x" * (SETTINGS_BYTES - len('{"LLM_QA_SYSTEM_PROMPT": ""}'))},
    "problem": "",
}


def with_largest_settings(stages: Stages) -> Callable[[str, Mapping[str, Any]], Mapping[str, Any]]:
    """The same stages, with the most that settings at run time may take of an execution's document."""
    return lambda function, event: (
        dict(stages(function, event)) | ({"settings": LARGEST_SETTINGS} if "guard_input" in function else {})
    )


INPUT = {
    "outcome": "passed",
    "needs_model": True,
    "needs_context": True,
    "has_turns": False,
    "language": "en",
    "settings": None,
    "turn": {"NULL": True},
    "blocked": False,
    "text": "t",
    "findings": [],
    "text_units": {},
    "answer": None,
    "record": {"caller": "test", "expires": "1796000000", "id": "x", "turn": "-", "turns": 12},
}
MODEL = {
    "outcome": "passed",
    "has_answer": True,
    "text": "t",
    "findings": [],
    "text_units": {},
    "stop_reason": "",
    "citations": {"numbers": [], "removed": 0, "uncited": 0},
    "tokens": {},
    "turn": {"NULL": True},
    "answer": None,
}

SCENARIOS = [
    Scenario(
        "answered",
        DELIVERED,
        [passed(), passed()],
        [ANSWERED],
        answer={"outcome": "answered", "source": "LLM", "got_hits": 1},
    ),
    Scenario(
        "question masked",
        DELIVERED,
        [masked("I am {EMAIL}."), passed()],
        [ANSWERED],
        answer={"outcome": "masked", "source": "LLM"},
    ),
    Scenario(
        "answer masked",
        DELIVERED,
        [passed(), masked("Ask {EMAIL}.")],
        [ANSWERED],
        answer={"outcome": "masked", "text": "Ask {EMAIL}.", "got_hits": 1},
    ),
    Scenario(
        "question blocked",
        ["GuardInput", "InputIntervened?", "QuestionRefused", "RecordDontKnow", "AnswerDontKnow"],
        [blocked()],
        answer=REFUSAL | {"source": "PREPROCESS GUARDRAIL"},
    ),
    Scenario(
        "model layer blocked",
        [*DELIVERED[:5], "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"],
        [passed()],
        [golden("converse/blocked_output")],
        answer=EMPTY | {"outcome": "blocked", "source": "BEDROCK GUARDRAIL"},
    ),
    Scenario(
        "model layer blocked with a message of its own",
        [*DELIVERED[:5], "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"],
        [passed()],
        [said("converse/blocked_input", "Please call the clinic.")],
        answer=REFUSAL | {"text": "Please call the clinic.", "source": "BEDROCK GUARDRAIL"},
    ),
    Scenario(
        "model does not know",
        [*DELIVERED[:5], "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"],
        [passed()],
        [said("converse/answered", "Sorry, I don't know.")],
        answer=EMPTY | {"outcome": "dont_know", "source": "LLM"},
    ),
    Scenario(
        "given response blocked",
        [*DELIVERED[:5], "NoAnswerFound", "RecordDontKnow", "AnswerDontKnow"],
        [passed(), blocked()],
        request=RESPONSE,
        answer=REFUSAL | {"source": "BEDROCK GUARDRAIL"},
    ),
    Scenario(
        "document blocked",
        ["GuardInput", "InputIntervened?", "QuestionRefused", "RecordDontKnow", "AnswerDontKnow"],
        [blocked()],
        request=DOCUMENT,
        answer=REFUSAL | {"source": "PREPROCESS GUARDRAIL"},
    ),
    Scenario(
        "document masked",
        SCREENED,
        [masked("A {EMAIL} document."), passed()],
        request=DOCUMENT,
        answer={"outcome": "masked", "source": "DOCUMENT", "text": "A {EMAIL} document."},
    ),
    Scenario(
        "answer blocked",
        [*DELIVERED[:7], "AnswerRefused", "RecordDontKnow", "AnswerDontKnow"],
        [passed(), blocked()],
        [ANSWERED],
        answer=REFUSAL | {"source": "POSTPROCESS GUARDRAIL"},
    ),
    Scenario("document screened", SCREENED, [passed(), passed()], request=DOCUMENT, answer=SCREENED_ANSWER),
    Scenario(
        "response checked",
        DELIVERED,
        [passed()] * 3,
        request=RESPONSE,
        answer={"outcome": "passed", "source": "RESPONSE", "text": "It is this."},
    ),
    Scenario(
        "guard throttled, then free",
        DELIVERED,
        [THROTTLED, passed(), THROTTLED, passed()],
        [ANSWERED],
        answer={"outcome": "answered"},
    ),
    Scenario(
        "model cold, then ready",
        DELIVERED,
        [passed(), passed()],
        [NOT_READY, NOT_READY, ANSWERED],
        answer={"outcome": "answered"},
    ),
    Scenario("input guard denied", apply=[DENIED], **_unavailable("GuardInput", error="AccessDenied")),
    Scenario("model denied", apply=[passed()], converse=[DENIED], **_unavailable(*DELIVERED[:4], error="AccessDenied")),
    Scenario(
        "answer guard denied",
        apply=[passed(), DENIED],
        converse=[ANSWERED],
        **_unavailable(*DELIVERED[:6], error="AccessDenied"),
    ),
    Scenario("throttled for ever", apply=[THROTTLED] * 41, **_unavailable("GuardInput", error="Throttled")),
    Scenario(
        "model never ready",
        apply=[passed()],
        converse=[NOT_READY] * 11,
        **_unavailable(*DELIVERED[:4], error="ModelNotReady"),
    ),
    Scenario(
        "input guard writes no verdict",
        written={"guard_input": INPUT | {"blocked": None}},
        **_unavailable(*DELIVERED[:2], "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "input guard does not say what comes next",
        written={"guard_input": INPUT | {"needs_model": "yes"}},
        **_unavailable(*DELIVERED[:3], "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "model stage writes no verdict",
        apply=[passed()],
        written={"invoke_model": MODEL | {"has_answer": None}},
        **_unavailable(*DELIVERED[:5], "VerdictMissing", error="VerdictMissing"),
    ),
    Scenario(
        "answer guard writes no verdict",
        apply=[passed()],
        written={"invoke_model": MODEL, "guard_answer": INPUT | {"blocked": "false"}},
        **_unavailable(*DELIVERED[:7], "VerdictMissing", error="VerdictMissing"),
    ),
]
