"""Findings of automated reasoning: seven kinds without an action, from each of the three APIs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import Session

from functions.guard_answer import guard_answer
from functions.invoke_model import invoke_model
from stepguard.aws.models import Models
from stepguard.evaluation.prices import guardrail_cost
from stepguard.guard.bedrock_names import BLOCKED, NONE, REASONING_FINDINGS
from stepguard.guard.settings import GuardrailRef
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import Finding, Verdict, block_reasoning, findings_of
from stepguard.guard.vocabularies import read_apply_guardrail, read_converse, read_invoke_model
from tests.fakes.automated_reasoning import MARKER, RULE, all_kinds, found, reasoned
from tests.fakes.aws import FakeClient
from tests.fakes.bedrock import ALL_LAYERS, BLOCKED_MESSAGE, REF, applied, golden, guard, pii, topic, with_layers
from tests.fakes.stages import ANSWERED, QUESTION, REQUEST

ANSWER = "An answer of the model."
USAGE = {"automatedReasoningPolicyUnits": 3, "automatedReasoningPolicies": 2}


def converse(assessment: dict[str, Any]) -> dict[str, Any]:
    """A Converse response whose answer has this assessment."""
    response = golden("converse/answered")
    return response | {"trace": {"guardrail": {"outputAssessments": {REF.id: [assessment]}}}}


def invoked(assessment: dict[str, Any]) -> dict[str, Any]:
    """The body of an InvokeModel response whose answer has this assessment."""
    body = golden("invoke_model/deepseek_answered")
    return body | {"amazon-bedrock-trace": {"guardrail": {"outputs": [{REF.id: assessment}]}}}


READERS: dict[str, Callable[[dict[str, Any]], Verdict]] = {
    "ApplyGuardrail": lambda assessment: read_apply_guardrail(
        applied(assessment, action="NONE"), ANSWER, Layer.MODEL, Direction.OUTPUT
    ),
    "Converse": lambda assessment: read_converse(converse(assessment)),
    "InvokeModel": lambda assessment: read_invoke_model(invoked(assessment), ANSWER),
}


@pytest.mark.parametrize("kind", REASONING_FINDINGS)
@pytest.mark.parametrize("api", READERS)
def test_each_kind_is_read_from_each_api(api: str, kind: str) -> None:
    """A finding has its kind, its rules and no action; the text passes."""
    verdict = READERS[api](found(kind))

    (finding,) = verdict.findings
    assert (finding.policy, finding.name, finding.action) == ("automated_reasoning", kind, NONE)
    assert (finding.layer, finding.direction) == (Layer.MODEL, Direction.OUTPUT)
    assert finding.rules == ((RULE,) if kind in ("valid", "invalid", "impossible") else ())
    translated = kind in ("valid", "invalid", "satisfiable", "impossible")
    assert (finding.confidence, finding.warning) == (("0.90", "ALWAYS_TRUE") if translated else (None, None))
    assert (verdict.outcome, bool(verdict.text)) == (Outcome.PASSED, True)


@pytest.mark.parametrize("api", READERS)
def test_no_finding_holds_the_users_words(api: str) -> None:
    """Premises, claims and scenarios repeat the text, also in a logic warning and where identifiers should be."""
    forged = {"invalid": {"contradictingRules": [{"identifier": MARKER}], "logicWarning": {"type": MARKER}}}
    for assessment in (all_kinds(), reasoned(forged, {MARKER: {}}, MARKER, {"valid": MARKER})):
        verdict = READERS[api](assessment)
        assert MARKER not in json.dumps(verdict.to_dict())
        assert MARKER not in repr(verdict.findings)


@pytest.mark.parametrize("kind", REASONING_FINDINGS)
@pytest.mark.parametrize("blocking", REASONING_FINDINGS)
@pytest.mark.parametrize("api", READERS)
def test_a_kind_blocks_where_it_is_set(api: str, blocking: str, kind: str) -> None:
    """Only the kinds that are set act. The judged text is never delivered as the guardrail's message."""
    verdict = block_reasoning(READERS[api](found(kind)), {blocking})

    if kind == blocking:
        assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", None)
    else:
        assert verdict.outcome is Outcome.PASSED
    assert [finding.action for finding in verdict.findings] == [BLOCKED if kind == blocking else NONE]


UNKNOWN = {
    "newer": ({"likelyWrong": {"translation": {}}}, "likelyWrong"),
    "newer, as botocore reads it": ({"SDK_UNKNOWN_MEMBER": {"name": "likelyWrong"}}, "likelyWrong"),
    "no kind": ({}, "unreadable"),
    "two kinds": ({"valid": {}, "invalid": {}}, "unreadable"),
    "no object": (None, "unreadable"),
    "no name": ({"SDK_UNKNOWN_MEMBER": None}, "unreadable"),
    "a sentence": ({MARKER: {}}, "unreadable"),
}


@pytest.mark.parametrize(("finding", "name"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_kind_is_named_and_blocks_as_soon_as_any_kind_does(finding: Any, name: str) -> None:
    """Nothing says that a kind of tomorrow is harmless."""
    verdict = Verdict(Outcome.PASSED, ANSWER, findings=findings_of([reasoned(finding)], Layer.MODEL, Direction.OUTPUT))

    assert [item.name for item in verdict.findings] == [name]
    assert block_reasoning(verdict, frozenset()) is verdict
    assert block_reasoning(verdict, {"impossible"}).blocked


@pytest.mark.parametrize("section", [None, {}, {"findings": None}, {"findings": []}])
def test_a_policy_without_findings_has_none(section: Any) -> None:
    """An assessment may name the policy without a finding."""
    assert findings_of([{"automatedReasoningPolicy": section}], Layer.MODEL, Direction.OUTPUT) == ()


@pytest.mark.parametrize("section", ["?", ["?"], {"findings": "?"}, {"findings": {"valid": {}, "x": {}}}])
def test_an_unreadable_policy_is_a_finding(section: Any) -> None:
    """What cannot be read is not nothing."""
    (finding,) = findings_of([{"automatedReasoningPolicy": section}], Layer.MODEL, Direction.OUTPUT)
    assert finding.name == "unreadable"


def test_a_finding_names_a_limited_number_of_rules() -> None:
    """A policy may have hundreds; the others are counted."""
    rules = [{"identifier": f"rule{number:08}"} for number in range(50)]
    section = reasoned({"impossible": {"contradictingRules": [*rules, *rules]}})
    (finding,) = findings_of([section], Layer.MODEL, Direction.OUTPUT)

    assert len(finding.rules) == 21
    assert finding.rules[-2:] == ("rule00000019", "30 more")


def test_members_of_a_raw_body_that_say_nothing_are_left_out() -> None:
    """InvokeModel's trace is not parsed by botocore, which drops nulls and type names."""
    sent = {"__type": "GuardrailAutomatedReasoningFinding", "valid": None, "tooComplex": dict[str, Any]()}
    (finding,) = findings_of([reasoned(sent)], Layer.MODEL, Direction.OUTPUT)
    assert finding.name == "tooComplex"


def test_a_kind_that_botocore_does_not_know_reaches_the_reader() -> None:
    """botocore's own parser on a response of a newer service."""
    operation = Session().get_service_model("bedrock-runtime").operation_model("ApplyGuardrail")
    body = json.dumps(applied(reasoned({"likelyWrong": {}}), action="NONE")).encode()
    parsed = create_parser("rest-json").parse({"status_code": 200, "headers": {}, "body": body}, operation.output_shape)

    verdict = read_apply_guardrail(parsed, ANSWER, Layer.POSTPROCESS, Direction.OUTPUT)
    assert [finding.name for finding in verdict.findings] == ["likelyWrong"]


def test_an_action_inside_the_policy_still_blocks() -> None:
    """Bedrock documents none; if one comes, it counts."""
    acting = reasoned({"invalid": {"action": "BLOCKED"}})
    assert READERS["ApplyGuardrail"](acting).outcome is Outcome.BLOCKED


def test_a_mask_beside_a_blocking_kind_is_a_block_without_the_masked_text() -> None:
    """The response's text is the masked answer, not a message of the guardrail."""
    response = applied(pii("EMAIL") | found("invalid"), outputs=["Write to {EMAIL}."])
    read = read_apply_guardrail(response, ANSWER, Layer.POSTPROCESS, Direction.OUTPUT)
    assert read.outcome is Outcome.MASKED

    verdict = block_reasoning(read, {"invalid"})
    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.BLOCKED, "", None)


def test_a_block_of_bedrock_keeps_its_message() -> None:
    """Both acted; the guardrail's message is the answer."""
    response = applied(topic() | found("invalid"), outputs=[BLOCKED_MESSAGE])
    verdict = block_reasoning(read_apply_guardrail(response, ANSWER, Layer.POSTPROCESS, Direction.OUTPUT), {"invalid"})
    assert verdict.message == BLOCKED_MESSAGE
    assert {finding.action for finding in verdict.findings} == {BLOCKED}


def test_other_findings_are_no_concern_of_the_setting() -> None:
    """A topic may be called `invalid`."""
    finding = Finding("topic", "invalid", NONE, Layer.MODEL, Direction.OUTPUT)
    verdict = Verdict(Outcome.PASSED, ANSWER, findings=(finding,))
    assert block_reasoning(verdict, {"invalid"}) is verdict


def test_a_blocking_finding_without_an_intervention_never_delivers_the_models_words() -> None:
    """The text of such a response is the model's answer."""
    verdict = read_converse(converse(topic()))
    assert verdict.outcome is Outcome.BLOCKED
    assert verdict.message == "Sorry, the model cannot answer this question."


def test_usage_is_charged_by_text_unit_and_policy() -> None:
    """$0.17 for 1,000 text units and policy: three units under two policies, in each API."""
    response = applied(found("valid"), action="NONE") | {"usage": dict(applied()["usage"]) | USAGE}
    metrics = found("valid") | {"invocationMetrics": {"usage": USAGE}}
    for verdict in (
        read_apply_guardrail(response, ANSWER, Layer.MODEL, Direction.OUTPUT),
        read_converse(converse(metrics)),
        read_invoke_model(invoked(metrics), ANSWER),
    ):
        assert verdict.text_units["automatedReasoningPolicyUnits"] == 6
        assert guardrail_cost(verdict.text_units)["policies"]["automatedReasoningPolicyUnits"]["dollars"] == 0.00102


# --- the stages ----------------------------------------------------------------------------------------------------

BLOCKS = "invalid, Impossible"


def raw(body: dict[str, Any]) -> dict[str, Any]:
    """InvokeModel's reply with this body."""
    return {"body": json.dumps(body).encode(), "contentType": "application/json"}


def asked(api: str, assessment: dict[str, Any], **environment: str) -> dict[str, Any]:
    """InvokeModel's result, by Converse, by InvokeModel, or of a given response by ApplyGuardrail."""
    settings = with_layers(*ALL_LAYERS, LLM_API="DEEPSEEK" if api == "InvokeModel" else "CONVERSE", **environment)
    if api == "ApplyGuardrail":
        given = {"kind": "response", "query": QUESTION, "text": QUESTION, "completion": ANSWER, "caller": "test"}
        event = {"request": given, "text": QUESTION}
        return invoke_model(event, settings, None, guard(applied(assessment, action="NONE"))[0])
    if api == "Converse":
        runtime = FakeClient("bedrock-runtime", converse=converse(assessment))
    else:
        runtime = FakeClient("bedrock-runtime", invoke_model=raw(invoked(assessment)))
    return invoke_model({"request": REQUEST, "text": QUESTION}, settings, Models(runtime.client))


@pytest.mark.parametrize("api", READERS)
def test_the_model_stage_shows_every_kind_and_blocks_none(api: str) -> None:
    """The default: all seven are in the document, and the answer is delivered."""
    result = asked(api, all_kinds())

    assert [(item["name"], item["action"]) for item in result["findings"]] == [(k, "NONE") for k in REASONING_FINDINGS]
    assert (result["outcome"], result["has_answer"]) == ("passed", True)


@pytest.mark.parametrize("api", READERS)
@pytest.mark.parametrize("kind", ["invalid", "impossible"])
def test_the_model_stage_blocks_by_the_setting(api: str, kind: str) -> None:
    """The person gets the team's message; the model's answer is nowhere in the result."""
    result = asked(api, found("valid", kind), AUTOMATED_REASONING_BLOCKS=BLOCKS, EMPTYMESSAGE="Please call.")

    assert (result["outcome"], result["has_answer"], result["text"]) == ("blocked", False, "")
    assert (result["answer"]["text"], result["answer"]["outcome"]) == ("Please call.", "blocked")
    assert [(item["name"], item["action"]) for item in result["findings"]] == [("valid", "NONE"), (kind, "BLOCKED")]
    words = [golden("converse/answered")["output"]["message"]["content"][0]["text"], ANSWER]
    assert not any(text in json.dumps(result) for text in words)


@pytest.mark.parametrize("blocks", ["", BLOCKS])
def test_the_answer_stage_blocks_by_the_setting(blocks: str) -> None:
    """ApplyGuardrail on the answer, also with guardrails that the request names."""
    settings = with_layers(*ALL_LAYERS, AUTOMATED_REASONING_BLOCKS=blocks, EMPTYMESSAGE="Please call.")
    for extra in ({}, {"guardrails": {"postprocess": {"id": REF.id, "version": "2"}}}):
        document = {"request": REQUEST | extra, "input_guard": ANSWERED | {"text": QUESTION}, "model": ANSWERED}
        result = guard_answer({"document": document}, settings, guard(applied(found("invalid"), action="NONE"))[0])

        assert (result["outcome"], result["answer"]["text"]) == (
            ("blocked", "Please call.") if blocks else ("passed", ANSWERED["text"])
        )


def test_long_texts_stop_at_the_first_part_that_blocks() -> None:
    """Each part is judged; a part that blocks ends the check."""
    guards, runtime = guard(applied(found("valid"), action="NONE"), applied(found("invalid"), action="NONE"))
    ref = GuardrailRef(REF.id, REF.version, frozenset({"invalid"}))
    verdict = guards.check(ref, "A sentence. " * 6000, Layer.POSTPROCESS, Direction.OUTPUT)

    assert (verdict.outcome, verdict.message) == (Outcome.BLOCKED, None)
    assert len(runtime.bodies("apply_guardrail")) == 2
