"""PrepareCorpus: reads a corpus in S3 and writes the lines that the Distributed Map reads.

An error in the corpus as a whole ends the run here, before the first guard call.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepguard.aws.caller_quota import CallerQuota
from stepguard.aws.corpora import limits as default_limits
from stepguard.aws.corpora import read_corpus
from stepguard.aws.environment import settings as environment
from stepguard.aws.objects import Address, Objects
from stepguard.aws.retries import ITEMS, failed_lines
from stepguard.evaluation.concurrency import units_of
from stepguard.evaluation.corpus import BadRow, Entry
from stepguard.evaluation.estimate import Estimator
from stepguard.evaluation.limits import Limits, Meter
from stepguard.evaluation.map_items import Guardrails
from stepguard.evaluation.runs import LOCAL_BAD_ROWS, Run, run_of
from stepguard.evaluation.selection import Selection
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import Settings

BAD_ROWS = "bad_rows.jsonl"
CORPUS = "corpus.json"
MAP_RESULTS = "map"


def prepare_corpus(
    event: Mapping[str, Any],
    settings: Settings | None = None,
    objects: Objects | None = None,
    quota: CallerQuota | None = None,
) -> dict[str, Any]:
    """`{run}` -> the document's `corpus`: the address and number of the lines, and its limits. Raises
    StepguardError."""
    run = run_of(event.get("run"), default_limits())
    objects, settings = objects or Objects(), settings or environment()
    guardrails = run.guardrails
    if guardrails is None:
        guardrails = {str(layer): {"id": ref.id, "version": ref.version} for layer, ref in settings.guardrails.items()}
    if not guardrails:
        raise InvalidRequest("No guard layer is on: there is nothing to evaluate.")
    limits = run.limits or default_limits()
    estimator = Estimator(settings.model, run.policies or {})
    bucket = run.work[0]
    with tempfile.TemporaryDirectory() as folder:
        items, bad = Path(folder, ITEMS), Path(folder, BAD_ROWS)
        write = _write_failed if run.retry_of is not None else _write
        counts = write(run, guardrails, objects, limits, estimator, items, bad)
        limits.check_cost(estimator.estimate.dollars)
        (quota or CallerQuota()).take_items(run.caller, counts["lines"], run.id)
        objects.upload(Address(bucket, run.key(ITEMS)), items)
        if counts["bad_rows"]:
            objects.upload(Address(bucket, run.key(BAD_ROWS)), bad)
        about = counts | {"estimate": estimator.estimate.to_dict()}
        objects.put(Address(bucket, run.key(CORPUS)), json.dumps(about).encode())
    most = run.map_limits(counts["lines"], counts.pop("text_units"))
    return {"bucket": bucket, "key": run.key(ITEMS), "prefix": run.key(MAP_RESULTS), **counts, **most}


def _write(
    run: Run, guardrails: Guardrails, objects: Objects, limits: Limits, estimator: Estimator, items: Path, bad: Path
) -> dict[str, int]:
    def read(meter: Meter) -> Iterator[Entry]:
        return read_corpus(objects, Address(*run.corpus), run.kind, meter)

    name = str(Address(*run.corpus))
    chosen = Selection(name, read, limits, estimator, guardrails, run.id, run.sample, run.seed, run.layers, run.repeat)
    with items.open("w", encoding="utf-8") as target:
        target.writelines(json.dumps(line) + "\n" for line in chosen.map_lines())
    left_out = _left_out(run, objects)
    rows = [*left_out, *chosen.bad_rows]
    bad.write_text("".join(json.dumps(row.to_dict()) + "\n" for row in rows), encoding="utf-8")
    return {
        "rows": len(left_out) + chosen.rows,
        "items": chosen.items,
        "lines": chosen.lines,
        "bad_rows": len(rows),
        "text_units": chosen.text_units,
    }


def _write_failed(
    run: Run, _: Guardrails, objects: Objects, limits: Limits, estimator: Estimator, items: Path, __: Path
) -> dict[str, int]:
    """The lines of a finished run's failed items, with the guardrails of that run."""
    meter, numbers, count = Meter(limits), set(), 0
    first = Address(run.work[0], run.first)
    with items.open("w", encoding="utf-8") as target:
        for line in failed_lines(objects, first):
            request = line["request"]
            estimator.add(request)
            meter.add_text_units(units_of(request.get("completion") or request["text"]))
            target.write(json.dumps(line) + "\n")
            numbers.add(line["item"]["number"])
            count += 1
    if not numbers:
        raise InvalidRequest(f"The run {run.retry_of} has no failed items.")
    return {"rows": len(numbers), "items": len(numbers), "lines": count, "bad_rows": 0, "text_units": meter.text_units}


def _left_out(run: Run, objects: Objects) -> list[BadRow]:
    """The rows that the command already left out when it read a local folder."""
    try:
        with objects.open(Address(run.work[0], run.key(LOCAL_BAD_ROWS))) as stream:
            return [BadRow(**json.loads(line)) for line in stream]
    except InvalidRequest:
        return []
