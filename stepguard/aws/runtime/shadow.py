"""The candidate guardrail that runs in the shadow of the deployed ones, and its verdicts, in the table of answers.

after.asl.json reads the first item and writes the others. No execution can have their keys: `#` is in no name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from stepguard.aws.rows import Rows
from stepguard.evaluation.shadow import Candidate, Pair, read_layers, read_pair
from stepguard.guard.errors import ConfigurationError

KEY = "stepguard#shadow"
DAYS = 90
"""As long as Step Functions keeps the histories that the verdicts are about."""


class Shadow:
    """The candidate and the verdicts of a run. Every method raises StepguardError."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def current(self) -> Candidate | None:
        """The candidate that judges now."""
        item = self._rows.get(KEY)
        if item is None:
            return None
        try:
            layers = read_layers(json.loads(item["layers"]["S"]))
            return Candidate(item["run"]["S"], layers, int(item["share"]["N"]), item["since"]["S"])
        except (KeyError, ValueError, TypeError, AttributeError):
            raise ConfigurationError(f"The item {KEY} of the table is no candidate: stepguard shadow stop.") from None

    def start(self, candidate: Candidate) -> bool:
        """Let a candidate judge; False if another one does."""
        layers = {str(layer): ref.to_dict() for layer, ref in candidate.layers.items()}
        values = {
            "run": {"S": candidate.run},
            "layers": {"S": json.dumps(layers)},
            "share": {"N": str(candidate.share)},
            "since": {"S": candidate.since},
        }
        return self._rows.put(KEY, "-", values, "attribute_not_exists(id)")

    def stop(self) -> None:
        """Let no candidate judge."""
        self._rows.delete(KEY, "-")

    def verdicts(self, run: str) -> Iterator[tuple[str, Sequence[Pair]]]:
        """The verdicts of a run, by the name of their execution."""
        for item in self._rows.all(f"{KEY}#{run}"):
            try:
                pairs = [read_pair(pair) for pair in json.loads(item["verdicts"]["S"])]
            except (KeyError, ValueError, TypeError, AttributeError):
                continue
            yield item["turn"]["S"], pairs
