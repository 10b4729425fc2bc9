"""The items of a corpus that a run evaluates, as the lines of its Map: one reader for the command and PrepareCorpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stepguard.evaluation.concurrency import units_of
from stepguard.evaluation.corpus import BadRow, Entry, all_items, ignore_bad_row, sampled
from stepguard.evaluation.estimate import Estimator
from stepguard.evaluation.items import Item
from stepguard.evaluation.limits import Limits, Meter
from stepguard.evaluation.map_items import Guardrails, is_answered, map_lines, only, repeated
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.stages import Layer

Reader = Callable[[Meter], Iterable[Entry]]
"""Reads a corpus from its start; the meter counts its bytes."""


@dataclass(slots=True)
class Selection:
    """Reads a corpus within its limits; afterwards it has the counts. `seed` chooses `sample` items;
    only `layers` judge them; each item is in `repeat` times."""

    name: str
    read: Reader
    limits: Limits
    estimator: Estimator
    guardrails: Guardrails
    run: str
    sample: int | None = None
    seed: int = 0
    layers: tuple[Layer, ...] | None = None
    repeat: int = 1
    bad_rows: list[BadRow] = field(default_factory=list)
    rows: int = 0
    items: int = 0
    lines: int = 0
    text_units: int = 0
    unused_references: int = 0
    """Items with a reference answer that have no answer to compare."""

    def map_lines(self) -> Iterator[dict[str, Any]]:
        """The Map's lines. Raises InvalidRequest at the first limit that is exceeded, the cost included."""
        meter = Meter(self.limits)
        guardrails = only(self.guardrails, self.layers)
        screen = self.layers is not None and Layer.MODEL not in self.layers
        for item in self._chosen():
            if item.layers and not set(item.layers) & set(guardrails):
                # Every layer would skip it, and a skipped item counts as passed.
                off = ", ".join(item.layers)
                self.bad_rows.append(
                    BadRow(self.name, item.line, f"is only for layers that are off in this run: {off}")
                )
                continue
            lines = map_lines(item, self.items, guardrails, self.run, screen=screen)
            for line in lines if self.repeat == 1 else repeated(lines, self.repeat):
                units = units_of(line["request"].get("completion") or line["request"]["text"])
                meter.add_text_units(units)
                self.text_units += units
                self.estimator.add(line["request"])
                if references := line["item"].get("labels", {}).get("reference"):
                    self.estimator.add_comparison(line["request"], references)
                self.lines += 1
                yield line
            self.unused_references += bool(item.labels.reference) and not is_answered(item, screen=screen)
            self.items += 1
        if not self.items:
            raise InvalidRequest(
                "No item is left to evaluate: every row is bad or for a layer that is off in this run."
            )

    def _chosen(self) -> Iterator[Item]:
        if self.sample is None:
            yield from self._counted()
            return
        chosen = sampled((item.id for item in self._counted()), self.sample, self.seed)
        yield from (item for item in self._all(ignore_bad_row) if item.id in chosen)

    def _counted(self) -> Iterator[Item]:
        """The first reading: counts every row, and keeps those that are bad."""
        for item in self._all(self._report):
            self.rows += 1
            yield item

    def _report(self, row: BadRow) -> None:
        self.rows += 1
        self.bad_rows.append(row)

    def _all(self, report: Callable[[BadRow], None]) -> Iterator[Item]:
        meter = Meter(self.limits)
        return all_items(self.read(meter), self.name, report, meter)
