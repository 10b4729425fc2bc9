"""Readers of the wire forms in which Bedrock reports a guardrail's decision, each into a `Verdict`.

- ApplyGuardrail: `action`, `outputs`, `assessments`
- Converse: `stopReason`, `trace.guardrail.inputAssessment` (a map to one), `.outputAssessments` (a map to lists)
- InvokeModel: `amazon-bedrock-guardrailAction`, `amazon-bedrock-trace.guardrail.input` / `.outputs` in the body

References: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html,
API_runtime_Converse.html, and https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-invoke-model.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from stepguard.guard.bedrock_names import NONE, RESPONSE_ACTIONS
from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE, Finding, Verdict, decide, findings_of, scores_of

INVOKE_ACTION = "amazon-bedrock-guardrailAction"
INVOKE_TRACE = "amazon-bedrock-trace"


def read_apply_guardrail(response: Mapping[str, Any], text: str, layer: Layer, direction: Direction) -> Verdict:
    """The verdict of an ApplyGuardrail response on `text`, which was sent as one content block.

    Raises UnreadableVerdict when the response has no known `action`.
    """
    action = response.get("action")
    if action not in RESPONSE_ACTIONS:
        raise UnreadableVerdict("ApplyGuardrail answered without a known action (NONE or GUARDRAIL_INTERVENED).")
    outputs = [str(output["text"]) for output in response.get("outputs") or () if output.get("text")]
    masked_text = outputs[0] if outputs else None
    findings = findings_of(response.get("assessments") or (), layer, direction)
    units = _units([response.get("usage")])
    verdict = _verdict(action != NONE, findings, text, masked_text, masked_text, units)
    return replace(verdict, scores=scores_of(response.get("assessments") or (), layer, direction))


def read_converse(response: Mapping[str, Any], layer: Layer = Layer.MODEL) -> Verdict:
    """The verdict of a Converse response made with a guardrailConfig; `text` is the model's, reasoning left out."""
    text = converse_text(response)
    trace = (response.get("trace") or {}).get("guardrail") or {}
    inputs = list((trace.get("inputAssessment") or {}).values())
    outputs = [item for several in (trace.get("outputAssessments") or {}).values() for item in several or ()]
    findings = _both_directions(inputs, outputs, layer)
    intervened = response.get("stopReason") == "guardrail_intervened"
    units = _units(_metrics([*inputs, *outputs]))
    return _verdict(intervened, findings, text, text or None, text or None, units)


def converse_text(response: Mapping[str, Any]) -> str:
    """The text blocks of a Converse response, joined; reasoningContent blocks are thoughts, not answer."""
    content = ((response.get("output") or {}).get("message") or {}).get("content") or ()
    return "".join(str(block["text"]) for block in content if "text" in block)


def read_invoke_model(body: Mapping[str, Any], text: str, layer: Layer = Layer.MODEL) -> Verdict:
    """The verdict in the body of an InvokeModel response made with guardrail headers; `text` is the model's answer.

    Raises UnreadableVerdict when the body does not contain whether the guardrail acted: then it may not have run.
    """
    action = body.get(INVOKE_ACTION)
    if action not in ("NONE", "INTERVENED"):
        raise UnreadableVerdict(f"InvokeModel answered without {INVOKE_ACTION}: the guardrail may not have run.")
    trace = (body.get(INVOKE_TRACE) or {}).get("guardrail") or {}
    inputs = list((trace.get("input") or {}).values())
    outputs = [assessment for output in trace.get("outputs") or () for assessment in _assessments(output)]
    findings = _both_directions(inputs, outputs, layer)
    units = _units(_metrics([*inputs, *outputs]))
    return _verdict(action == "INTERVENED", findings, text, text or None, text or None, units)


def read_retrieve_and_generate(response: Mapping[str, Any], text: str) -> Verdict:
    """The verdict in a response of RetrieveAndGenerate, which says whether the guardrail intervened and no more.

    Raises UnreadableVerdict when it does not say that.
    """
    action = response.get("guardrailAction")
    if action not in ("NONE", "INTERVENED"):
        raise UnreadableVerdict("RetrieveAndGenerate answered without guardrailAction: the guardrail may not have run.")
    return _verdict(action == "INTERVENED", (), text, None, text or None, {})


def _assessments(output: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for value in output.values():
        yield from value if isinstance(value, list) else [value]


def _both_directions(
    inputs: Iterable[Mapping[str, Any]], outputs: Iterable[Mapping[str, Any]], layer: Layer
) -> tuple[Finding, ...]:
    return findings_of(inputs, layer, Direction.INPUT) + findings_of(outputs, layer, Direction.OUTPUT)


def _verdict(
    intervened: bool,
    findings: tuple[Finding, ...],
    text: str,
    masked_text: str | None,
    message: str | None,
    units: dict[str, int],
) -> Verdict:
    outcome = decide(intervened=intervened, findings=findings, masked_text=masked_text)
    if outcome is Outcome.BLOCKED:
        # Without an intervention the response's text is what the model wrote, not the guardrail's message.
        said = message if intervened else None
        return Verdict(outcome, "", said or DEFAULT_BLOCKED_MESSAGE, findings, units)
    if outcome is Outcome.MASKED:
        return Verdict(outcome, masked_text or "", None, findings, units)
    return Verdict(outcome, text, None, findings, units)


def _metrics(assessments: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any] | None]:
    return [(assessment.get("invocationMetrics") or {}).get("usage") for assessment in assessments]


def _units(usages: Iterable[Mapping[str, Any] | None]) -> dict[str, int]:
    """Text units by policy, e.g. {"contentPolicyUnits": 2}; policies that cost nothing are left out.

    AWS charges automated reasoning by text unit and policy, and reports the number of its policies beside its units.
    """
    total: dict[str, int] = {}
    for usage in usages:
        for name, count in (usage or {}).items():
            if name.endswith("Units") and isinstance(count, int) and count:
                policies = (usage or {}).get("automatedReasoningPolicies")
                each = policies or 1 if name == "automatedReasoningPolicyUnits" and isinstance(policies, int) else 1
                total[name] = total.get(name, 0) + count * each
    return total
