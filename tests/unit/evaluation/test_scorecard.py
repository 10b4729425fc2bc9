"""Scorecards: what is counted, whatever the order; parts of long documents; sweeps."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from stepguard.evaluation.csv_text import COLUMNS, row_of
from stepguard.evaluation.items import Expected, Labels, Span
from stepguard.evaluation.prices import model_cost
from stepguard.evaluation.results import Action, Parts, Result, result_of
from stepguard.evaluation.scorecard import LOOK_FIRST
from tests.fakes.scorecards import scorecard_of


def finding(policy: str, name: str, action: str = "BLOCKED", **more: Any) -> dict[str, Any]:
    """A finding as a stage writes it."""
    return {"policy": policy, "name": name, "action": action, "layer": "preprocess", "direction": "INPUT", **more}


def record(
    number: int = 0,
    text: str = "text",
    labels: dict[str, Any] | None = None,
    findings: list[dict[str, Any]] | None = None,
    masked: str | None = None,
    **about: Any,
) -> dict[str, Any]:
    """A child's record as the ResultWriter writes it; blocked when a finding is, masked when a text is given."""
    findings = findings or []
    blocked = any(item["action"] == "BLOCKED" for item in findings)
    outcome = "blocked" if blocked else "masked" if masked else "passed"
    answer = {
        "text": "",
        "outcome": outcome,
        "source": "PREPROCESS GUARDRAIL" if blocked else "DOCUMENT",
        "got_hits": int(not blocked),
    }
    guard = {
        "outcome": outcome,
        "blocked": blocked,
        "findings": findings,
        "scores": about.pop("scores", []),
        "text": "" if blocked else masked or text,
        "text_units": {"contentPolicyUnits": 1, "topicPolicyUnits": 1},
        "entered": "2026-01-01T00:00:00.100Z",
    }
    after = {
        "outcome": "skipped",
        "findings": [],
        "scores": [],
        "text_units": {},
        "entered": "2026-01-01T00:00:00.150Z",
    }
    output = {"input_guard": guard, "answer": answer} | ({} if blocked else {"answer_guard": after})
    item = {"id": f"item-{number}", "number": number, "line": number + 1, "labels": labels or {}, **about}
    return {
        "ExecutionArn": f"arn:{number}:{about.get('part', 0)}",
        "Input": json.dumps({"item": item, "request": {"kind": "document", "text": text, "caller": "c"}}),
        "Output": json.dumps(output),
        "Status": "SUCCEEDED",
        "StartDate": "2026-01-01T00:00:00.090Z",
        "StopDate": "2026-01-01T00:00:00.200Z",
    }


def failed(number: int) -> dict[str, Any]:
    """The record of a child whose error outlived its retries."""
    gone = record(number, labels={"expected": "passed"})
    del gone["Output"]
    return gone | {"Status": "FAILED", "Error": "AnswerUnavailable", "Cause": "Throttled"}


def result(*arguments: Any, **more: Any) -> Result:
    """The result of such a record."""
    return result_of(record(*arguments, **more))[0]


VIOLENCE = finding("content", "VIOLENCE", confidence="HIGH")


def test_a_result_has_each_stage_with_its_time() -> None:
    """EXPRESS children have no history: the moments that the states were entered are in the output."""
    found = result()
    assert [(stage["state"], stage["milliseconds"]) for stage in found.stages] == [
        ("GuardInput", 50),
        ("GuardAnswer", 50),
    ]
    assert (found.milliseconds, found.action, found.transitions) == (110, Action.PASSED, 6)
    assert result(findings=[VIOLENCE]).transitions == 4


@pytest.mark.parametrize(
    ("stages", "answer", "action"),
    [
        (("passed", "blocked"), ("blocked", "BEDROCK GUARDRAIL"), Action.BLOCKED),
        (("masked", "blocked"), ("dont_know", "BEDROCK GUARDRAIL"), Action.BLOCKED),
        (("masked", "passed"), ("dont_know", "LLM"), Action.MASKED),
        (("passed", "passed"), ("dont_know", "LLM"), Action.PASSED),
        (("skipped", "skipped"), ("passed", "RESPONSE"), Action.PASSED),
    ],
)
def test_the_action_is_that_of_the_guards(stages: tuple[str, str], answer: tuple[str, str], action: Action) -> None:
    """A child that an older release ran reports a block of the model layer as a don't-know: it is a block."""
    given = record()
    output = json.loads(given["Output"])
    guard, model = output["input_guard"], output.pop("answer_guard")
    output |= {"input_guard": guard | {"outcome": stages[0]}, "model": model | {"outcome": stages[1]}}
    output["answer"] |= {"outcome": answer[0], "source": answer[1], "got_hits": 0}

    assert result_of(given | {"Output": json.dumps(output)})[0].action is action


def test_a_failed_item_is_listed_and_judged_nowhere() -> None:
    """An error is never a verdict."""
    card = scorecard_of([result_of(failed(0))[0], result(1, labels={"expected": "passed"})]).to_dict()
    assert card["actions"] == {"passed": 1, "masked": 0, "blocked": 0, "failed": 1}
    assert card["errors"] == {"Throttled": 1}
    assert card["labelled"] == 1
    assert card["confusion"]["passed"]["failed"] == 1
    assert card["look_first"][0]["reason"] == "failed: Throttled"


def many(count: int = 200) -> list[Result]:
    """Items of all sorts."""
    chance = random.Random(7)
    results = []
    for number in range(count):
        labels: dict[str, Any] = chance.choice(
            [{}, {"expected": "passed"}, {"expected": "blocked", "policies": ["content/VIOLENCE"]}, {"policies": []}]
        )
        score = round(chance.random(), 4)
        grounding = finding("contextual_grounding", "GROUNDING", "NONE", score=score, threshold=0.7)
        acting = [VIOLENCE] if chance.random() < 0.5 else []
        results.append(result(number, labels=labels, findings=acting, scores=[grounding]))
    return results


def test_the_order_of_results_changes_nothing() -> None:
    """On AWS results come in any order."""
    results = many()
    shuffled = random.Random(1).sample(results, len(results))
    assert json.dumps(scorecard_of(results).to_dict()) == json.dumps(scorecard_of(shuffled).to_dict())


def test_findings_of_automated_reasoning_are_counted_and_listed() -> None:
    """They act only by a setting: seen without it, an intervention with it; the table of items names both."""
    seen = finding("automated_reasoning", "invalid", "NONE", rules=["a1b2c3d4e5f6"], confidence="0.90")
    results = [result(1, findings=[seen]), result(2, findings=[seen | {"action": "BLOCKED"}])]
    rows = {row["policy"]: row for row in scorecard_of(results).to_dict()["policies"]}

    for name in ("automated_reasoning", "automated_reasoning/invalid"):
        assert (rows[name]["only_seen"], rows[name]["intervened"]) == (1, 1)
    cells = [dict(zip(COLUMNS, row_of(item), strict=True))["findings"] for item in results]
    assert cells == ["automated_reasoning/invalid NONE", "automated_reasoning/invalid BLOCKED"]


def test_policies_are_scored_as_scikit_learn_scores_them() -> None:
    """For the items of which people said which policies should act."""
    sklearn = pytest.importorskip("sklearn.metrics")
    results = many()
    judged = [item for item in results if item.labels.policies is not None or item.labels.expected is Expected.PASSED]
    truth = ["content/VIOLENCE" in (item.labels.policies or ()) for item in judged]
    guess = [bool(item.findings) for item in judged]
    (row,) = [row for row in scorecard_of(results).to_dict()["policies"] if row["policy"] == "content/VIOLENCE"]
    assert row["precision"]["value"] == pytest.approx(sklearn.precision_score(truth, guess), abs=1e-6)
    assert row["recall"]["value"] == pytest.approx(sklearn.recall_score(truth, guess), abs=1e-6)
    assert row["f1"] == pytest.approx(sklearn.f1_score(truth, guess), abs=1e-6)


def test_a_policy_without_stated_labels_has_no_precision() -> None:
    """From items that should pass only its needless interventions are known."""
    card = scorecard_of([result(0, labels={"expected": "passed"}, findings=[VIOLENCE])]).to_dict()
    (row,) = [row for row in card["policies"] if row["policy"] == "content/VIOLENCE"]
    assert (row["fp"], row["precision"], row["false_positive_rate"]["value"]) == (1, None, 1.0)


def test_a_label_of_a_whole_policy_judges_no_single_filter() -> None:
    """Somebody said that content filters should act, but not which."""
    card = scorecard_of([result(0, labels={"policies": ["content"]}, findings=[VIOLENCE])]).to_dict()
    rows = {row["policy"]: row for row in card["policies"]}
    assert rows["content"]["tp"] == 1
    assert "tp" not in rows["content/VIOLENCE"]


@pytest.mark.parametrize(
    ("expected", "findings", "masked", "correct"),
    [
        ("passed", [], None, True),
        ("passed", [VIOLENCE], None, False),
        ("intervened", [VIOLENCE], None, True),
        ("intervened", [finding("sensitive_information", "NAME", "ANONYMIZED")], "{NAME}", True),
        ("blocked", [finding("sensitive_information", "NAME", "ANONYMIZED")], "{NAME}", False),
        ("masked", [], None, False),
    ],
)
def test_what_counts_as_expected(
    expected: str, findings: list[dict[str, Any]], masked: str | None, correct: bool
) -> None:
    """`intervened` is either; a mask where a block was expected is not as expected."""
    assert result(labels={"expected": expected}, findings=findings, masked=masked).correct is correct


def test_spans_are_read_from_the_masked_text() -> None:
    """Findings hold no places; the masked text beside the original does."""
    text, masked = "I am Ann, call 555-0100 now", "I am {NAME}, call {PHONE} now"
    findings = [finding("sensitive_information", name, "ANONYMIZED") for name in ("NAME", "PHONE")]
    labels = {"pii": [[5, 8, "NAME"], [15, 20, "PHONE"]]}
    found = result(text=text, labels=labels, findings=findings, masked=masked)
    assert found.found == (Span(5, 8, "NAME"), Span(15, 23, "PHONE"))
    spans = scorecard_of([found]).to_dict()["pii_spans"]
    assert (spans["NAME"]["exact"], spans["NAME"]["recall"]["value"]) == (1, 1.0)
    assert (spans["PHONE"]["exact"], spans["PHONE"]["touched"]["value"]) == (0, 1.0)


def test_parts_of_a_document_merge_with_the_worst_first() -> None:
    """In whatever order they come; the spans count from the document's start."""
    name = finding("sensitive_information", "NAME", "ANONYMIZED")
    whole = [
        record(0, "a " * 5, part=0, parts=3),
        record(0, "I am Ann", findings=[name], masked="I am {NAME}", part=1, parts=3, start=100),
        record(0, "a", findings=[VIOLENCE], part=2, parts=3, start=110),
    ]
    parts = Parts()
    merged = [parts.add(*result_of(entry)) for entry in (whole[2], whole[0], whole[1])]
    assert merged[:2] == [None, None]
    last = merged[2]
    assert last is not None
    assert (last.action, last.parts, last.text_units["contentPolicyUnits"]) == (Action.BLOCKED, 3, 3)
    assert len(last.executions) == 3
    assert last.found is None  # a part that was blocked shows no masked text
    assert last.to_dict()["execution"] == "arn:0:2"
    assert (parts.whole, parts.doubled) == (1, 0)


def test_an_item_that_comes_twice_is_counted_once_and_noticed() -> None:
    """At-least-once children must not make a score."""
    parts = Parts()
    assert parts.add(*result_of(record(0))) is not None
    assert parts.add(*result_of(record(0))) is None
    assert (parts.whole, parts.doubled) == (1, 1)


def test_other_strengths_are_computed_without_a_second_run() -> None:
    """From the confidences, also those that stayed under the strength."""
    levels = {"HIGH": True, "MEDIUM": True, "LOW": False, "NONE": False}
    results = []
    for number, (confidence, violent) in enumerate(levels.items()):
        labels = {"policies": ["content/VIOLENCE"] if violent else []}
        score = finding("content", "VIOLENCE", "NONE", confidence=confidence)
        results.append(result(number, labels=labels, scores=[score]))
    rows = {row["strength"]: row for row in scorecard_of(results).to_dict()["sweep"]["content"]["content/VIOLENCE"]}
    assert {name: row["acts_on"] for name, row in rows.items()} == {"NONE": 0, "LOW": 1, "MEDIUM": 2, "HIGH": 3}
    assert rows["MEDIUM"]["f1"] == 1.0
    assert rows["HIGH"]["fp"] == 1


def test_all_content_filters_at_another_strength_are_counted_against_the_expected_verdicts() -> None:
    """Also without `policies`; what another policy stopped is stopped at every strength."""
    expectations = ("passed", "blocked", "blocked", "masked", "passed")
    grades = ("LOW", "HIGH", "MEDIUM", "NONE", "NONE")
    mail = finding("sensitive_information", "EMAIL", "ANONYMIZED")
    results = [
        result(
            number,
            labels={"expected": expected},
            findings=[mail] if expected == "masked" else [],
            scores=[finding("content", name, "NONE", confidence=confidence) for name in ("HATE", "INSULTS")],
        )
        for number, (expected, confidence) in enumerate(zip(expectations, grades, strict=True))
    ]
    rows = scorecard_of(results).to_dict()["sweep"]["interventions"]
    read = {row["strength"]: (row["acts_on"], row["recall"]["value"], row["fp"]) for row in rows}
    assert read == {"NONE": (1, 0.333333, 0), "LOW": (2, 0.666667, 0), "MEDIUM": (3, 1.0, 0), "HIGH": (4, 1.0, 1)}
    unlabelled = scorecard_of([result(0, scores=[finding("content", "HATE", "NONE", confidence="HIGH")])]).to_dict()
    assert unlabelled["sweep"]["interventions"][1] == {"strength": "LOW", "acts_on": 1}
    assert scorecard_of([result(0)]).to_dict()["sweep"]["interventions"] == []


def test_other_thresholds_are_reported_without_a_second_run() -> None:
    """Grounding acts below its threshold."""
    scores = [0.1, 0.5, 0.8]
    results = [
        result(number, scores=[finding("contextual_grounding", "GROUNDING", "NONE", score=score, threshold=0.7)])
        for number, score in enumerate(scores)
    ]
    rows = scorecard_of(results).to_dict()["sweep"]["contextual_grounding"]["contextual_grounding/GROUNDING"]
    acts = {row["threshold"]: row["acts_on"] for row in rows}
    assert (acts[0.0], acts[0.15], acts[0.5], acts[0.55], acts[0.95]) == (0, 1, 1, 2, 3)


@pytest.mark.parametrize(
    ("model", "dollars"),
    [
        ("us.deepseek.r1-v1:0", 0.00675),
        ("deepseek.r1-v1:0", 0.00675),
        ("arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.deepseek.r1-v1:0", 0.00675),
        ("arn:aws:bedrock:us-east-1:123456789012:imported-model/abcdefghijkl", None),
        ("my-deepseek.r1-v1:0", None),
        ("", None),
    ],
)
def test_tokens_cost_what_the_price_file_says(model: str, dollars: float | None) -> None:
    """Those of a model without a known price are counted, and said not to be priced."""
    expected = {"id": model, "tokens": {"input": 1000, "output": 1000}, "dollars": dollars}
    assert model_cost({"output": 1000, "input": 1000}, model) == expected
    assert scorecard_of([]).to_dict(model)["cost"]["model"]["id"] == model


def test_units_cost_what_the_price_file_says() -> None:
    """0.15 dollars for each 1,000 units of these two policies."""
    cost = scorecard_of([result(number) for number in range(1000)]).to_dict()["cost"]
    assert cost["guardrails"]["policies"]["contentPolicyUnits"] == {"text_units": 1000, "dollars": 0.15}
    assert cost["guardrails"]["dollars"] == 0.30
    assert cost["workflow"]["state_transitions"] == 6000


def test_the_list_to_look_at_is_bounded_and_worst_first() -> None:
    """Memory stays flat, however much goes wrong."""
    wrong = [result(number, labels={"expected": "blocked"}) for number in range(LOOK_FIRST * 3)]
    card = scorecard_of([*wrong, result_of(failed(999))[0]]).to_dict()
    assert len(card["look_first"]) == LOOK_FIRST
    assert [entry["number"] for entry in card["look_first"][:3]] == [999, 0, 1]


def test_labels_that_nobody_gave_stay_unknown() -> None:
    """None is not an empty list."""
    assert result().labels == Labels()
    assert result(labels={"policies": []}).labels == Labels(policies=frozenset())


def test_categories_are_scored_apart() -> None:
    """Items with a label and a verdict; a category for each item is no group."""
    labels = {"expected": "blocked", "category": "fraud"}
    some = [result(0, labels=labels, findings=[VIOLENCE]), result(1, labels=labels), result_of(failed(2))[0]]
    group = scorecard_of(some).to_dict()["groups"]["fraud"]
    assert (group["labelled"], group["tp"], group["fn"]) == (2, 1, 1)
    assert group["correct"]["value"] == 0.5
    many_ = [result(number, labels={"expected": "passed", "category": str(number)}) for number in range(1001)]
    assert scorecard_of(many_).to_dict()["groups"] == {}
