"""What is installed on this machine: Python, packages, model files, the project."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import version

from stepguard import __version__
from stepguard.cli.doctor.checks import Check, checked
from stepguard.project.folder import builtin_project, find_project
from stepguard.project.models import broken_files, packages

PACKAGES = (
    ("xllamacpp", "runs the local language model"),
    ("onnxruntime", "runs the encoder"),
    ("onnx", "builds the encoder's graph"),
    ("moto", "answers for the other AWS services"),
)


def installation() -> Iterator[Check]:
    """Needed by the embedded AWS; with `--aws` only Python and the project count."""
    major, minor, micro = sys.version_info[:3]
    found = f"Python {major}.{minor}.{micro}"
    yield Check("stepguard", sys.version_info >= (3, 11), f"version {__version__}, {found}")
    yield checked("project", _project)


def embedded_parts() -> Iterator[Check]:
    """The packages and model files of the embedded AWS."""
    for package, what in PACKAGES:
        if importlib.util.find_spec(package) is None:
            yield Check(package, False, f"is not installed; it {what}: pip install 'stepguard[local]'")
    for package in packages():
        yield _model(package, needed=True)
    for package in packages("images"):
        yield _model(package, needed=False)


def _project() -> str:
    project = find_project()
    if project.root == builtin_project().root:
        return f"none around this folder; the built-in one is used ({project.root}). Create one: stepguard init DIR"
    return str(project.root)


def _model(package: str, *, needed: bool) -> Check:
    name = f"model files {package}"
    option = "" if needed else " --images"
    if importlib.util.find_spec(package) is None:
        detail = f"not installed: stepguard models install{option}"
        return Check(name, False if needed else None, detail if needed else f"{detail} (only for images)")
    if broken := broken_files(package):
        return Check(name, False, f"{'; '.join(broken)}. Install again: stepguard models install{option}")
    return Check(name, True, f"version {version(package.replace('_', '-'))}, every file as published (hashes)")
