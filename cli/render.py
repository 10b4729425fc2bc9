"""What the terminal shows. Text of users and models is shown as text: control characters never reach the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from functions.core.trace import Trace, Visit


def plain(text: str) -> str:
    """Text without the control characters that could drive a terminal; line ends and tabs stay."""
    return "".join(char if char in "\n\t" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def as_json(value: object) -> str:
    """One JSON object on one line, in ASCII, so that any pipe can carry it."""
    return json.dumps(value, separators=(", ", ": "))


def finding(found: Mapping[str, Any]) -> str:
    """E.g. `PROMPT_ATTACK BLOCKED (content, HIGH)`."""
    detail = [str(found["policy"]).replace("_", " ")]
    if found.get("confidence"):
        detail.append(str(found["confidence"]))
    if found.get("score") is not None:
        detail.append(f"score {found['score']:.2f} of {found.get('threshold', 0):.2f}")
    seen = "seen" if found["action"] == "NONE" else str(found["action"])
    return plain(f"{found['name']} {seen} ({', '.join(detail)})")


def findings(found: Iterable[Mapping[str, Any]]) -> str:
    """The findings of a stage in a line, each kind once, what acted first."""
    ordered = sorted(found, key=lambda item: (item["action"] == "NONE", item["action"] != "BLOCKED"))
    return "; ".join(dict.fromkeys(finding(item) for item in ordered))


def milliseconds(value: float | None) -> str:
    """A duration for people: ms below ten seconds."""
    if value is None:
        return "…"
    return f"{value:,.0f} ms" if value < 10_000 else f"{value / 1000:,.1f} s"


def story(trace: Trace) -> list[str]:
    """One line a state: name, duration, verdict, findings, retries and errors."""
    width = max((len(visit.state) for visit in trace.visits), default=0)
    lines = [
        f"  {visit.state:<{width}}  {milliseconds(visit.milliseconds):>9}  {_what(visit)}".rstrip()
        for visit in trace.visits
    ]
    total = f"{trace.status}, {milliseconds(trace.milliseconds)}"
    if trace.error:
        total += f", {plain(trace.error)}" + (f": {plain(trace.cause)}" if trace.cause else "")
    return [*lines, f"  {total}"]


def _what(visit: Visit) -> str:
    parts = []
    if visit.result is not None:
        parts.append(str(visit.result.get("outcome", "")))
        parts.append(findings(visit.result.get("findings", [])))
    if visit.attempts > 1:
        parts.append(f"{visit.attempts} attempts")
    if visit.error:
        parts.append(f"failed: {plain(visit.error)}")
    return "  ".join(part for part in parts if part)
