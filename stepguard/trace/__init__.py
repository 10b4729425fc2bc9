"""An execution history read back as the story of one answer: the states passed, and what each guard stage did."""

from stepguard.trace.diff import changes, text_changes
from stepguard.trace.document import masked, to_document
from stepguard.trace.events import Event, read_events, read_export
from stepguard.trace.model import Attempt, Trace, Visit
from stepguard.trace.reader import read_history
from stepguard.trace.reason import outcome_of, reason
from stepguard.trace.totals import totals

__all__ = [
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
