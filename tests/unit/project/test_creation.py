"""What `stepguard init` writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from stepguard.cli.main import main
from stepguard.guard.errors import InvalidRequest
from stepguard.project.creation import create_project
from tests.paths import ROOT


def test_a_project_holds_only_what_a_team_owns(tmp_path: Path) -> None:
    """Guardrails, corpora, settings, README; no code."""
    names = create_project(tmp_path / "clinic")
    assert {name.partition("/")[0] for name in names} == {
        ".chalice",
        ".gitignore",
        "README.md",
        "corpora",
        "deploy",
        "guardrails",
        "requirements.txt",
        "settings.yaml",
    }
    assert not [name for name in names if name.endswith((".py", ".asl.json")) or "policy" in name]
    for name in ("guardrails/preprocess.yaml", "corpora/healthcare.jsonl"):
        assert (tmp_path / "clinic" / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.process
def test_a_project_is_created_without_the_extras(tmp_path: Path) -> None:
    """By the standard library, as `pip install stepguard` leaves it."""
    program = (
        "import sys; sys.modules['yaml'] = None; from stepguard.cli.main import main; sys.exit(main(['init', 'x']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "init", "x"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("folder", "name"),
    [("clinic", "clinic"), ("My Clinic!", "my-clinic"), ("Klinik Süd", "klinik-s-d"), ("§", "stepguard")],
)
def test_the_application_is_named_after_the_folder(tmp_path: Path, folder: str, name: str) -> None:
    """Chalice takes letters, digits and dashes."""
    create_project(tmp_path / folder)
    assert json.loads((tmp_path / folder / ".chalice/config.json").read_text())["app_name"] == name


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A folder with a file in it, and a file of that name, are refused and stay as they are."""
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InvalidRequest, match="exists and is not empty"):
            create_project(folder)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_prints_the_files_and_the_next_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A second run is bad input."""
    assert main(["init", str(tmp_path / "clinic")]) == 0
    assert "guardrails/model.yaml" in (printed := capsys.readouterr().out)
    assert f"cd {tmp_path / 'clinic'} && stepguard demo" in printed
    assert main(["init", str(tmp_path / "clinic")]) == 2
