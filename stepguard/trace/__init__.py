"""Reads an execution history as a trace: the states passed, and the effect of each guard stage."""

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
