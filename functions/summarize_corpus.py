"""SummarizeCorpus: reads the results of the Distributed Map's children, writes results and scorecard."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stepguard.aws.environment import settings as environment
from stepguard.aws.objects import Address, Objects
from stepguard.aws.run_results import Results
from stepguard.evaluation.csv_text import COLUMNS, row_of
from stepguard.evaluation.results import Action
from stepguard.evaluation.runs import run_of
from stepguard.evaluation.scorecard import Scorecard
from stepguard.guard.settings import Settings

RESULTS, SCORECARD, TABLE = "results.jsonl", "scorecard.json", "items.csv"


def summarize_corpus(
    event: Mapping[str, Any], objects: Objects | None = None, settings: Settings | None = None
) -> dict[str, Any]:
    """`{run, corpus}` -> the document's `summary`: addresses and counts. Raises StepguardError."""
    run = run_of(event.get("run"))
    corpus = event["corpus"]
    objects = objects or Objects()
    found = Results(run, corpus, objects)
    card = Scorecard()
    with tempfile.TemporaryDirectory() as folder:
        results, table = Path(folder, RESULTS), Path(folder, TABLE)
        with results.open("w", encoding="utf-8") as lines, table.open("w", encoding="utf-8", newline="") as cells:
            writer = csv.writer(cells)
            writer.writerow(COLUMNS)
            for result, earlier in found:
                card.add(result)
                lines.write(json.dumps(result.to_dict() | ({"earlier": earlier} if earlier else {})) + "\n")
                writer.writerow(row_of(result))
        document = {"rows": found.rows, "bad_rows": found.bad_rows, "not_evaluated": found.items - card.items}
        if run.retry_of is not None:
            document["retries"] = len(run.attempts) - 1
        # A retry completes the results of its run, so they are in that run's folder.
        work, first = run.work[0], run.first
        objects.upload(Address(work, f"{first}/{RESULTS}"), results)
        objects.upload(Address(work, f"{first}/{TABLE}"), table, "text/csv")
        model = (settings or environment()).model.id
        card_text = json.dumps(document | card.to_dict(model), indent=1)
        objects.put(Address(work, f"{first}/{SCORECARD}"), card_text.encode())
    return {
        "scorecard": f"{first}/{SCORECARD}",
        "results": f"{first}/{RESULTS}",
        "items": card.items,
        "failed": card.actions[Action.FAILED],
        "lost": found.items - card.items + found.doubled,
    }
