"""A question becomes a turn of a conversation: its place, and the items that are written before its execution."""

from __future__ import annotations

from dataclasses import replace

from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.environment import language_kept
from stepguard.aws.talk.conversations import Conversations
from stepguard.guard.conversation import NEW, new_id, place_of
from stepguard.guard.errors import Throttled
from stepguard.guard.request import Request, check_size
from stepguard.guard.settings import Settings


class Turns:
    """The turns of callers, on the table of answers. Every function raises StepguardError."""

    def __init__(self, table: AnswerTable) -> None:
        self._table = table
        self._conversations = Conversations(table.rows, table.now)

    @property
    def conversations(self) -> Conversations:
        """The conversations that the turns are in."""
        return self._conversations

    def place(self, request: Request, conversation: str, execution: str) -> Request:
        """The request as a turn of this conversation, or of a new one. Raises InvalidRequest if it is too large."""
        new = conversation == NEW
        name = new_id(execution) if new else conversation
        turn = replace(request, conversation=place_of(request.caller, name, self._table.now(), execution, first=new))
        check_size(turn)
        return turn

    def begin(self, request: Request, execution: str, settings: Settings) -> Request:
        """Write the turn that is about to start; a repeated one keeps its place."""
        place = request.conversation
        assert place is not None
        days = settings.conversation.days
        self._conversations.begin(request.caller, place.conversation, days, new=place.first)
        hours, language, listener = settings.answer_hours, language_kept(settings, request.text), request.listener
        if not self._table.begin(execution, request.caller, hours, place=place, language=language, listener=listener):
            row = self._table.read(execution)
            if row is not None and row.place is not None and row.place.conversation == place.conversation:
                place = replace(row.place, first=place.first)
        self._conversations.begin_turn(request.caller, place, days)
        return replace(request, conversation=place)

    def forget(self, request: Request, error: Exception) -> None:
        """Delete the turn of an execution that certainly did not start."""
        if isinstance(error, Throttled) and request.conversation is not None:
            self._conversations.forget_turn(request.conversation)
