"""An execution history read back as the story of one answer: the states passed, and what each guard stage did."""

from functions.core.trace.events import Event, read_events, read_export
from functions.core.trace.model import KEYS, Attempt, Trace, Visit
from functions.core.trace.reader import read_history

__all__ = ["KEYS", "Attempt", "Event", "Trace", "Visit", "read_events", "read_export", "read_history"]
