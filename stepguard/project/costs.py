"""The cost of a chat and of an evaluated item on AWS, by the prices of prices.py.

What a team can know beforehand is counted: state transitions from the definition, text units from the guardrails'
policies, memory from the Lambdas' configuration, log lines from the code that writes them. What it cannot know is in
`Assumed`.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation import prices
from stepguard.evaluation.prices import PRICES, Policies, count_units, policies_of
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, INVOKE_MODEL, STAGES, Direction, Layer, Stage
from stepguard.guard.telemetry import route_line, stage_lines
from stepguard.guard.waiting import reads
from stepguard.project import state_paths as paths

ANSWERED, BLOCKED_BY_INPUT, BLOCKED_BY_MODEL, BLOCKED_BY_ANSWER, DONT_KNOW = (
    "answered or masked",
    "blocked by the input layer",
    "blocked by the model layer",
    "blocked by the answer layer",
    "don't know",
)
OUTCOMES: Mapping[str, tuple[str, ...]] = {
    ANSWERED: paths.ANSWERED,
    BLOCKED_BY_INPUT: paths.BLOCKED_BY_INPUT,
    BLOCKED_BY_MODEL: paths.NO_ANSWER,
    BLOCKED_BY_ANSWER: paths.BLOCKED_BY_ANSWER,
    DONT_KNOW: paths.NO_ANSWER,
}
"""How a chat ends, with the states through which it gets there."""

NEEDS = {
    BLOCKED_BY_INPUT: Layer.PREPROCESS,
    BLOCKED_BY_MODEL: Layer.MODEL,
    BLOCKED_BY_ANSWER: Layer.POSTPROCESS,
}
"""The layer that must be on for such an end."""

LAMBDAS = {GUARD_INPUT: "guard_input", INVOKE_MODEL: "invoke_model", GUARD_ANSWER: "guard_answer"}
"""The Lambda of each stage, as in .chalice/config.json."""
API_LAMBDA = "api_handler"
DEFAULT_MEGABYTES = 128
"""AWS's memory for a Lambda without a configuration."""

QUOTA_WRITES = 4
"""A question is counted in its minute and its day in one transaction, which costs twice the units of two writes."""

ANSWER_WRITES = 3
"""The row of an answer: one unit when the chat starts, two with the answer, which is larger than 1 KB."""

RECORDS = ("RecordAnswer", "RecordDontKnow")
"""The states that write the answer."""

PLATFORM_LOG = (
    "START RequestId: 00000000-0000-0000-0000-000000000000 Version: $LATEST\n",
    "END RequestId: 00000000-0000-0000-0000-000000000000\n",
    "REPORT RequestId: 00000000-0000-0000-0000-000000000000\tDuration: 300.00 ms\tBilled Duration: 300 ms\t"
    "Memory Size: 256 MB\tMax Memory Used: 90 MB\t\n",
)
"""What Lambda itself logs for each invocation."""
LOG_EVENT_BYTES = 26
"""CloudWatch adds these to each log event."""
EXPRESS_LOG_BYTES = 5000
"""For each state of an EXPRESS chat: its history is a log group, with the texts. Measured on the embedded AWS."""


@dataclass(frozen=True, slots=True)
class Assumed:
    """What depends on texts, model and traffic. Seconds are those for which AWS charges."""

    question_units: int = 1
    answer_units: int = 1
    passage_units: int = 0
    input_tokens: int = 300
    output_tokens: int = 300
    model: str = "us.deepseek.r1-v1:0"
    guard_seconds: float = 0.3
    model_seconds: float = 10.0
    between_seconds: float = 0.3


@dataclass(frozen=True, slots=True)
class Deployment:
    """What runs: the chat's definition, the guardrails of the layers that are on, and the Lambdas' memory in MB."""

    definition: Mapping[str, Any]
    guardrails: Mapping[Layer, Mapping[str, Any]]
    megabytes: Mapping[str, int] = field(default_factory=dict)
    express: bool = False

    def only(self, layers: Iterable[Layer]) -> Deployment:
        """The same with some of the layers."""
        kept = {layer: self.guardrails[layer] for layer in layers}
        return Deployment(self.definition, kept, self.megabytes, self.express)

    def policies(self, layer: Layer, direction: Direction) -> Policies:
        """The charged policies of a layer; none if it is off."""
        guardrail = self.guardrails.get(layer)
        return {} if guardrail is None else policies_of(guardrail, direction)

    def gigabytes(self, function: str) -> float:
        """The memory of a Lambda."""
        return self.megabytes.get(function, DEFAULT_MEGABYTES) / 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """What AWS counts, by the names of prices.py; `text_units` and `tokens` by kind."""

    text_units: Mapping[str, int]
    tokens: Mapping[str, int]
    counts: Mapping[str, float]
    model: str = ""


SERVICES: Mapping[str, tuple[str, ...]] = {
    "Step Functions": ("transitions", "express_requests", "express_seconds"),
    "Lambda": ("invocations", "lambda_seconds"),
    "API Gateway": ("api_requests",),
    "DynamoDB": ("writes", "reads"),
    "S3": ("s3_writes", "s3_reads"),
    "logs": ("log_bytes",),
}


def cost(usage: Usage) -> dict[str, float]:
    """The dollars by service. A model without a known price costs nothing here: check `model_cost` first."""
    costs = {
        "guardrails": sum(PRICES[unit].of(count) for unit, count in usage.text_units.items()),
        "model": prices.model_cost(usage.tokens, usage.model)["dollars"] or 0.0,
    }
    for service, names in SERVICES.items():
        costs[service] = sum(PRICES[name].of(usage.counts.get(name, 0)) for name in names)
    return costs


def chat_usage(deployment: Deployment, outcome: str, assumed: Assumed) -> Usage:
    """One question through `POST /chat` to an end of OUTCOMES, without retries."""
    through = OUTCOMES[outcome]
    stages = [stage for stage in STAGES if stage.state in through]
    units: Counter[str] = Counter()
    units.update(count_units(deployment.policies(Layer.PREPROCESS, Direction.INPUT), assumed.question_units))
    if INVOKE_MODEL in stages:
        _add_model(units, deployment, assumed)
    if GUARD_ANSWER in stages:
        units.update(count_units(deployment.policies(Layer.POSTPROCESS, Direction.OUTPUT), assumed.answer_units))
    asked = INVOKE_MODEL in stages
    seconds = _seconds(stages, assumed)
    entered = paths.path(deployment.definition, through)
    counts = _work(deployment, entered, stages, assumed)
    if deployment.express:
        counts["log_bytes"] += EXPRESS_LOG_BYTES * len(entered)
    counts["invocations"] += 1
    counts["lambda_seconds"] += (sum(seconds.values()) + assumed.between_seconds) * deployment.gigabytes(API_LAMBDA)
    counts["log_bytes"] += _log_bytes([_route_line()])
    counts["api_requests"] = 1
    counts["writes"] = QUOTA_WRITES
    if any(name in RECORDS for name in entered):
        counts["writes"] += ANSWER_WRITES
        counts["reads"] = 0 if deployment.express else reads(sum(seconds.values()) + assumed.between_seconds)
    tokens = {"input": assumed.input_tokens, "output": assumed.output_tokens} if asked else {}
    return Usage(dict(units), tokens, counts, assumed.model)


def total(usage: Usage) -> float:
    """The dollars of all services."""
    return sum(cost(usage).values())


def document_usage(deployment: Deployment, units_each: int, assumed: Assumed) -> Usage:
    """One document of an evaluation: it is screened by the input and the answer layer, without the model.

    Its child is EXPRESS, as in statemachine/evaluate.asl.json, or STANDARD for comparison. The start of a child is a
    state transition of the run.
    """
    stages = [GUARD_INPUT, GUARD_ANSWER]
    units: Counter[str] = Counter()
    units.update(count_units(deployment.policies(Layer.PREPROCESS, Direction.INPUT), units_each))
    units.update(count_units(deployment.policies(Layer.POSTPROCESS, Direction.OUTPUT), units_each))
    # An evaluation leaves out the states that record an answer for the API.
    entered = [state for state in paths.path(deployment.definition, paths.SCREENED) if state not in RECORDS]
    counts = _work(deployment, entered, stages, assumed)
    counts["transitions"] += 1
    return Usage(dict(units), {}, counts)


def _add_model(units: Counter[str], deployment: Deployment, assumed: Assumed) -> None:
    """The question with its passages, then the answer with its grounding."""
    read = assumed.question_units + assumed.passage_units
    units.update(count_units(deployment.policies(Layer.MODEL, Direction.INPUT), read))
    grounding = read if assumed.passage_units else 0
    units.update(count_units(deployment.policies(Layer.MODEL, Direction.OUTPUT), assumed.answer_units, grounding))


def _seconds(stages: Iterable[Stage], assumed: Assumed) -> dict[Stage, float]:
    return {stage: assumed.model_seconds if stage == INVOKE_MODEL else assumed.guard_seconds for stage in stages}


def _work(deployment: Deployment, entered: list[str], stages: list[Stage], assumed: Assumed) -> dict[str, float]:
    """The execution and the Lambdas of its stages."""
    counts = dict.fromkeys(("transitions", "invocations", "lambda_seconds", "log_bytes"), 0.0)
    seconds = _seconds(stages, assumed)
    if deployment.express:
        rounding = prices.EXPRESS_ROUNDING
        lasted = math.ceil((sum(seconds.values()) + assumed.between_seconds) / rounding) * rounding
        counts["express_requests"] = 1
        counts["express_seconds"] = lasted * prices.EXPRESS_GIGABYTES
    else:
        counts["transitions"] = len(entered)
    for stage, lasted in seconds.items():
        counts["invocations"] += 1
        counts["lambda_seconds"] += lasted * deployment.gigabytes(LAMBDAS[stage])
        counts["log_bytes"] += _log_bytes(stage_lines(stage.state, _NAME, {"outcome": "passed"}, None, 0.0, _STACK, 0))
    return counts


_NAME = "chat-00000000-0000-0000-0000-000000000000"
_STACK = "stepguard"


def _route_line() -> Mapping[str, Any]:
    return route_line("POST /chat", "", (200, {"execution": _NAME}, {}), 0.0, _STACK, 0)


def _log_bytes(lines: Iterable[Mapping[str, Any]]) -> int:
    written = [*PLATFORM_LOG, *(json.dumps(line, separators=(",", ":")) for line in lines)]
    return sum(len(line.encode()) + LOG_EVENT_BYTES for line in written)
