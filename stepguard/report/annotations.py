"""Workflow commands of GitHub Actions: annotations for limits and items. No text of a corpus.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands: a value's `%` and line ends are
escaped, a property's `:` and `,` too, so that a name cannot end a command or start another.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from stepguard.report.gates import Checked
from stepguard.report.items import checkable

MOST = 10
"""GitHub displays ten annotations of a kind a step."""


def lines_of(checked: Sequence[Checked], results: Path, corpus: str | None) -> Iterator[str]:
    """An error for each limit that is not kept, and a warning for each of the first items that are wrong."""
    broken = [limit for limit in checked if not limit.passed]
    for limit in broken[:MOST]:
        yield _command("error", limit.text, title="stepguard: limit not kept")
    for item in islice((item for item in checkable(results) if item.problem), MOST):
        place = {"file": corpus, "line": str(item.line)} if corpus and item.line else {}
        yield _command("warning", f"{item.id}: {item.problem}", **place, title="stepguard: item to check")


def _command(name: str, message: str, **properties: str) -> str:
    written = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {written}::{_value(message)}"


def _value(text: str) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _property(text: str) -> str:
    return _value(text).replace(":", "%3A").replace(",", "%2C")
