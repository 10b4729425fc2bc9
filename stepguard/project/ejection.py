"""Parts of the application that a team copied into its project, and how they differ from the installed package's.

.chalice/ejected.json records for each file the package's version and the file's digest when it was copied, so that a
change by the team and a change of the package can be distinguished.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stepguard import __version__
from stepguard.guard.errors import ConfigurationError, InvalidRequest
from stepguard.project.folder import Project

PARTS: Mapping[str, tuple[str, ...]] = {
    "statemachine": ("statemachine/**/*",),
    "functions": ("app.py", "functions/**/*.py"),
    "policies": (".chalice/policy-*.json",),
}
"""What can be ejected, as patterns of files below the package's application."""

RECORD = ".chalice/ejected.json"
UNKNOWN = "an unknown version"


class Change(StrEnum):
    """How an ejected file compares with the installed package's."""

    UNCHANGED = "unchanged"
    YOURS = "changed by you"
    PACKAGE = "changed in the package"
    BOTH = "changed by you and in the package"
    ADDED = "only in your project"
    MISSING = "only in the package"


@dataclass(frozen=True, slots=True)
class Difference:
    """One file: `lines` is a unified diff from the project's file to the package's."""

    part: str
    name: str
    change: Change
    version: str
    lines: tuple[str, ...]


def eject(project: Project, part: str) -> list[str]:
    """Copy a part of the package's application into the project; returns the names of the files.

    Raises InvalidRequest when the project is the package itself or has one of the files already.
    """
    if project.root == project.builtin:
        raise InvalidRequest("This folder is not a project of yours: run `stepguard init DIR` first, then eject there.")
    names = _files(project.builtin, part)
    for name in names:
        if (project.root / name).exists():
            raise InvalidRequest(f"{name} is in this project already: remove it first, or run `stepguard diff`.")
    record = read_record(project)
    for name in names:
        target = project.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.builtin / name, target)
    record[part] = {"version": __version__, "files": {name: _digest(project.builtin / name) for name in names}}
    (project.root / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return names


def read_record(project: Project) -> dict[str, dict[str, object]]:
    """What was ejected: part to `{version, files: {name: digest}}`. Raises ConfigurationError."""
    file = project.root / RECORD
    if not file.exists():
        return {}
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(record, dict) or not all(isinstance(entry, dict) for entry in record.values()):
            raise ValueError
    except (OSError, ValueError):
        raise ConfigurationError(f"{file}: cannot be read. Restore it, or eject the parts again.") from None
    return record


def ejected_parts(project: Project) -> list[str]:
    """The parts that the project has copies of."""
    if project.root == project.builtin:
        return []
    return [part for part in PARTS if _files(project.root, part)]


def differences(project: Project) -> Iterator[Difference]:
    """Each file of each ejected part, compared with the installed package's."""
    record = read_record(project)
    for part in ejected_parts(project):
        entry = record.get(part, {})
        files = entry.get("files")
        copied: Mapping[str, object] = files if isinstance(files, dict) else {}
        for name in sorted({*_files(project.root, part), *_files(project.builtin, part)}):
            own, package = project.root / name, project.builtin / name
            change = _change(own, package, copied.get(name))
            yield Difference(part, name, change, str(entry.get("version", UNKNOWN)), tuple(_diff(name, own, package)))


def outdated_parts(project: Project) -> dict[str, str]:
    """The ejected parts that were copied from another version, with that version."""
    record = read_record(project)
    versions = {part: str(record.get(part, {}).get("version", UNKNOWN)) for part in ejected_parts(project)}
    return {part: version for part, version in versions.items() if version != __version__}


def _files(folder: Path, part: str) -> list[str]:
    found = {file for pattern in PARTS[part] for file in folder.glob(pattern) if file.is_file()}
    return sorted(file.relative_to(folder).as_posix() for file in found if "__pycache__" not in file.parts)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _change(own: Path, package: Path, copied: object) -> Change:
    if not package.exists():
        return Change.ADDED
    if not own.exists():
        return Change.MISSING
    if own.read_bytes() == package.read_bytes():
        return Change.UNCHANGED
    if copied == _digest(package):
        return Change.YOURS
    return Change.PACKAGE if copied == _digest(own) else Change.BOTH


def _diff(name: str, own: Path, package: Path) -> Iterator[str]:
    before, after = (
        file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
        for file in (own, package)
    )
    yield from difflib.unified_diff(before, after, f"project/{name}", f"package/{name}", lineterm="")
