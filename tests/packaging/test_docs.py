"""Claims of the documents about the deployment that a machine can check."""

from __future__ import annotations

import re

import pytest

from tests.packaging.conftest import ROOT

THREATS = (ROOT / "docs" / "operate" / "threat-model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[\w/]+\.py::\w+)`", THREATS))))
def test_every_control_is_proved_by_a_test_that_exists(named: str) -> None:
    """docs/operate/threat-model.md names no test that is gone."""
    file, _, name = named.partition("::")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_every_risk_of_owasp_is_reported() -> None:
    """LLM01 to LLM10, in order, each with a control."""
    rows = re.findall(r"^\| (LLM\d\d) [\w ,]+ \| (.+?) \| .+ \|$", THREATS, re.MULTILINE)
    assert [risk for risk, _ in rows] == [f"LLM{number:02}" for number in range(1, 11)]
