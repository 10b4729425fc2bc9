"""The conversations API: `GET /conversations`, `GET /conversations/{conversation}`, `DELETE
/conversations/{conversation}`, and the beginning of a turn for `POST /chat`.

Every function returns `(status, body, headers)`. A caller sees only its own conversations.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from functions.routes import Query, Reply, guarded, read_number
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.talk.conversations import Conversations
from stepguard.guard.callers import Caller
from stepguard.guard.conversation import NEW, new_id, place_of
from stepguard.guard.errors import InvalidRequest, Throttled
from stepguard.guard.request import Request, check_size
from stepguard.guard.settings import Settings
from stepguard.guard.turns import Turn

LISTED = 50
MOST_LISTED = 200


class ConversationsApi:
    """The routes, on the table of answers."""

    def __init__(self, table: AnswerTable, settings: Callable[[], Settings], now: Callable[[], float]) -> None:
        self._table = table
        self._conversations = Conversations(table.rows, now)
        self._settings = settings
        self._now = now

    def list(self, query: Query, caller: Caller) -> Reply:
        """The newest first: `{conversations: [{id, at}], more, cursor}`; at most `limit`, after `cursor`."""

        def reply() -> Reply:
            if not set(query) <= {"limit", "cursor"}:
                raise InvalidRequest("Unknown filter; known are limit, cursor.")
            limit = read_number(query, "limit", LISTED, MOST_LISTED, least=1)
            before = _read_cursor(query.get("cursor"))
            self._check_deployed()
            found, last = self._conversations.listed(caller.id, limit, before)
            cursor = None if last is None else _write_cursor(last)
            return 200, {"conversations": found, "more": cursor is not None, "cursor": cursor}, {}

        return guarded(reply)

    def get(self, conversation: str, caller: Caller) -> Reply:
        """`{id, turns: [{question, answer, outcome, at, execution}]}`, the oldest first.

        An answer that cites a document that the caller may not read now is `withheld`, as in `GET /chat/{execution}`.
        """

        def reply() -> Reply:
            self._check_deployed()
            name = unquote(conversation)
            turns = self._conversations.read(caller.id, name)
            return 200, {"id": name, "turns": [self._shown(turn, caller) for turn in turns]}, {}

        return guarded(reply)

    def delete(self, conversation: str, caller: Caller) -> Reply:
        """Delete it with its turns. An answer that is being made is delivered and not kept."""

        def reply() -> Reply:
            self._check_deployed()
            name = unquote(conversation)
            self._conversations.delete(caller.id, name)
            return 200, {"id": name, "deleted": True}, {}

        return guarded(reply)

    def check(self, request: Request, conversation: str, execution: str) -> Request:
        """The request as a turn of this conversation, or of a new one. Raises InvalidRequest."""
        self._check_deployed()
        if not self._settings().conversation.on:
            raise InvalidRequest(
                "This deployment has no conversations: deploy it with Assistant=yes (`stepguard serve` "
                "with ASSISTANT=yes), or leave out 'conversation'."
            )
        new = conversation == NEW
        name = new_id(execution) if new else conversation
        turn = replace(request, conversation=place_of(request.caller, name, self._now(), execution, first=new))
        check_size(turn)
        return turn

    def begin(self, request: Request, execution: str) -> Request:
        """Write the turn that is about to start; a repeated one keeps its place. Raises StepguardError."""
        place = request.conversation
        assert place is not None
        settings = self._settings()
        days = settings.conversation.days
        self._conversations.begin(request.caller, place.conversation, days, new=place.first)
        if not self._table.begin(execution, request.caller, settings.answer_hours, place=place):
            row = self._table.read(execution)
            if row is not None and row.place is not None and row.place.conversation == place.conversation:
                place = replace(row.place, first=place.first)
        self._conversations.begin_turn(request.caller, place, days)
        return replace(request, conversation=place)

    def forget(self, request: Request, error: Exception) -> None:
        """Delete the turn of an execution that certainly did not start."""
        if isinstance(error, Throttled) and request.conversation is not None:
            self._conversations.forget_turn(request.conversation)

    def _shown(self, turn: Turn, caller: Caller) -> dict[str, Any]:
        if turn.readable(caller.groups):
            return turn.to_dict()
        return turn.to_dict() | {"answer": self._settings().empty_message, "withheld": True}

    def _check_deployed(self) -> None:
        if not self._table.deployed:
            raise InvalidRequest("This deployment has no table for conversations.")


def _write_cursor(sort_key: str) -> str:
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def _read_cursor(text: str | None) -> str | None:
    """A cursor is a place in the caller's own list: another caller's gives nothing. Raises InvalidRequest."""
    if not text:
        return None
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        raise InvalidRequest("The cursor is not one of this list; start without a cursor.") from None
