"""The report of `stepguard doctor`: checks in sections, and one row for each guard layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stepguard.cli import render
from stepguard.evaluation.prices import AS_OF, guardrail_cost, model_cost
from stepguard.guard.errors import StepguardError

MARKS: Mapping[bool | None, str] = {True: "ok", False: "FAIL", None: "note"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report; `ok` is None for a note."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One guard layer. `source` says where its guardrail is configured; `ok` is None where nothing could be tried."""

    layer: str
    on: bool
    guardrail: str
    version: str
    source: str
    ok: bool | None
    result: str


@dataclass(slots=True)
class Cost:
    """What the checks used, billed on AWS."""

    requests: int = 0
    units: dict[str, int] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    model: str = ""

    def add(self, requests: int, units: Mapping[str, int]) -> None:
        """Count requests to ApplyGuardrail and their text units."""
        self.requests += requests
        for policy, count in units.items():
            self.units[policy] = self.units.get(policy, 0) + count

    def __str__(self) -> str:
        parts, dollars = [], 0.0
        if self.requests:
            cost = guardrail_cost(self.units)
            dollars += cost["dollars"]
            parts.append(f"{self.requests} requests to ApplyGuardrail")
        if self.model:
            price = model_cost(self.tokens, self.model)["dollars"]
            dollars += price or 0.0
            unknown = "" if price is not None else ", price unknown"
            parts.append(f"1 model call of {sum(self.tokens.values())} tokens{unknown}")
        return f"{' and '.join(parts)}: about ${dollars:.4f} at list prices ({AS_OF})" if parts else ""


def checked(name: str, read: Callable[[], str]) -> Check:
    """A check that fails with the error that `read` raises."""
    try:
        return Check(name, True, read())
    except StepguardError as error:
        return Check(name, False, str(error))


def section(title: str, checks: Iterable[Check]) -> list[str]:
    """The lines of a section; empty without checks."""
    lines = [f"  {MARKS[check.ok]:<4}  {check.name}: {render.plain(check.detail)}" for check in checks]
    return [title, *lines, ""] if lines else []


def table(rows: Iterable[LayerRow]) -> list[str]:
    """The guard layers, a line each."""
    body = [("layer", "state", "guardrail", "version", "configured in", "result")]
    for row in rows:
        result = f"{MARKS[row.ok]}: {row.result}"
        body.append((row.layer, "on" if row.on else "off", row.guardrail, row.version, row.source, result))
    widths = [max(len(line[column]) for line in body) for column in range(len(body[0]) - 1)]
    lines = []
    for line in body:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        lines.append(render.plain("  " + "  ".join([*cells, line[-1]])))
    return ["Guard layers", *lines, ""]


def document(checks: Iterable[Check], rows: Iterable[LayerRow], cost: Cost) -> dict[str, Any]:
    """The report as `--json` prints it."""
    found, layers = list(checks), list(rows)
    return {
        "ok": not any(ok is False for ok in [*(item.ok for item in found), *(row.ok for row in layers)]),
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in found],
        "layers": [
            {
                "layer": row.layer,
                "on": row.on,
                "guardrail": row.guardrail,
                "version": row.version,
                "configured_in": row.source,
                "ok": row.ok,
                "result": row.result,
            }
            for row in layers
        ],
        "cost": str(cost),
    }
