"""The part of the installed stepguard package that runs in Lambda: found on disk, never an index's namesake."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
"""The installed stepguard package."""

LAMBDA_PART = ("__init__.py", "guard", "evaluation", "trace", "aws")
"""What of the package runs in Lambda."""


class InstallationChanged(Exception):
    """An installed file is not one that the wheel brought; the message names it."""


@dataclass(frozen=True, slots=True)
class LambdaPart:
    """The files, in order, and one digest over their names and contents."""

    files: tuple[Path, ...]
    sha256: str


def find_lambda_part() -> LambdaPart:
    """The files of the installed package.

    Raises InstallationChanged if a file differs from the wheel's RECORD, or is not in it.
    """
    files = tuple(sorted(file for name in LAMBDA_PART for file in _python_files(PACKAGE / name)))
    recorded = _recorded_digests()
    from_wheel = any(file in recorded for file in files)  # the RECORD of a clone's editable install has none of them
    total = hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        if from_wheel and recorded.get(file) != _record_digest(content):
            raise InstallationChanged(f"{file} was changed or added after the installation: install stepguard again.")
        total.update(f"{file.relative_to(PACKAGE).as_posix()}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return LambdaPart(files, total.hexdigest())


def _python_files(place: Path) -> list[Path]:
    return [place] if place.is_file() else [file for file in place.rglob("*.py") if "__pycache__" not in file.parts]


def _recorded_digests() -> dict[Path, str]:
    """What the wheel's RECORD says of each file (PEP 376: urlsafe base64 without padding)."""
    try:
        files = distribution("stepguard").files or []
    except PackageNotFoundError:
        return {}
    return {Path(str(file.locate())).resolve(): file.hash.value for file in files if file.hash is not None}


def _record_digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
