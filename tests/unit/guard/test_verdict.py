"""The normal form of a guardrail's decision: what blocks, what masks, and what no finding ever holds."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.errors import UnreadableVerdict
from stepguard.guard.stages import Direction, Layer, Outcome
from stepguard.guard.verdict import DEFAULT_BLOCKED_MESSAGE, Finding, Verdict, decide, findings_of, merge, skipped
from stepguard.guard.vocabularies import read_apply_guardrail, read_converse, read_invoke_model
from tests.fakes.bedrock import applied, blocked, golden, masked, pii, topic

MATCH = "zebra-4711"
ACTIONS = st.sampled_from(["NONE", "ANONYMIZED", "BLOCKED"])


def entry(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Entries of one policy's list."""
    return st.fixed_dictionaries(members | {"action": ACTIONS}, optional={"detected": st.booleans()})


def listed(policy: str, **lists: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """An assessment of one policy with these lists."""
    members = {name: st.lists(entries, max_size=3) for name, entries in lists.items()}
    return st.fixed_dictionaries({policy: st.fixed_dictionaries(members)})


MATCHES = st.just(MATCH)
POLICIES = st.one_of(
    listed("topicPolicy", topics=entry(name=st.just("Topic"), type=st.just("DENY"))),
    listed("contentPolicy", filters=entry(type=st.just("HATE"), confidence=st.sampled_from(["LOW", "HIGH"]))),
    listed("wordPolicy", customWords=entry(match=MATCHES), managedWordLists=entry(match=MATCHES, type=st.just("P"))),
    listed(
        "sensitiveInformationPolicy",
        piiEntities=entry(match=MATCHES, type=st.sampled_from(["NAME", "EMAIL"])),
        regexes=entry(match=MATCHES, regex=st.just("x"), name=st.just("Ticket")),
        listOfTomorrow=entry(match=MATCHES),
    ),
    listed("contextualGroundingPolicy", filters=entry(type=st.just("GROUNDING"), score=st.just(0.1))),
    listed("policyOfTomorrow", findings=entry(match=MATCHES)),
)
ASSESSMENTS = st.lists(POLICIES, max_size=5)


def actions_in(value: Any) -> set[str]:
    """Every `action` anywhere in a piece of JSON."""
    if isinstance(value, dict):
        own = {value["action"]} if isinstance(value.get("action"), str) else set()
        return own.union(*(actions_in(item) for item in value.values()))
    return set().union(*(actions_in(item) for item in value)) if isinstance(value, list) else set()


def read(assessments: list[dict[str, Any]], *, intervened: bool, outputs: list[str]) -> Verdict:
    """The verdict of an ApplyGuardrail response."""
    response = applied(*assessments, action="GUARDRAIL_INTERVENED" if intervened else "NONE", outputs=outputs)
    return read_apply_guardrail(response, "the text", Layer.PREPROCESS, Direction.INPUT)


@given(ASSESSMENTS, st.booleans(), st.sampled_from([[], ["masked"]]))
def test_blocked_anywhere_is_blocked(assessments: list[dict[str, Any]], intervened: bool, outputs: list[str]) -> None:
    """One action BLOCKED, in whatever policy, list or assessment, blocks; so does what explains nothing."""
    verdict = read(assessments, intervened=intervened, outputs=outputs)
    acting = actions_in(assessments) - {"NONE"}

    if "BLOCKED" in acting:
        assert verdict.outcome is Outcome.BLOCKED
    elif acting == {"ANONYMIZED"}:
        assert verdict.outcome is (Outcome.MASKED if outputs else Outcome.BLOCKED)
    else:
        assert verdict.outcome is (Outcome.BLOCKED if intervened else Outcome.PASSED)


@given(ASSESSMENTS, st.booleans(), st.sampled_from([[], ["masked"]]))
def test_only_a_pass_goes_on_with_the_text_itself(
    assessments: list[dict[str, Any]], intervened: bool, outputs: list[str]
) -> None:
    """Blocked passes nothing on and has a message; masked continues with the masked text, passed with the text."""
    verdict = read(assessments, intervened=intervened, outputs=outputs)

    expected = {Outcome.PASSED: "the text", Outcome.MASKED: "masked", Outcome.BLOCKED: ""}
    assert verdict.text == expected[verdict.outcome]
    assert bool(verdict.message) == verdict.blocked


@given(ASSESSMENTS, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_found_decides_nothing(
    assessments: list[dict[str, Any]], intervened: bool, shuffler: random.Random
) -> None:
    """Neither the order of assessments nor that of the entries in a list changes the outcome or the findings."""
    shuffled = [
        {
            policy: {name: shuffler.sample(items, len(items)) for name, items in lists.items()}
            for policy, lists in a.items()
        }
        for a in shuffler.sample(assessments, len(assessments))
    ]
    one, other = (read(several, intervened=intervened, outputs=["masked"]) for several in (assessments, shuffled))

    assert one.outcome is other.outcome
    assert set(one.findings) == set(other.findings)


@given(ASSESSMENTS)
def test_no_finding_holds_a_match(assessments: list[dict[str, Any]]) -> None:
    """A finding says which policy found what kind of thing, never the person's words."""
    verdict = read(assessments, intervened=True, outputs=[])

    assert MATCH not in json.dumps(verdict.to_dict())
    assert MATCH not in repr(verdict.findings)
    assert all("match" not in finding.to_dict() for finding in verdict.findings)


FINDINGS = st.builds(
    Finding,
    st.sampled_from(["topic", "word"]),
    st.sampled_from(["a", "b"]),
    ACTIONS,
    st.just(Layer.MODEL),
    st.sampled_from(Direction),
)
VERDICTS = st.builds(
    lambda outcome, message, findings, units: Verdict(
        outcome,
        "",
        message if outcome is Outcome.BLOCKED else None,
        tuple(dict.fromkeys(findings)),
        units,
    ),
    st.sampled_from(Outcome),
    st.sampled_from(["first", "second"]),
    st.lists(FINDINGS, max_size=3),
    st.dictionaries(st.sampled_from(["topicPolicyUnits", "wordPolicyUnits"]), st.integers(1, 9)),
)


@given(st.lists(VERDICTS, min_size=1, max_size=5))
def test_merging_takes_the_worst_outcome(verdicts: list[Verdict]) -> None:
    """Blocked before masked before passed before skipped; units add up and no finding is lost or doubled."""
    merged = merge(verdicts, "whole")
    order = [Outcome.SKIPPED, Outcome.PASSED, Outcome.MASKED, Outcome.BLOCKED]

    assert order.index(merged.outcome) == max(order.index(verdict.outcome) for verdict in verdicts)
    assert merged.text == ("" if merged.blocked else "whole")
    assert set(merged.findings) == {finding for verdict in verdicts for finding in verdict.findings}
    assert len(set(merged.findings)) == len(merged.findings)
    for name in ("topicPolicyUnits", "wordPolicyUnits"):
        assert merged.text_units.get(name, 0) == sum(verdict.text_units.get(name, 0) for verdict in verdicts)


@given(st.lists(VERDICTS, min_size=2, max_size=5), st.data())
def test_merging_is_associative(verdicts: list[Verdict], data: st.DataObject) -> None:
    """Merging some first changes nothing, so that chunks and guards in a row may be merged as they come."""
    at = data.draw(st.integers(1, len(verdicts) - 1))
    in_steps = merge([merge(verdicts[:at], "whole"), merge(verdicts[at:], "whole")], "whole")

    assert in_steps == merge(verdicts, "whole")


def test_a_block_first_and_a_pass_later_is_still_a_block() -> None:
    """No later, milder verdict takes a block back."""
    verdicts = [Verdict(Outcome.BLOCKED, "", "no"), Verdict(Outcome.PASSED, "x"), skipped("y")]

    assert merge(verdicts, "x") == Verdict(Outcome.BLOCKED, "", "no")


def test_merging_nothing_is_skipped() -> None:
    """No verdict is not a pass."""
    assert merge([], "x").outcome is Outcome.SKIPPED


def test_an_unknown_action_counts_as_the_worst() -> None:
    """An action that this release does not know cannot be proved to be harmless."""
    verdict = read([pii("EMAIL"), topic(action="QUARANTINED")], intervened=True, outputs=["masked"])

    assert verdict.outcome is Outcome.BLOCKED


def test_an_action_blocks_even_when_nothing_says_intervened() -> None:
    """The action of a finding decides, not the summary (one captured response reports a mask with action NONE)."""
    assert read([topic()], intervened=False, outputs=[]).outcome is Outcome.BLOCKED
    assert read([pii("EMAIL")], intervened=False, outputs=["masked"]).outcome is Outcome.MASKED


def test_detected_alone_is_no_block() -> None:
    """Detect mode reports what it saw with action NONE: a finding, but a pass."""
    verdict = read_apply_guardrail(golden("apply_guardrail/detect_only"), "t", Layer.MODEL, Direction.OUTPUT)

    assert (verdict.outcome, verdict.text) == (Outcome.PASSED, "t")
    assert [(item.name, item.action) for item in verdict.findings] == [
        ("VIOLENCE", "NONE"),
        ("custom word", "NONE"),
        ("PROFANITY", "NONE"),
    ]


def test_what_was_not_found_is_no_finding() -> None:
    """outputScope FULL lists every filter that was looked for; only detected ones are findings."""
    verdict = read_apply_guardrail(golden("apply_guardrail/full_scope"), "t", Layer.MODEL, Direction.OUTPUT)

    assert (verdict.outcome, verdict.findings) == (Outcome.PASSED, ())


def test_a_finding_keeps_confidence_score_and_threshold() -> None:
    """The graded policies say how sure they are."""
    grounding = read_apply_guardrail(golden("apply_guardrail/blocked_grounding"), "t", Layer.MODEL, Direction.OUTPUT)
    content = read_apply_guardrail(golden("apply_guardrail/blocked_topic"), "t", Layer.PREPROCESS, Direction.INPUT)

    assert [finding.to_dict() for finding in grounding.findings] == [
        {
            "policy": "contextual_grounding",
            "name": "GROUNDING",
            "action": "BLOCKED",
            "score": 0.12,
            "threshold": 0.5,
            "layer": "model",
            "direction": "OUTPUT",
        }
    ]
    assert content.findings[1].to_dict() == {
        "policy": "content",
        "name": "INSULTS",
        "action": "BLOCKED",
        "confidence": "HIGH",
        "layer": "preprocess",
        "direction": "INPUT",
    }


def test_units_count_what_is_billed() -> None:
    """Text units by policy; what cost nothing is left out."""
    verdict = read_apply_guardrail(golden("apply_guardrail/passed"), "t", Layer.MODEL, Direction.OUTPUT)

    assert verdict.text_units["contentPolicyUnits"] == 1
    assert "contextualGroundingPolicyUnits" not in verdict.text_units


@pytest.mark.parametrize("action", [None, "", "INTERVENED", "guardrail_intervened", "ERROR", 1])
def test_apply_guardrail_without_a_known_action_is_an_error(action: object) -> None:
    """A response of another vocabulary, or an error inside a 200, is never taken for a pass."""
    with pytest.raises(UnreadableVerdict, match="known action"):
        read_apply_guardrail({"action": action}, "t", Layer.MODEL, Direction.INPUT)


@pytest.mark.parametrize("action", [None, "", "GUARDRAIL_INTERVENED"])
def test_invoke_model_without_a_known_action_is_an_error(action: object) -> None:
    """A body that does not say what the guardrail did may come from a model without one."""
    with pytest.raises(UnreadableVerdict, match="guardrail may not have run"):
        read_invoke_model({"amazon-bedrock-guardrailAction": action, "generation": "t"}, "t")


@pytest.mark.parametrize("trace", [None, {}, {"guardrail": None}, {"guardrail": {"inputAssessment": None}}])
def test_a_converse_block_without_trace_blocks(trace: object) -> None:
    """With the trace off there is no detail, but stopReason still blocks."""
    response = golden("converse/blocked_input") | {"trace": trace}

    assert read_converse(response).outcome is Outcome.BLOCKED


def test_a_converse_mask_needs_its_explanation() -> None:
    """stopReason says intervened for a mask too; without the trace that is a block."""
    response = golden("converse/masked_output")
    assert read_converse(response).outcome is Outcome.MASKED

    del response["trace"]
    assert read_converse(response).outcome is Outcome.BLOCKED


def test_converse_reads_both_directions() -> None:
    """Input findings are a map to one assessment, output findings a map to lists."""
    response = golden("converse/masked_output")
    response["trace"]["guardrail"]["inputAssessment"]["abc123abc123"] |= pii("PHONE")
    found = {(item.name, str(item.direction)) for item in read_converse(response).findings}

    assert found == {("PHONE", "INPUT"), ("NAME", "OUTPUT"), ("EMAIL", "OUTPUT")}


def test_invoke_model_outputs_may_be_assessments_or_lists_of_them() -> None:
    """Captured bodies have `outputs: [{id: assessment}]`, others a list behind the id."""
    body = golden("invoke_model/completion_masked_output")
    outputs = body["amazon-bedrock-trace"]["guardrail"]["outputs"]
    as_lists = body | {
        "amazon-bedrock-trace": {"guardrail": {"outputs": [{key: [value] for key, value in outputs[0].items()}]}}
    }

    assert read_invoke_model(body, "t").outcome is Outcome.MASKED
    assert read_invoke_model(as_lists, "t").findings == read_invoke_model(body, "t").findings


def test_findings_are_not_repeated() -> None:
    """Two e-mail addresses in one text are one finding."""
    verdict = read([pii("EMAIL", "EMAIL")], intervened=True, outputs=["{EMAIL} {EMAIL}"])

    assert len(verdict.findings) == 1


def test_metrics_and_guardrail_details_are_no_findings() -> None:
    """Only policies find things."""
    details = {
        "invocationMetrics": {"usage": {"action": "BLOCKED"}},
        "appliedGuardrailDetails": {"action": "BLOCKED"},
    }

    assert findings_of([details], Layer.MODEL, Direction.INPUT) == ()


def test_the_blocked_message_is_the_guardrails_own() -> None:
    """The first output of a block; Bedrock's default when there is none."""
    own = read_apply_guardrail(blocked(message="Ours."), "t", Layer.MODEL, Direction.INPUT)
    none = read_apply_guardrail(applied(topic()), "t", Layer.MODEL, Direction.INPUT)

    assert (own.message, none.message) == ("Ours.", DEFAULT_BLOCKED_MESSAGE)


def test_a_masked_text_replaces_the_text() -> None:
    """The next state gets the masked text."""
    verdict = read_apply_guardrail(masked("to {EMAIL}"), "to a@b.example", Layer.MODEL, Direction.INPUT)

    assert (verdict.outcome, verdict.text, verdict.message) == (Outcome.MASKED, "to {EMAIL}", None)


@pytest.mark.parametrize(
    ("actions", "intervened", "text", "outcome"),
    [
        ([], False, None, Outcome.PASSED),
        (["NONE"], False, None, Outcome.PASSED),
        ([], True, "x", Outcome.BLOCKED),
        (["NONE"], True, "x", Outcome.BLOCKED),
        (["ANONYMIZED"], True, "x", Outcome.MASKED),
        (["ANONYMIZED", "NONE"], True, "x", Outcome.MASKED),
        (["ANONYMIZED"], True, None, Outcome.BLOCKED),
        (["ANONYMIZED", "BLOCKED"], True, "x", Outcome.BLOCKED),
        (["BLOCKED"], False, "x", Outcome.BLOCKED),
    ],
)
def test_the_decision_table(actions: list[str], intervened: bool, text: str | None, outcome: Outcome) -> None:
    """Every combination of what acted, the summary and the masked text."""
    findings = [Finding("p", "n", action, Layer.MODEL, Direction.INPUT) for action in actions]

    assert decide(intervened=intervened, findings=findings, masked_text=text) is outcome


def test_a_captured_body_with_both_output_keys_is_read() -> None:
    """Live answers carry `output` beside `outputs`, with the same content; it is one masked text."""
    response = golden("apply_guardrail/masked_pii")
    response["output"] = response["outputs"]
    verdict = read_apply_guardrail(response, "t", Layer.MODEL, Direction.OUTPUT)

    assert (verdict.outcome, verdict.text) == (Outcome.MASKED, "Write to {NAME} at {EMAIL}.")
