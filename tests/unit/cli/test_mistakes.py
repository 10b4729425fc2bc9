"""Typical mistakes of new users: each message says what is wrong, where, and what to do."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from stepguard.cli.main import main
from stepguard.project.creation import create_project


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder with one file that is no JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STEPGUARD_HOME", raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("{bad")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    (tmp_path / "broken.yaml").write_text("name: x\nlist: [\n")
    return tmp_path


MISTAKES = {
    "a command with a typing error": (["chatt"], r"Did you mean chat\?\nHelp: stepguard --help"),
    "an action with a typing error": (["guardrail", "aply"], r"Did you mean apply\?\nHelp: stepguard guardrail --help"),
    "an unknown command": (["xyzzy"], r"choose from 'chat', .*\nHelp: stepguard --help"),
    "a history that is no JSON": (
        ["history", "--file", "bad.json"],
        r"bad\.json: Line 1 of the file is not valid JSON",
    ),
    "a history that is missing": (["history", "--file", "no.json"], r"no\.json: No such file"),
    "guardrails that are missing": (["guardrail", "lint", "no.yaml"], r"no\.yaml: there is no such file"),
    "a folder without guardrails": (
        ["guardrail", "lint", "empty"],
        r"no \.yaml file in /.*guardrails/preprocess\.yaml.*stepguard init",
    ),
    "a guardrail in another encoding": (["guardrail", "lint", "latin.yaml"], r"latin\.yaml: is not UTF-8 text"),
    "a guardrail that is no YAML": (
        ["guardrail", "lint", "broken.yaml"],
        r"broken\.yaml, line 3: is not valid YAML \(.+\)",
    ),
    "a project under a file": (
        ["init", "bad.json/p"],
        r"bad\.json/p: the project cannot be created here.*another",
    ),
    "a project over files": (["init", "."], r"exists and is not empty: choose another folder"),
    "a state machine of the embedded AWS": (
        ["replay", "x", "--state-machine", "y"],
        r"--state-machine needs --aws or --endpoint-url",
    ),
}


@pytest.mark.parametrize(("arguments", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_explained(
    folder: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, nothing on the standard output."""
    try:
        code = main(arguments)
    except SystemExit as ended:  # argparse's way
        code = int(ended.code or 0)

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert re.search(said, printed.err, re.DOTALL)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", r"config\.json, line 1: is not valid JSON"),
        ("{}", r"config\.json: has no member 'stages'.*stepguard init"),
        ('{"stages": {"dev": {"lambda_functions": {"guard_input": {"lambda_timeout": "x"}}}}}', r"both numbers"),
    ],
)
def test_a_broken_configuration_stops_packaging(
    folder: Path, content: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before Chalice, which would print a traceback."""
    create_project(folder / "p")
    (folder / "p" / ".chalice" / "config.json").write_text(content)
    monkeypatch.chdir(folder / "p")

    assert main(["package"]) == 1
    assert re.search(said, capsys.readouterr().err)
    shutil.rmtree(folder / "p")
