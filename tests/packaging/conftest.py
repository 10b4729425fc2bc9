"""The package, built once per test session from a copy of the project's files."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from stepguard.deploy.package import Package, build
from stepguard.project.folder import Project

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (".chalice", "app.py", "functions", "guardrails", "requirements.txt", "statemachine")
"""All that packaging reads; a copy keeps the build away from the work tree and its caches."""


@dataclass(frozen=True, slots=True)
class Built:
    """A package: the result of `build`, its folder, the template, the names in the zip."""

    package: Package
    root: Path
    folder: Path
    template: dict[str, Any]
    names: list[str]

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of the template's resources of a type, by logical id."""
        return {
            name: item["Properties"] for name, item in self.template["Resources"].items() if item.get("Type") == kind
        }


def copy_project(target: Path) -> Path:
    """Copy the files that packaging reads, without anything that was built or compiled."""
    target.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy2(ROOT / name, target / name)
    return target


def package(root: Path, folder: str = "build/package") -> Package:
    """Package the project in `root`, which is complete."""
    return build(Project(root, root), root / folder)


def read(root: Path, package: Package) -> Built:
    """Open a package that was built in `root`."""
    template = root / package.template
    with zipfile.ZipFile(root / package.archive) as archive:
        names = archive.namelist()
    return Built(package, root, template.parent, yaml.safe_load(template.read_text(encoding="utf-8")), names)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The project's package."""
    root = copy_project(tmp_path_factory.mktemp("first") / "project")
    return read(root, package(root, "build/package"))


@pytest.fixture(scope="session")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The same package built elsewhere, from files of another age, with compiled Python lying about."""
    root = copy_project(tmp_path_factory.mktemp("second") / "another folder")
    for file in root.rglob("*"):
        if file.is_file() and not file.is_symlink():
            os.utime(file, (1_500_000_000, 1_500_000_000))
    compiled = root / "functions" / "__pycache__"
    compiled.mkdir()
    (compiled / "answer.cpython-311.pyc").write_bytes(b"compiled")
    return read(root, package(root, "out/of/the/way"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project to spoil."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def cfn_lint() -> Callable[[Path], str]:
    """cfn-lint with its informational checks too; gives what it complains about."""

    def run(template: Path) -> str:
        program = "import sys; from cfnlint.runner import main; sys.exit(main())"
        command = [sys.executable, "-c", program, "--include-checks", "I", "--", str(template)]
        result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=template.parent)
        assert bool(result.returncode) == bool(result.stdout.strip()), result.stderr
        return result.stdout

    return run
