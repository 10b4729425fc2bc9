"""For continuous integration: `--junit FILE`, `--summary FILE`, and annotations of GitHub Actions."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stepguard.cli.evaluate.output import RESULTS
from stepguard.guard.errors import InvalidRequest
from stepguard.report.annotations import lines_of
from stepguard.report.gates import Checked
from stepguard.report.junit import write_junit
from stepguard.report.markdown import summary_of

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add `--junit` and `--summary`."""
    parser.add_argument("--junit", metavar="FILE", help="write limits and items as JUnit XML")
    parser.add_argument("--summary", metavar="FILE", help='write a Markdown summary, e.g. "$GITHUB_STEP_SUMMARY"')


def check_files(arguments: argparse.Namespace) -> None:
    """Raise InvalidRequest for a file that cannot be written, before the run costs anything."""
    for option in ("junit", "summary"):
        name = getattr(arguments, option)
        if name is None:
            continue
        file = Path(name).expanduser()
        if not name or file.is_dir():
            raise InvalidRequest(f"--{option} {name}: name a file.")
        place = file if file.exists() else file.parent
        if not os.access(place, os.W_OK):
            raise InvalidRequest(f"--{option} {name}: {place} does not exist, or cannot be written to.")


def write(
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    card: Mapping[str, Any],
    folder: Path,
    checked: Sequence[Checked],
    *,
    tolerate: bool,
) -> None:
    """Write the files of the options, and annotations where GitHub Actions runs the command.

    With `tolerate`, limits were set: items that were not as expected are failures of JUnit's only if one is not kept.
    """
    results = folder / RESULTS
    if arguments.junit:
        kept = all(limit.passed for limit in checked)
        write_junit(Path(arguments.junit).expanduser(), about, checked, results, tolerate=tolerate and kept)
    if arguments.summary:
        # Other commands of the same step add to GitHub's file; any other file is this run's alone.
        mode = "a" if arguments.summary == os.environ.get(STEP_SUMMARY) else "w"
        with Path(arguments.summary).expanduser().open(mode, encoding="utf-8") as target:
            target.write(summary_of(about, card, checked, results))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in lines_of(checked, results, _corpus(arguments)):
            print(line, file=sys.stderr)


def _corpus(arguments: argparse.Namespace) -> str | None:
    """The corpus as a path that GitHub can find in the repository; None if it is no file here."""
    path = Path(arguments.corpus).expanduser() if arguments.corpus else None
    if path is None or not path.is_file():
        return None
    root = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    absolute = path.resolve()
    return absolute.relative_to(root.resolve()).as_posix() if absolute.is_relative_to(root.resolve()) else None
