"""Explains an answer in one sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stepguard.guard.answer import Source
from stepguard.guard.automated_reasoning import AUTOMATED_REASONING
from stepguard.guard.bedrock_names import ANONYMIZED, BLOCKED, NONE
from stepguard.guard.grounding import UNGROUNDED, is_ungrounded
from stepguard.guard.settings import REASONING_BLOCKS
from stepguard.guard.stages import GUARD_ANSWER, GUARD_INPUT, GUARD_REWRITE, GUARDED, INVOKE_MODEL, STAGE_OF, STAGES
from stepguard.trace.diff import mapping
from stepguard.trace.evidence import explain_no_answer, no_answer_of, result_of_lambda
from stepguard.trace.failure import failure_of
from stepguard.trace.model import Trace, Visit, parsed

_POLICIES = {
    "content": "content filter",
    "topic": "denied topic",
    "word": "word filter",
    "sensitive_information": "sensitive information filter",
    "contextual_grounding": "grounding check",
    AUTOMATED_REASONING: "automated reasoning",
}

_SCREENED: Mapping[object, tuple[str, str]] = {
    Source.DOCUMENT: ("the document", "the document"),
    Source.RESPONSE: ("the query", "the response"),
}
"""Names for the texts that the first and the last layer judged, where no model answered."""


def outcome_of(trace: Trace) -> str:
    """`answered`, `passed`, `masked`, `blocked`, `dont_know`, `unavailable`, `running`, or another status."""
    outcome = mapping(mapping(parsed(trace.output)).get("answer")).get("outcome")
    if isinstance(outcome, str):
        return outcome
    if trace.status == "RUNNING":
        return "running"
    if trace.status == "SUCCEEDED":
        return "succeeded"
    return "unavailable" if trace.stages() else trace.status.lower()


def reason(trace: Trace, names: Mapping[str, str] | None = None) -> str:
    """The sentence; `names` are the guardrails' names by identifier.

    It contains findings, states and error names, never a person's text.
    """
    if trace.status == "RUNNING":
        return _running(trace)
    if trace.status != "SUCCEEDED":
        return _failed(trace, names or {})
    stages = {visit.state: visit for visit in trace.visits if visit.state in GUARDED or _rewrite_intervened(visit)}
    blocked = next((visit for visit in stages.values() if visit.outcome == "blocked"), None)
    if blocked is not None:
        return _blocked(trace, blocked, names or {})
    answer = mapping(mapping(parsed(trace.output)).get("answer"))
    if answer.get("outcome") == "dont_know":
        return _not_answered(stages.get(INVOKE_MODEL.state))
    sentence = _ended(answer, stages, trace)
    notes = [_reported(stages.values())] + [UNGROUNDED] * is_ungrounded(mapping(parsed(trace.output)))
    return "; ".join([sentence.removesuffix("."), *filter(None, notes)]) + "."


def _rewrite_intervened(visit: Visit) -> bool:
    """Whether the input layer, which judges a rewritten question again, acted on it."""
    return visit.state == GUARD_REWRITE.state and visit.outcome in ("blocked", "masked")


def _ended(answer: Mapping[str, Any], stages: Mapping[str, Visit], trace: Trace) -> str:
    ended = "Passed" if answer.get("source") in _SCREENED else "Answered"
    masks = [visit for visit in stages.values() if visit.outcome == "masked"]
    if masks:
        return f"{ended}, with " + " and ".join(_masked(visit, answer.get("source")) for visit in masks) + "."
    if not stages:
        return f"Succeeded after {len(trace.visits)} states."
    skipped = [state for state, visit in stages.items() if visit.outcome == "skipped"]
    if len(skipped) == len(stages):
        return f"{ended} without any guard: no guardrail is set for {', '.join(skipped)}."
    if skipped:
        return f"{ended}: no layer intervened; no guardrail is set for {', '.join(skipped)}."
    return f"{ended}: all {len(stages)} layers passed it."


def _reported(stages: Iterable[Visit]) -> str:
    """What automated reasoning found out without acting."""
    found = [item for visit in stages for item in visit.findings if item["policy"] == AUTOMATED_REASONING]
    seen = [item for item in found if item["action"] == NONE]
    return f"{name_findings(seen)} only reported" if seen else ""


def name_findings(found: Sequence[Mapping[str, Any]]) -> str:
    """E.g. `content filter INSULTS (LOW) and PROMPT_ATTACK (HIGH)`, `grounding check GROUNDING (0.42 of 0.70)`."""
    by_policy: dict[str, list[str]] = {}
    for item in found:
        by_policy.setdefault(str(item["policy"]), []).append(_sure(item))
    named = {_POLICIES.get(policy, policy.replace("_", " ")): names for policy, names in by_policy.items()}
    return ", and ".join(f"{policy} {_listed(names)}" for policy, names in named.items())


def reasoning_details(found: Mapping[str, Any]) -> list[str]:
    """The rules and the logic warning of a finding of automated reasoning, e.g. `rules a1b2c3 and d4e5f6`."""
    rules = [str(rule) for rule in found.get("rules") or ()]
    said = [f"{'rule' if len(rules) == 1 else 'rules'} {_listed(rules)}"] if rules else []
    return said + ([str(found["warning"])] if found.get("warning") else [])


def _sure(found: Mapping[str, Any]) -> str:
    name = str(found["name"])
    score, threshold = found.get("score"), found.get("threshold")
    details = [str(found["confidence"])] if isinstance(found.get("confidence"), str) else []
    if details := details + reasoning_details(found):
        return f"{name} ({', '.join(details)})"
    if isinstance(score, int | float) and isinstance(threshold, int | float):
        return f"{name} ({score:.2f} of {threshold:.2f})"
    return name


def _blocked(trace: Trace, visit: Visit, names: Mapping[str, str]) -> str:
    acting = [found for found in visit.findings if found["action"] == BLOCKED]
    where = {
        GUARD_INPUT.state: "before the model",
        GUARD_REWRITE.state: "before the model, in the rewritten question,",
        GUARD_ANSWER.state: "after the model, in its answer,",
        INVOKE_MODEL.state: "by the model's layer, in its answer,"
        if any(found.get("direction") == "OUTPUT" for found in acting)
        else "by the model's layer, in the question,",
    }[visit.state]
    by = name_findings(acting) or "an intervention that names no policy"
    setting = f", as {REASONING_BLOCKS} orders" if {item["policy"] for item in acting} == {AUTOMATED_REASONING} else ""
    return f"Blocked {where} by {by}{_guardrail(trace, visit, names)}{setting}."


def _guardrail(trace: Trace, visit: Visit, names: Mapping[str, str]) -> str:
    """` of guardrail NAME (ID) vN`, if the history contains the guardrail."""
    ref = guardrail_of(trace, visit, names)
    return f" of guardrail {guardrail_label(ref)}" if ref else ""


def guardrail_label(ref: Mapping[str, Any]) -> str:
    """`NAME (ID) vN`; without the name if it is not known."""
    named = f"{ref['name']} ({ref['id']})" if ref.get("name") else str(ref["id"])
    return f"{named} v{ref.get('version')}"


def guardrail_of(trace: Trace, visit: Visit, names: Mapping[str, str]) -> dict[str, Any]:
    """`{id, version, name?}` of a guarded stage; empty if the history does not contain it.

    It is in the whole result of the stage's Lambda, of which the document keeps a part, or in the request.
    """
    if visit.outcome is None or visit.state not in STAGE_OF:
        return {}
    ref = mapping(result_of_lambda(visit).get("guardrail"))
    if not ref:
        request = mapping(mapping(parsed(trace.input)).get("request"))
        layers = {stage.state: stage.layer for stage in STAGES}
        ref = mapping(mapping(request.get("guardrails")).get(layers.get(visit.state, "")))
    if not isinstance(ref.get("id"), str):
        return {}
    name = names.get(ref["id"])
    return {"id": ref["id"], "version": ref.get("version")} | ({"name": name} if name else {})


def guardrails_of(trace: Trace) -> list[str]:
    """The identifiers of all guardrails that the history names."""
    found = (guardrail_of(trace, visit, {}) for visit in trace.visits)
    failure = failure_of(trace)
    named = _GUARDRAIL.findall(failure[1].message) if failure is not None and failure[1].safe else []
    return [*(str(ref["id"]) for ref in found if ref), *named]


def _not_answered(model: Visit | None) -> str:
    if model is None:
        return "Not answered: no model was called."
    stop = (model.result or {}).get("stop_reason")
    if stop in ("max_tokens", "length"):
        return f"Not answered: the model did not finish its answer (stop reason {stop})."
    evidence = no_answer_of(model)
    if not evidence:
        return "Not answered: the model said that it does not know, or said nothing."
    return f"Not answered: {explain_no_answer(evidence)}."


def _masked(visit: Visit, source: object) -> str:
    asked, answered = _SCREENED.get(source, ("the question", "the answer"))
    what = _listed([str(found["name"]) for found in visit.findings if found["action"] == ANONYMIZED]) or "text"
    where = {
        GUARD_INPUT.state: asked,
        GUARD_REWRITE.state: "the rewritten question",
        GUARD_ANSWER.state: answered,
        INVOKE_MODEL.state: "the model's exchange",
    }
    return f"{what} masked in {where[visit.state]}"


def _failed(trace: Trace, names: Mapping[str, str]) -> str:
    if trace.status in ("ABORTED", "TIMED_OUT"):
        last = next((visit for visit in reversed(trace.visits) if visit.error and visit.type != "Fail"), None)
        last = last or (trace.visits[-1] if trace.visits else None)
        how = "was aborted" if trace.status == "ABORTED" else "timed out"
        return f"No answer: the execution {how}" + (f" in {last.state}." if last else ".")
    found = failure_of(trace)
    if found is None:
        return "No answer: the execution failed."
    visit, failure = found
    if visit is None and failure.type == "AnswerUnavailable" and trace.cause:  # the Fail state's cause is the error
        return f"No answer: {trace.cause}."
    tried = f" after {visit.attempts} attempts" if visit is not None and visit.attempts > 1 else ""
    where = visit.state if visit is not None else "the execution"
    message = f": {name_guardrails(failure.message, names)}" if failure.safe and failure.message else ""
    return f"No answer: {where} failed with {failure.type}{tried}{message}".rstrip(".") + "."


def name_guardrails(message: str, names: Mapping[str, str]) -> str:
    """A message of stepguard's with the names of the guardrails that it identifies."""
    return _GUARDRAIL.sub(
        lambda found: f"guardrail {names[found[1]]} ({found[1]})" if found[1] in names else found[0], message
    )


_GUARDRAIL = re.compile(r"\bguardrail ([a-z0-9]{1,64})(?= version )")


def _running(trace: Trace) -> str:
    inside = [visit.state for visit in trace.visits if visit.status == "running"]
    return f"Still running, in {inside[-1]}." if inside else "Still running."


def _listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else ", ".join(unique[:-1]) + " and " + unique[-1] if unique else ""
