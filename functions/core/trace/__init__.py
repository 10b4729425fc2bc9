"""An execution history read back as the story of one answer: the states passed, and what each guard stage did."""

from functions.core.trace.diff import changes, text_changes
from functions.core.trace.document import masked, to_document
from functions.core.trace.events import Event, read_events, read_export
from functions.core.trace.model import KEYS, Attempt, Trace, Visit
from functions.core.trace.reader import read_history
from functions.core.trace.reason import outcome_of, reason
from functions.core.trace.totals import totals

__all__ = [
    "KEYS",
    "Attempt",
    "Event",
    "Trace",
    "Visit",
    "changes",
    "masked",
    "outcome_of",
    "read_events",
    "read_export",
    "read_history",
    "reason",
    "text_changes",
    "to_document",
    "totals",
]
