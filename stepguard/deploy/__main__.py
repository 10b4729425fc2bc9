"""`python -m stepguard.deploy [FOLDER]`: build the package into a folder (build/package by default)."""

from __future__ import annotations

import sys
from pathlib import Path

from stepguard.deploy.package import PackagingError, build

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Exit code 0, 1 when the package cannot be built, 2 for bad usage."""
    if len(arguments) > 1:
        sys.stderr.write("usage: python -m stepguard.deploy [FOLDER]\n")
        return 2
    try:
        package = build(ROOT, Path(arguments[0] if arguments else "build/package"))
    except PackagingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{package.archive}: {package.files} files, {package.size:,} bytes, sha256 {package.sha256}\n")
    sys.stdout.write(f"{package.template}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
