"""Copying parts of the application into a project, and comparing them later."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stepguard.cli.main import main
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.project.creation import create_project
from stepguard.project.ejection import PARTS, RECORD, Change, differences, eject, ejected_parts, outdated_parts
from stepguard.project.folder import Project, builtin_project


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    """A new project beside a small package whose files a test may change."""
    create_project(tmp_path / "clinic")
    package = tmp_path / "package"
    for name in ("app.py", "functions/chat_api.py", "statemachine/chat.asl.json", ".chalice/policy-guard_input.json"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(f"{name}\nfirst\n")
    return Project(tmp_path / "clinic", package)


def changes(project: Project) -> dict[str, Change]:
    """Each file of the ejected parts with its change."""
    return {item.name: item.change for item in differences(project)}


@pytest.mark.parametrize("part", PARTS)
def test_an_ejected_part_is_the_packages(project: Project, part: str) -> None:
    """Every file is copied and unchanged at first."""
    names = eject(project, part)
    assert names
    assert ejected_parts(project) == [part]
    assert changes(project) == dict.fromkeys(names, Change.UNCHANGED)


def test_functions_come_with_the_application_that_declares_them(project: Project) -> None:
    """app.py is the table of routes and Lambdas."""
    assert eject(project, "functions") == ["app.py", "functions/chat_api.py"]
    assert project.application == project.root


def test_the_change_of_a_team_and_of_the_package_are_reported_apart(project: Project) -> None:
    """Digests at the time of the copy decide."""
    eject(project, "functions")
    eject(project, "statemachine")
    (project.root / "app.py").write_text("mine\n")
    (project.builtin / "functions/chat_api.py").write_text("newer\n")
    own, package = project.root / "statemachine/chat.asl.json", project.builtin / "statemachine/chat.asl.json"
    own.write_text("mine\n")
    package.write_text("newer\n")
    (project.root / "statemachine/review.asl.json").write_text("{}")
    (project.builtin / "functions/review_api.py").write_text("new\n")
    assert changes(project) == {
        "app.py": Change.YOURS,
        "functions/chat_api.py": Change.PACKAGE,
        "functions/review_api.py": Change.MISSING,
        "statemachine/chat.asl.json": Change.BOTH,
        "statemachine/review.asl.json": Change.ADDED,
    }
    lines = next(item.lines for item in differences(project) if item.name == "functions/chat_api.py")
    assert "+newer" in lines


def test_a_part_is_ejected_once(project: Project) -> None:
    """A second copy would overwrite a team's changes."""
    eject(project, "policies")
    with pytest.raises(InvalidRequest, match=r"policy-guard_input\.json is in this project already"):
        eject(project, "policies")


def test_the_package_itself_is_no_project(tmp_path: Path) -> None:
    """Outside a project there is no place for the copies."""
    with pytest.raises(InvalidRequest, match="stepguard init"):
        eject(builtin_project(), "functions")


def test_a_part_of_another_version_is_named(project: Project) -> None:
    """Packaging warns of it."""
    eject(project, "statemachine")
    assert outdated_parts(project) == {}
    record = json.loads((project.root / RECORD).read_text())
    record["statemachine"]["version"] = "0.0.9"
    (project.root / RECORD).write_text(json.dumps(record))
    assert outdated_parts(project) == {"statemachine": "0.0.9"}


@pytest.mark.parametrize("text", ["{", "[]", '{"functions": 1}'])
def test_a_damaged_record_is_named(project: Project, text: str) -> None:
    """No guess is made about what a team changed."""
    (project.root / RECORD).write_text(text)
    with pytest.raises(ConfigurationError, match=r"ejected\.json: cannot be read"):
        list(outdated_parts(project))


def test_the_commands_in_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """eject, then diff: first nothing differs, then the changed file with its lines."""
    create_project(tmp_path / "clinic")
    monkeypatch.chdir(tmp_path / "clinic")
    assert main(["diff"]) == 0
    assert "Nothing is ejected" in capsys.readouterr().out
    assert main(["eject", "policies"]) == 0
    assert main(["diff"]) == 0
    assert "0 of 16 files differ" in capsys.readouterr().out
    Path(".chalice/policy-guard_input.json").write_text("{}\n")
    assert main(["diff"]) == 0
    printed = capsys.readouterr().out
    assert ".chalice/policy-guard_input.json: changed by you" in printed
    assert "  -{}" in printed
