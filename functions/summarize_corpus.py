"""SummarizeCorpus: reads the results of the Distributed Map's children, writes results and scorecard."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.objects import Address, Objects
from stepguard.evaluation.csv_text import COLUMNS, row_of
from stepguard.evaluation.results import Action, Parts, Result, result_of
from stepguard.evaluation.runs import run_of
from stepguard.evaluation.scorecard import Scorecard
from stepguard.guard.errors import InvalidRequest, ServiceUnavailable
from stepguard.guard.settings import Settings

RESULTS, SCORECARD, TABLE = "results.jsonl", "scorecard.json", "items.csv"


def summarize_corpus(
    event: Mapping[str, Any], objects: Objects | None = None, settings: Settings | None = None
) -> dict[str, Any]:
    """`{run, corpus}` -> the document's `summary`: addresses and counts. Raises StepguardError."""
    run = run_of(event.get("run"))
    corpus = event["corpus"]
    objects = objects or Objects()
    card, parts = Scorecard(), Parts()
    with tempfile.TemporaryDirectory() as folder:
        results, table = Path(folder, RESULTS), Path(folder, TABLE)
        with results.open("w", encoding="utf-8") as lines, table.open("w", encoding="utf-8", newline="") as cells:
            writer = csv.writer(cells)
            writer.writerow(COLUMNS)
            for result in _results(objects, Address(corpus["bucket"], corpus["prefix"] + "/"), parts):
                card.add(result)
                lines.write(json.dumps(result.to_dict()) + "\n")
                writer.writerow(row_of(result))
        lost = int(corpus["items"]) - parts.whole + parts.doubled
        document = {"bad_rows": corpus["bad_rows"], "not_evaluated": int(corpus["items"]) - parts.whole}
        work = run.work[0]
        objects.upload(Address(work, run.key(RESULTS)), results)
        objects.upload(Address(work, run.key(TABLE)), table, "text/csv")
        model = (settings or environment()).model.id
        card_text = json.dumps(document | card.to_dict(model), indent=1)
        objects.put(Address(work, run.key(SCORECARD)), card_text.encode())
    return {
        "scorecard": run.key(SCORECARD),
        "results": run.key(RESULTS),
        "items": card.items,
        "failed": card.actions[Action.FAILED],
        "lost": lost,
    }


def _results(objects: Objects, prefix: Address, parts: Parts) -> Iterator[Result]:
    for address in _files(objects, prefix):
        with objects.open(address) as stream:
            for line in stream:
                try:
                    result, part = result_of(json.loads(line))
                except (KeyError, ValueError, TypeError) as error:
                    raise InvalidRequest(
                        f"{address} contains an unrecognised record ({type(error).__name__})."
                    ) from None
                whole = parts.add(result, part)
                if whole is not None:
                    yield whole


def _files(objects: Objects, prefix: Address) -> Iterator[Address]:
    """The result files that the Map Run's manifest names."""
    manifests = [found for found in objects.list(prefix) if found.key.endswith("/manifest.json")]
    if not manifests:
        raise ServiceUnavailable("The Map Run left no manifest.")
    for manifest in manifests:
        with objects.open(manifest) as stream:
            files = json.loads(stream.read())["ResultFiles"]
        for status in ("SUCCEEDED", "FAILED"):
            yield from (Address(prefix.bucket, file["Key"]) for file in files.get(status, ()))
