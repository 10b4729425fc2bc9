"""`stepguard guardrail compare`: the embedded and the deployed guardrail on the same texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedded_aws.bedrock.api.service import Bedrock
from embedded_aws.wire import JsonService
from stepguard.aws.guardrails import Guardrails
from stepguard.cli.guardrail.compare import Pair, Side, compare, judge, report, summary
from stepguard.evaluation.items import item_of
from stepguard.guard.stages import Direction, Layer
from stepguard.project.guardrail_files import read_guardrail_files
from stepguard.session.embedded_guardrail import EmbeddedGuardrails, creation

ROOT = Path(__file__).parents[3]
WORDS = {
    "name": "words",
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "No.",
    "wordPolicy": {"words": [{"text": "falcon"}]},
    "sensitiveInformationPolicy": {"piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
}


class Deployed:
    """A Bedrock elsewhere, which finds the word and no e-mail address."""

    def apply_guardrail(self, **request: Any) -> Mapping[str, Any]:
        """As boto3's client has it."""
        text = request["content"][0]["text"]["text"]
        found = [{"match": "falcon", "action": "BLOCKED"}] if "falcon" in text or "eagle" in text else []
        return {
            "action": "GUARDRAIL_INTERVENED" if found else "NONE",
            "outputs": [{"text": "No."}] if found else [],
            "assessments": [{"wordPolicy": {"customWords": found, "managedWordLists": []}}] if found else [],
            "usage": {},
        }


def test_each_difference_is_reported_with_both_sides(tmp_path: Path) -> None:
    """A mask that only one side makes, a block that only the other makes; equal verdicts are only counted."""
    embedded = EmbeddedGuardrails(tmp_path)
    chosen = judge(Layer.PREPROCESS, "preprocess", WORDS, None, embedded, (Direction.INPUT,))
    rows = [
        {"id": "word", "text": "Where is project falcon?"},
        {"id": "mail", "text": "Write to ann@example.com."},
        {"id": "bird", "text": "An eagle has landed."},
        {"id": "plain", "text": "When do you open?"},
        {"id": "answer", "query": "Where?", "completion": "The falcon is here.", "kind": "response"},
    ]
    items = [item_of(row, number) for number, row in enumerate(rows, 1)]
    pairs = list(compare(items, [chosen], Guardrails(embedded), Guardrails(Deployed())))
    assert [(pair.item, pair.relation) for pair in pairs] == [
        ("word", "same"), ("mail", "stricter here"), ("bird", "stricter there"), ("plain", "same"),
    ]  # fmt: skip
    found = summary(pairs)
    assert found["verdicts"] == {"same": 2, "stricter here": 1, "stricter there": 1}
    (mail,) = (sides for name, sides in found["findings"].items() if "EMAIL" in name)
    assert mail == {"embedded only": 1}
    lines = list(report(pairs))
    assert lines[0].startswith("mail  preprocess INPUT  stricter here: embedded masked (")
    assert lines[-1] == "4 verdicts, 2 the same, 1 stricter here, 1 stricter there"
    assert not any("ann@example.com" in line for line in lines)


def test_equal_outcomes_by_different_findings_are_a_difference() -> None:
    """Both block, one for a topic and one for a word."""
    pair = Pair("1", "model", "INPUT", Side("blocked", ("topic A",)), Side("blocked", ("word B",)))
    assert pair.relation == "other findings"


def test_the_request_is_the_one_that_the_guardrail_was_made_from(tmp_path: Path) -> None:
    """GetGuardrail's read shape of every shipped guardrail, turned into a request again."""
    control = JsonService("bedrock", Bedrock(tmp_path / "bedrock.sqlite").control)
    for request in read_guardrail_files([ROOT / "guardrails"]).values():
        made = control.call("CreateGuardrail", dict(request))
        shown = control.call("GetGuardrail", {"guardrailIdentifier": made["guardrailId"]})
        assert creation(shown) == {name: value for name, value in request.items() if name != "tags"}
