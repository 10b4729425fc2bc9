"""Packages of projects that own only a part of their files, and the installed package's part of the zip."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import yaml

from stepguard.deploy import lambda_part
from stepguard.deploy.lambda_part import PACKAGE, InstallationChanged, find_lambda_part
from stepguard.deploy.package import build
from stepguard.project.creation import create_project
from stepguard.project.ejection import eject
from stepguard.project.folder import Project, find_project
from tests.packaging.conftest import Built


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Project:
    """A new project."""
    create_project(tmp_path / "clinic")
    return find_project(tmp_path / "clinic")


def names_of(archive: Path) -> list[str]:
    """The files in a zip."""
    with zipfile.ZipFile(archive) as packed:
        return packed.namelist()


def test_a_new_project_deploys_the_packages_application(project: Project, built: Built) -> None:
    """The same files as the repository's own package."""
    assert names_of(build(project, project.root / "out").archive) == built.names


def test_a_changed_function_is_deployed(project: Project) -> None:
    """What a team ejected and edited is in the zip; the rest is the package's."""
    eject(project, "functions")
    (project.root / "functions" / "guard_input.py").write_text(
        "# mine\n" + (PACKAGE.parent / "functions/guard_input.py").read_text()
    )
    package = build(project, project.root / "out")
    with zipfile.ZipFile(package.archive) as packed:
        assert packed.read("functions/guard_input.py").startswith(b"# mine\n")
        assert packed.read("stepguard/guard/verdict.py") == (PACKAGE / "guard" / "verdict.py").read_bytes()


def test_the_guardrails_of_the_project_are_deployed(project: Project) -> None:
    """Not the package's."""
    file = project.root / "guardrails" / "preprocess.yaml"
    file.write_text(f"blockedInputMessaging: Ask the desk.\n{file.read_text()}")
    (project.root / "settings.yaml").write_text("BLOCKEDMESSAGE: Call the ward.\n")
    template = yaml.safe_load(build(project, project.root / "out").template.read_text())["Resources"]
    made = {name: item["Properties"] for name, item in template.items() if item["Type"] == "AWS::Bedrock::Guardrail"}
    messages = {name: (item["BlockedInputMessaging"], item["BlockedOutputsMessaging"]) for name, item in made.items()}
    assert messages == {
        "GuardrailPreprocess": ("Ask the desk.", "Call the ward."),
        "GuardrailModel": ("Call the ward.", "Call the ward."),
        "GuardrailPassages": ("Call the ward.", "Call the ward."),
        "GuardrailPostprocess": ("Call the ward.", "Call the ward."),
    }


def test_the_part_of_the_installed_package_has_one_digest() -> None:
    """The same files give the same digest; only what runs in Lambda is in it."""
    part = find_lambda_part()
    assert part == find_lambda_part()
    assert {file.relative_to(PACKAGE).parts[0] for file in part.files} == {
        "__init__.py",
        "guard",
        "evaluation",
        "trace",
        "aws",
    }


def recorded_digests() -> dict[Path, str]:
    """A RECORD with the right digest of every file."""
    return {file: lambda_part._record_digest(file.read_bytes()) for file in find_lambda_part().files}


def test_an_untouched_wheel_is_packaged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digests that agree change nothing."""
    recorded, expected = recorded_digests(), find_lambda_part()
    monkeypatch.setattr(lambda_part, "_recorded_digests", lambda: recorded)
    assert find_lambda_part() == expected


@pytest.mark.parametrize("digest", ["another", None], ids=["changed", "added"])
def test_a_file_that_the_wheel_did_not_bring_is_refused(monkeypatch: pytest.MonkeyPatch, digest: str | None) -> None:
    """A patched installation must not reach AWS unnoticed, nor a file that somebody put there."""
    recorded, file = recorded_digests(), PACKAGE / "guard" / "verdict.py"
    del recorded[file]
    monkeypatch.setattr(lambda_part, "_recorded_digests", lambda: recorded | ({file: digest} if digest else {}))
    with pytest.raises(InstallationChanged, match=r"verdict\.py was changed or added after the installation"):
        find_lambda_part()
