"""The results of a verification: kept between runs, printed as a table, without what identifies the account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from stepguard import __version__
from stepguard.verification.plan import STEPS, total_dollars
from stepguard.verification.redaction import redact

RESULTS, REPORT = "results.json", "report.md"


class Status(StrEnum):
    """How a step ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "not possible here"


@dataclass(frozen=True, slots=True)
class Result:
    """The last run of a step; `detail` is redacted. `at` is an ISO time."""

    step: str
    status: Status
    detail: str
    seconds: float
    at: str


def load(folder: Path) -> dict[str, Result]:
    """The results of earlier runs by step; empty without any."""
    try:
        rows = json.loads((folder / RESULTS).read_text(encoding="utf-8"))["results"]
        found = [Result(**{**row, "status": Status(row["status"])}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return {result.step: result for result in found}


def save(folder: Path, results: Mapping[str, Result], where: str) -> None:
    """Write results.json and report.md. `where` describes the account or emulator. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    known = [results[step.name] for step in STEPS if step.name in results]
    document = {"stepguard": __version__, "where": where, "results": [asdict(result) for result in known]}
    (folder / RESULTS).write_text(json.dumps(redact(document), indent=2) + "\n", encoding="utf-8")
    lines = [
        f"# Verification of stepguard {__version__} on {where}",
        "",
        f"All steps cost at most USD {total_dollars(STEPS):.2f}. Account numbers, keys and host names are replaced.",
        "",
        "| step | promise | result | seconds | found |",
        "|---|---|---|--:|---|",
    ]
    for step in STEPS:
        result = results.get(step.name)
        row = ("not run", "", "") if result is None else (result.status, f"{result.seconds:.0f}", result.detail)
        cells = " | ".join(str(redact(cell)).replace("|", "\\|").replace("\n", " ") for cell in row)
        lines.append(f"| {step.name} | {' '.join(step.promise.split())} | {cells} |")
    (folder / REPORT).write_text("\n".join(lines) + "\n", encoding="utf-8")
