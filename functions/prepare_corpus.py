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
from stepguard.aws.environment import settings as environment
from stepguard.aws.objects import Address, Objects
from stepguard.evaluation.concurrency import units_of
from stepguard.evaluation.corpus import TEXTS, BadRow, Entry, all_items, read_file, sampled, suffix_of
from stepguard.evaluation.items import Item
from stepguard.evaluation.map_items import Guardrails, map_lines
from stepguard.evaluation.runs import LOCAL_BAD_ROWS, Run, run_of
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.settings import Settings

ITEMS = "items.jsonl"
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
    run = run_of(event.get("run"))
    objects = objects or Objects()
    guardrails = run.guardrails
    if guardrails is None:
        refs = (settings or environment()).guardrails
        guardrails = {str(layer): {"id": ref.id, "version": ref.version} for layer, ref in refs.items()}
    if not guardrails:
        raise InvalidRequest("No guard layer is on: there is nothing to evaluate.")
    bucket = run.work[0]
    with tempfile.TemporaryDirectory() as folder:
        items, bad = Path(folder, ITEMS), Path(folder, BAD_ROWS)
        counts = _write(run, guardrails, objects, items, bad)
        (quota or CallerQuota()).take_items(run.caller, counts["lines"], run.id)
        objects.upload(Address(bucket, run.key(ITEMS)), items)
        if counts["bad_rows"]:
            objects.upload(Address(bucket, run.key(BAD_ROWS)), bad)
        objects.put(Address(bucket, run.key(CORPUS)), json.dumps(counts).encode())
    limits = run.limits(counts["lines"], counts.pop("text_units"))
    return {"bucket": bucket, "key": run.key(ITEMS), "prefix": run.key(MAP_RESULTS), **counts, **limits}


def _write(run: Run, guardrails: Guardrails, objects: Objects, items: Path, bad: Path) -> dict[str, int]:
    counts = {"items": 0, "lines": 0, "bad_rows": 0, "text_units": 0}
    with items.open("w", encoding="utf-8") as target, bad.open("w", encoding="utf-8") as reasons:

        def report(row: BadRow) -> None:
            counts["bad_rows"] += 1
            reasons.write(json.dumps(row.to_dict()) + "\n")

        for row in _left_out(run, objects):
            report(row)
        for item in _chosen(run, objects, report):
            if item.layers and not set(item.layers) & set(guardrails):
                # Every layer would skip it, and a skipped item counts as passed.
                off = ", ".join(item.layers)
                report(
                    BadRow(str(Address(*run.corpus)), item.line, f"is only for layers that are off in this run: {off}")
                )
                continue
            for line in map_lines(item, counts["items"], guardrails, run.id):
                target.write(json.dumps(line) + "\n")
                counts["lines"] += 1
                counts["text_units"] += units_of(line["request"].get("completion") or line["request"]["text"])
            counts["items"] += 1
    if not counts["items"]:
        raise InvalidRequest("No item is left to evaluate: every row is bad or for a layer that is off in this run.")
    return counts


def _left_out(run: Run, objects: Objects) -> list[BadRow]:
    """The rows that the command already left out when it read a local folder."""
    try:
        with objects.open(Address(run.work[0], run.key(LOCAL_BAD_ROWS))) as stream:
            return [BadRow(**json.loads(line)) for line in stream]
    except InvalidRequest:
        return []


def _chosen(run: Run, objects: Objects, report: Any) -> Iterator[Item]:
    name = str(Address(*run.corpus))
    if run.sample is None:
        yield from all_items(_entries(run, objects), name, report)
        return
    chosen = sampled((item.id for item in all_items(_entries(run, objects), name, report)), run.sample, run.seed)
    yield from (item for item in all_items(_entries(run, objects), name, _known) if item.id in chosen)


def _known(row: BadRow) -> None:
    """Does nothing: the first reading reported the row."""


def _entries(run: Run, objects: Objects) -> Iterator[Entry]:
    address = Address(*run.corpus)
    if not address.folder:
        with objects.open(address) as stream:
            yield from read_file(address.key, stream, run.kind)
        return
    for found in objects.list(address):
        name = found.key.removeprefix(address.key)
        if suffix_of(name) not in TEXTS:
            yield BadRow(name, 0, f"is none of {', '.join(TEXTS)}, which a folder of documents holds")
            continue
        with objects.open(found) as stream:
            yield from read_file(name, stream, run.kind)
