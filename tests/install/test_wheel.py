"""The wheel in empty environments and empty folders: `make test-install`, minutes for each Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paths import ROOT

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(os.environ.get("STEPGUARD_INSTALL") != "1", reason="builds environments: make test-install"),
]
PYTHONS = os.environ.get("PYTHONS", sys.executable).split()
UV = ROOT / "build" / "uv" / "bin" / "uv"
COMMANDS = ("demo", "chat hi", "serve", "package", "history", "guardrail lint", "evaluate x", "doctor", "deploy dev")


def run(*command: str | Path, cwd: Path, seconds: float = 600) -> subprocess.CompletedProcess[str]:
    """Run a command without the repository on the path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STEPGUARD"))}
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@pytest.fixture(name="wheel", scope="module")
def _wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    folder = tmp_path_factory.mktemp("wheel")
    built = run(UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stderr
    return next(folder.glob("*.whl"))


@pytest.fixture(name="bin", params=PYTHONS, scope="module")
def _bin(request: pytest.FixtureRequest, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An environment with the wheel alone: no dependency."""
    folder = tmp_path_factory.mktemp("environment")
    for command in (
        ("venv", "--quiet", "--python", request.param, folder / "venv"),
        ("pip", "install", "--quiet", "--python", folder / "venv", wheel),
    ):
        result = run(UV, *command, cwd=folder)
        assert result.returncode == 0, result.stderr
    yield folder / "venv" / "bin"
    shutil.rmtree(folder)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_missing_extra_is_one_sentence(bin: Path, command: str, tmp_path: Path) -> None:
    """With the command that brings it; never a traceback."""
    result = run(bin / "stepguard", *command.split(), cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert len(result.stderr.strip().splitlines()) == 1
    assert "pip install 'stepguard[local] @ file://" in result.stderr


def test_the_base_needs_no_dependency(bin: Path, tmp_path: Path) -> None:
    """`--version`, `--help`, `init` and `diff` work with the standard library."""
    for command in (("--version",), ("--help",), ("init", "clinic"), ("diff",)):
        result = run(bin / "stepguard", *command, cwd=tmp_path)
        assert result.returncode == 0, result.stderr


def test_a_new_project_runs_and_is_packaged(bin: Path, wheel: Path, tmp_path: Path) -> None:
    """Install, init, demo, package, and cfn-lint finds nothing in the template."""
    installed = run(
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        bin / "python",
        f"stepguard[local] @ {wheel.as_uri()}",
        cwd=tmp_path,
    )
    assert installed.returncode == 0, installed.stderr
    missing = run(bin / "stepguard", "demo", cwd=tmp_path)
    assert (missing.returncode, "stepguard models install" in missing.stderr) == (2, True)
    for command in (("models", "install"), ("init", "clinic")):
        result = run(bin / "stepguard", *command, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    project = tmp_path / "clinic"
    demo = run(bin / "stepguard", "demo", "--only", "questions", cwd=project)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "8 of 8 answers are as expected" in demo.stdout
    package = run(bin / "stepguard", "package", cwd=project)
    assert package.returncode == 0, package.stderr
    lint = run(Path(sys.executable).with_name("cfn-lint"), project / "build" / "package" / "sam.yaml", cwd=project)
    assert lint.returncode == 0, lint.stdout
