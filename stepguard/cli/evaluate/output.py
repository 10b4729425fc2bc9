"""The folder with a run's results: written completely, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC
from pathlib import Path
from typing import Any

from stepguard.aws.evaluations import Evaluations
from stepguard.aws.executions import Execution
from stepguard.cli import render
from stepguard.cli.evaluate import quality
from stepguard.cli.evaluate.quality import Judges
from stepguard.cli.evaluate.traffic import fetch
from stepguard.guard.errors import AccessDenied, InvalidRequest
from stepguard.report.gates import Checked
from stepguard.trace.diff import mapping

RESULTS, SCORECARD, TABLE, REPORT, RUN, BAD_ROWS = (
    "results.jsonl",
    "scorecard.json",
    "items.csv",
    "report.html",
    "run.json",
    "bad_rows.jsonl",
)

BELOW_LIMIT = 3
"""The exit code of a run that does not keep a limit."""


def code_of(checked: Sequence[Checked]) -> int:
    """The exit code by the limits."""
    return 0 if all(limit.passed for limit in checked) else BELOW_LIMIT


def limits(checked: Sequence[Checked]) -> dict[str, Any]:
    """The limits as members of the JSON output; `under` are those that are not kept, in words."""
    return {
        "under": [limit.text for limit in checked if not limit.passed],
        "limits": [limit.to_dict() for limit in checked],
    }


def print_limits(checked: Sequence[Checked]) -> None:
    """Print each limit; those that are not kept on the standard error."""
    for limit in checked:
        words, stream = ("limit kept", sys.stdout) if limit.passed else ("limit not kept", sys.stderr)
        print(render.plain(f"{words}: {limit.text}"), file=stream)


def check_target(folder: Path, run: str) -> None:
    """Raise InvalidRequest when the folder holds files of something else, or cannot be created."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir():
        raise InvalidRequest(f"{there}: is not a folder.")
    # The folder is created next to its place, then renamed: this needs write permission for the parent.
    for place in {there, there.parent} if there == folder else {there}:
        if not os.access(place, os.W_OK | os.X_OK):
            raise InvalidRequest(f"{folder}: {place} cannot be written to. Choose another --out.")
    if folder.is_dir() and any(folder.iterdir()) and read_run(folder).get("run") != run:
        raise InvalidRequest(f"{folder}: is not empty. Choose another --out.")


def read_run(folder: Path) -> Mapping[str, Any]:
    """run.json of a folder of results; empty when it has none."""
    with suppress(OSError, ValueError):
        value = json.loads((folder / RUN).read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}
    return {}


def read_scorecard(folder: Path) -> dict[str, Any]:
    """The scorecard of a folder of results."""
    card: dict[str, Any] = json.loads((folder / SCORECARD).read_text(encoding="utf-8"))
    return card


def about(evaluations: Evaluations, execution: Execution) -> dict[str, Any]:
    """The run's description: from the command that started it, or, for a run started by the API, from its execution's
    input."""
    run = mapping(execution.input.get("run"))
    corpus = mapping(run.get("corpus"))
    with suppress(InvalidRequest), evaluations.objects.open(evaluations.object(execution.name, RUN)) as stream:
        written: dict[str, Any] = json.loads(stream.read())
        return written
    return {
        "run": execution.name,
        "corpus": f"s3://{corpus.get('bucket')}/{corpus.get('key')}",
        "guardrails": run.get("guardrails", {}),
        "sample": run.get("sample"),
        "seed": run.get("seed"),
        "started": execution.started.astimezone(UTC).isoformat(timespec="seconds"),
    }


def write(
    evaluations: Evaluations, run: str, about: Mapping[str, Any], folder: Path, judges: Judges, *, quiet: bool
) -> dict[str, Any]:
    """Fetch a run's results, compare its answers with their references, write its report, and create the folder in one
    step. Returns the scorecard."""
    from stepguard.report.page import write_report

    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name in (RESULTS, SCORECARD, TABLE):
            evaluations.objects.download(evaluations.object(run, name), unfinished / name)
        _bad_rows(evaluations, run, unfinished / BAD_ROWS)
        fetch(evaluations, run, about, unfinished)
        (unfinished / RUN).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        scorecard = read_scorecard(unfinished)
        if quality.complete(unfinished / RESULTS, scorecard, evaluations, run, judges, quiet=quiet):
            (unfinished / SCORECARD).write_text(json.dumps(scorecard, indent=1), encoding="utf-8")
        write_report(unfinished / REPORT, about, scorecard, unfinished / RESULTS)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.chmod(0o755)
        os.replace(unfinished, folder)  # noqa: PTH105  Path.replace refuses nothing more
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return scorecard


def share(evaluations: Evaluations, run: str, folder: Path) -> None:
    """Upload the report next to the run's other results, so that the API has a link to it, and the scores that this
    command added. Raises StepguardError."""
    if read_scorecard(folder).get("answers", {}).get("models"):
        for name, kind in ((RESULTS, "application/x-ndjson"), (SCORECARD, "application/json")):
            evaluations.objects.upload(evaluations.object(run, name), folder / name, kind)
    evaluations.objects.upload(evaluations.object(run, REPORT), folder / REPORT, "text/html; charset=utf-8")


def _bad_rows(evaluations: Evaluations, run: str, file: Path) -> None:
    # For a missing object, S3 denies access to callers without permission to list the bucket. The other files were
    # readable.
    with suppress(InvalidRequest, AccessDenied):
        evaluations.objects.download(evaluations.object(run, BAD_ROWS), file)
