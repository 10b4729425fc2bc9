"""Results as a table for spreadsheets, which must never treat a cell as a formula."""

from __future__ import annotations

import re

from stepguard.evaluation.results import Result
from stepguard.guard.automated_reasoning import is_listed
from stepguard.guard.stages import STAGES

COLUMNS = (
    "id", "number", "kind", "expected", "action", "correct", "outcome", "source", "findings", "text_units",
    "milliseconds", *(stage.state for stage in STAGES), "execution", "error", "text",
)  # fmt: skip

_SIGNS = (
    "=+\\-@\u207a\u207b\u207c\u208a\u208b\u208c\u2212\u2a75\u2a76\ufb29\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20"
)
"""What begins a formula, with every character that becomes such a sign in Unicode's compatibility form, and the minus
sign: spreadsheets of East Asian locales read the full-width forms as the plain ones."""
_CONTROL = r"\x00-\x1f\x7f-\x9f"
_SKIPPED = rf"\s{_CONTROL}'\"\u00ab\u00ad\u2018-\u201f\u200b-\u200f\u2060-\u206f\ufeff\uff02\uff07"
"""What a spreadsheet, or the program before it, may remove from the start of a cell: blanks, quotes, control and
invisible characters."""
# A locale with decimal commas splits the same file at semicolons, so a cell can begin inside of a cell.
_CELL = r"(?:\A|(?<=[;\t-\r\x1c-\x1e\x85\u2028\u2029]))"
_FORMULA = rf"(?=[{_SKIPPED}]*[{_SIGNS}]|'*[{_CONTROL}])"
_STARTS = re.compile(_CELL + _FORMULA)
_QUOTED_STARTS = re.compile(f"{_CELL}'{_FORMULA}")


def neutralise_cell(text: str) -> str:
    """The text with an apostrophe before everything that a spreadsheet could treat as a formula.

    The rules are those of https://owasp.org/www-community/attacks/CSV_Injection and ASVS 1.2.10. `cell_text` returns
    the text unchanged.
    """
    return _STARTS.sub("'", text)


def cell_text(cell: str) -> str:
    """The text that `neutralise_cell` made this cell from."""
    return _QUOTED_STARTS.sub("", cell)


def row_of(result: Result) -> list[str]:
    """The cells of one item, in the order of COLUMNS."""
    spent = {stage["state"]: str(stage["milliseconds"]) for stage in result.stages}
    listed = [item for item in result.findings if is_listed(item)]
    cells = [
        result.id,
        str(result.number),
        result.kind,
        str(result.labels.expected or ""),
        str(result.action),
        "" if result.correct is None else str(result.correct).lower(),
        result.outcome,
        result.source or "",
        "; ".join(dict.fromkeys(f"{item['policy']}/{item['name']} {item['action']}" for item in listed)),
        str(sum(result.text_units.values())),
        str(result.milliseconds),
        *(spent.get(stage.state, "") for stage in STAGES),
        result.executions[0],
        result.error or "",
        result.excerpt,
    ]
    return [neutralise_cell(cell) for cell in cells]
