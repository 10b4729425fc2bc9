"""What only the result of a stage's Lambda holds, since the document keeps a part: the evidence of a don't-know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stepguard.guard.no_answer import SETTING, Rule
from stepguard.guard.stages import INVOKE_MODEL
from stepguard.trace.diff import mapping
from stepguard.trace.model import Visit, parsed


def result_of_lambda(visit: Visit) -> Mapping[str, Any]:
    """The whole result of the stage's Lambda, or empty."""
    answered = parsed(visit.tries[-1].output) if visit.tries else None
    return mapping(mapping(answered).get("Payload"))


def no_answer_of(visit: Visit) -> Mapping[str, Any]:
    """The evidence that the model layer's result was no answer: `NoAnswer.to_dict`, or empty."""
    evidence = mapping(result_of_lambda(visit).get("no_answer")) if visit.state == INVOKE_MODEL.state else {}
    texts, places = [evidence.get(name) for name in ("rule", "said")], [evidence.get(name) for name in ("start", "end")]
    readable = all(isinstance(text, str) for text in texts) and len({type(place) for place in places}) == 1
    return evidence if readable and isinstance(places[0], int | None) else {}


def explain_no_answer(evidence: Mapping[str, Any]) -> str:
    """The rule by which the model layer's result was no answer, in words, without the result's text."""
    rule, start, end = (evidence.get(name) for name in ("rule", "start", "end"))
    matches = f"{SETTING} matches at characters {start} to {end}"
    if rule == Rule.DOES_NOT_KNOW:
        return f"the model said in one sentence that it does not know ({matches})"
    if rule == Rule.NO_TEXT:
        return "the model's answer has no text"
    if rule != Rule.BLOCKED:
        return f"the rule {rule}"
    if start is not None:
        return f"the layer blocked, and EMPTYMESSAGE replaces its message ({matches})"
    return "the layer blocked"
