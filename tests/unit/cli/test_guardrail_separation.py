"""`stepguard guardrail lint --probe`: how well a topic separates from what is near it."""

from __future__ import annotations

from embedded_aws.bedrock.detectors.likeness import Topic
from stepguard.cli.guardrail.separation import probes, separation


def test_a_common_subject_is_probed_with_its_sentences() -> None:
    """A clear definition of weapons separates; the probes are those of the subject."""
    found = separation(Topic("Weapons", "Buying, making or using firearms, knives and explosives.", ()))
    assert found.found >= 0.7
    assert found.flagged <= 0.15
    assert found.level == "note"
    assert "generated probes" in found.message


def test_another_topic_is_probed_with_what_its_definition_lists() -> None:
    """Questions made from each listed part, to deny and near."""
    denied, near = probes(Topic("Stamps", "Stamp albums, rare stamps and postmarks.", ()))
    assert "Where is the office for rare stamps?" in near
    assert "I need help with postmarks." in denied
