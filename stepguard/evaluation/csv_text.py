"""Results as a table for spreadsheets, which must never treat a cell as a formula."""

from __future__ import annotations

from stepguard.evaluation.results import Result
from stepguard.guard.stages import STAGES

COLUMNS = (
    "id", "number", "kind", "expected", "action", "correct", "outcome", "source", "findings", "text_units",
    "milliseconds", *(stage.state for stage in STAGES), "execution", "error", "text",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The first characters that spreadsheets treat as a formula (https://owasp.org/www-community/attacks/CSV_Injection)."""


def row_of(result: Result) -> list[str]:
    """The cells of one item, in the order of COLUMNS."""
    spent = {stage["state"]: str(stage["milliseconds"]) for stage in result.stages}
    acting = [item for item in result.findings if item["action"] != "NONE"]
    cells = [
        result.id,
        str(result.number),
        result.kind,
        str(result.labels.expected or ""),
        str(result.action),
        "" if result.correct is None else str(result.correct).lower(),
        result.outcome,
        result.source or "",
        "; ".join(dict.fromkeys(f"{item['policy']}/{item['name']} {item['action']}" for item in acting)),
        str(sum(result.text_units.values())),
        str(result.milliseconds),
        *(spent.get(stage.state, "") for stage in STAGES),
        result.executions[0],
        result.error or "",
        result.excerpt,
    ]
    return [f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells]
