"""Documentation that cannot drift: what the pages list is what there is."""

from __future__ import annotations

import json
import re

import pytest

from stepguard.guard import settings
from tests.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")


def test_state_table_of_the_readme_is_the_definition() -> None:
    """Each state with its type, in the definition's order."""
    states = json.loads((ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8"))["States"]
    rows = re.findall(r"^\| (\S+) \| (Task|Choice|Pass|Succeed|Fail) \|", README, re.MULTILINE)
    assert rows == [(name, state["Type"]) for name, state in states.items()]


def test_links_of_the_pages_lead_somewhere() -> None:
    """Every relative link in the README and the docs is a file of the project."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


@pytest.mark.parametrize(
    "variable",
    sorted(set(re.findall(r'"((?:LLM|EMPTY|ERROR)[A-Z_]+)"', (ROOT / "stepguard/guard/settings.py").read_text()))),
)
def test_setting_is_documented(variable: str) -> None:
    """The table has every environment variable that the settings read."""
    assert f"`{variable}`" in SETTINGS


def test_guardrail_variables_are_documented() -> None:
    """So do the six variables of the layers."""
    for pair in settings.VARIABLES.values():
        for variable in pair:
            assert f"`{variable}`" in SETTINGS


def test_make_targets_of_the_readme_exist() -> None:
    """No command of the README is missing from the Makefile, and each target says what it does."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    described = set(re.findall(r"^([a-z0-9-]+):.*## \S", makefile, re.MULTILINE))
    assert set(re.findall(r"`?make ([a-z0-9-]+)", README)) <= described
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony
    assert set(phony[1].split()) == described
