"""Which project a command works on, and which of its files come from the installed package."""

from __future__ import annotations

from pathlib import Path

import pytest

from stepguard.guard.errors import ConfigurationError
from stepguard.project.creation import create_project
from stepguard.project.folder import Project, builtin_project, find_project
from tests.paths import ROOT


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    """A new project."""
    create_project(tmp_path / "clinic")
    return find_project(tmp_path / "clinic")


def test_a_project_is_found_from_any_folder_below_it(project: Project) -> None:
    """A person may be in corpora/ when they run a command."""
    assert find_project(project.root / "corpora") == project
    assert project.builtin == ROOT


def test_outside_a_project_the_package_runs_its_own(tmp_path: Path) -> None:
    """`stepguard demo` works in an empty folder."""
    assert find_project(tmp_path) == builtin_project() == Project(ROOT, ROOT)


def test_what_a_project_lacks_comes_from_the_package(project: Project) -> None:
    """Guardrails are the team's; the definitions are the package's until they are ejected."""
    assert project.path("guardrails/model.yaml").is_relative_to(project.root)
    assert project.path("statemachine/chat.asl.json") == ROOT / "statemachine/chat.asl.json"
    assert project.application == ROOT


def test_an_own_definition_wins(project: Project) -> None:
    """A file in the project replaces the package's."""
    own = project.root / "statemachine/chat.asl.json"
    own.parent.mkdir()
    own.write_text('{"Resource": "${GuardInputFunctionArn}"}')
    assert project.chat_definition({"guard_input": "arn:x"}) == '{"Resource": "arn:x"}'


def test_a_placeholder_without_a_lambda_is_named(project: Project) -> None:
    """Starting with half of the Lambdas would fail at the first question."""
    with pytest.raises(ConfigurationError, match=r"chat\.asl\.json: there is no Lambda for \$\{\w+FunctionArn\}"):
        project.chat_definition({})


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"stages": {"dev": {"lambda_functions": {"a": {}}}}}'])
def test_settings_that_cannot_be_read_name_the_file(project: Project, text: str) -> None:
    """A typing error in .chalice/config.json is a message, not a traceback."""
    (project.root / ".chalice/config.json").write_text(text)
    with pytest.raises(
        ConfigurationError, match=r"\.chalice/config\.json(: has no member|: stages|, line 1: is not valid JSON)"
    ):
        project.lambdas()


def test_a_team_sets_the_time_outs_and_memory_of_its_lambdas(project: Project) -> None:
    """.chalice/config.json of the project is read, not the package's."""
    config = project.root / ".chalice/config.json"
    config.write_text(config.read_text().replace('"lambda_timeout": 300', '"lambda_timeout": 120'))
    assert {entry.name: entry.timeout for entry in project.lambdas()}["invoke_model"] == 120
