"""The generated pages are what the code says now."""

from __future__ import annotations

import re

import pytest
import yaml
from openapi_spec_validator import validate

from docs.generate import openapi, schemas, settings
from docs.generate.pages import FOLDER, PAGES
from functions import chat_api, evaluations_api
from stepguard.cli.commands import COMMANDS
from stepguard.guard.settings import _PREFIXES
from tests.paths import ROOT

HINT = "run make docs"


@pytest.mark.parametrize("name", [name for name in PAGES if name != "cli.md"])
def test_page_is_generated_from_the_code(name: str) -> None:
    """The committed page is the generator's."""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), HINT


def test_help_of_commands_is_generated_from_the_parsers() -> None:
    """Compared without white space and line ends: Python versions wrap help differently."""
    written = (FOLDER / "cli.md").read_text(encoding="utf-8")
    assert written.split() == PAGES["cli.md"]().split(), HINT
    assert set(COMMANDS) <= set(re.findall(r"^## stepguard ([\w-]+)$", written, re.MULTILINE))


def test_api_document_is_valid_openapi() -> None:
    """A validator of OpenAPI 3.1 accepts it, references included."""
    validate(yaml.safe_load((FOLDER / "openapi.yaml").read_text(encoding="utf-8")))


def test_api_document_has_the_members_of_the_bodies() -> None:
    """Each member that a handler accepts is declared, and no other."""
    assert set(schemas.SCHEMAS["Question"]["properties"]) == chat_api._MEMBERS
    assert set(schemas.SCHEMAS["Corpus"]["properties"]) == evaluations_api._MEMBERS


def test_route_without_an_operation_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new route of app.py must be documented."""
    monkeypatch.delitem(openapi.OPERATIONS, "GET /health")
    with pytest.raises(LookupError, match="GET /health"):
        openapi.document()


def test_every_variable_of_the_template_and_the_settings_has_a_meaning() -> None:
    """The settings' names come from the source and the template, the meanings from the page."""
    source = (ROOT / "stepguard/guard/settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'"((?:LLM|EMPTY|ERROR|PREPROCESS|BEDROCK|POSTPROCESS)[A-Z_]+)"', source)) - {
        "EMPTY",
        *_PREFIXES,
    }
    assert read <= set(settings.MEANINGS)
    assert set(settings.parameters_of_variables()) == set(settings.MEANINGS)
    assert set(settings.defaults()) <= set(settings.MEANINGS)
