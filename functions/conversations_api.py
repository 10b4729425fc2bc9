"""The conversations API: `GET /conversations`, `GET /conversations/{conversation}`, `DELETE
/conversations/{conversation}`, and the beginning of a turn for `POST /chat`.

Every function returns `(status, body, headers)`. A caller sees only its own conversations.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from functions.routes import Query, Reply, guarded, read_number
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.environment import with_texts_of_now
from stepguard.aws.talk.turns import Turns
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Request
from stepguard.guard.settings import Settings
from stepguard.guard.turns import Turn

LISTED = 50
MOST_LISTED = 200


class ConversationsApi:
    """The routes, on the table of answers."""

    def __init__(self, table: AnswerTable, settings: Callable[[], Settings]) -> None:
        self._table = table
        self._turns = Turns(table)
        self._conversations = self._turns.conversations
        self._settings = settings

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
                "without ASSISTANT=no), or leave out 'conversation'."
            )
        return self._turns.place(request, conversation, execution)

    def begin(self, request: Request, execution: str) -> Request:
        """Write the turn that is about to start; a repeated one keeps its place. Raises StepguardError."""
        return self._turns.begin(request, execution, self._settings())

    def forget(self, request: Request, error: Exception) -> None:
        """Delete the turn of an execution that certainly did not start."""
        self._turns.forget(request, error)

    def _shown(self, turn: Turn, caller: Caller) -> dict[str, Any]:
        if turn.readable(caller.groups):
            return turn.to_dict()
        message = with_texts_of_now(self._settings()).empty_message
        return turn.to_dict() | {"answer": message, "withheld": True}

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
