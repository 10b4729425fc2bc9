"""The conversations API: `GET /conversations`, `GET`, `PUT` and `DELETE /conversations/{conversation}`, and the
beginning of a turn for `POST /chat`.

Every function returns `(status, body, headers)`. A caller sees only its own conversations.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from functions.routes import Query, Reply, Work, guarded, read_body, read_number
from stepguard.aws.answer_table import AnswerTable
from stepguard.aws.environment import with_texts_of_now
from stepguard.aws.guardrails import Guardrails
from stepguard.aws.talk.turns import Turns
from stepguard.guard.callers import Caller
from stepguard.guard.errors import InvalidRequest
from stepguard.guard.request import Request
from stepguard.guard.settings import Settings
from stepguard.guard.stages import Direction, Layer
from stepguard.guard.turns import Turn

LISTED = 50
MOST_LISTED = 200
TITLE_CHARACTERS = 200
"""The longest title of a conversation."""


class ConversationsApi:
    """The routes, on the table of answers."""

    def __init__(
        self, table: AnswerTable, settings: Callable[[], Settings], guardrails: Guardrails | None = None
    ) -> None:
        self._table = table
        self._guardrails = guardrails
        self._turns = Turns(table)
        self._conversations = self._turns.conversations
        self._settings = settings

    def list(self, query: Query, caller: Caller) -> Reply:
        """The newest first: `{conversations: [{id, at, title}], more, cursor}`; at most `limit`, after `cursor`.

        The title is null until the caller gives one.
        """

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
        """`{id, title, turns: [{question, answer, outcome, at, execution}]}`, the oldest first.

        An answer that cites a document that the caller may not read now is `withheld`, as in `GET /chat/{execution}`.
        """

        def reply() -> Reply:
            self._check_deployed()
            name = unquote(conversation)
            title, turns = self._conversations.read(caller.id, name)
            return 200, {"id": name, "title": title, "turns": [self._shown(turn, caller) for turn in turns]}, {}

        return guarded(reply)

    def delete(self, conversation: str, caller: Caller) -> Reply:
        """Delete it with its turns. An answer that is being made is delivered and not kept."""

        def reply() -> Reply:
            self._check_deployed()
            name = unquote(conversation)
            self._conversations.delete(caller.id, name)
            return 200, {"id": name, "deleted": True}, {}

        return guarded(reply)

    def rename(self, conversation: str, body: bytes, caller: Caller) -> Work:
        """Give it a title: 200 with what is kept; null or a blank title takes the title away.

        The title is a text of a person: what the input layer masks in it is masked before it is kept, and one that
        the layer blocks is refused. Raises StepguardError.
        """
        document = read_body(body, '{"title": "Insulin"}', frozenset({"title"}))
        title = _read_title(document)
        self._check_deployed()
        name = unquote(conversation)

        def keep() -> Reply:
            self._conversations.read(caller.id, name)  # another caller's costs no verdict
            kept = self._guarded(title)
            self._conversations.rename(caller.id, name, kept)
            return 200, {"id": name, "title": kept}, {}

        return Work(keep)

    def _guarded(self, title: str | None) -> str | None:
        """The title as the input layer leaves it. Raises InvalidRequest if the layer blocks it, StepguardError."""
        if title is None:
            return None
        ref = self._settings().guardrail(Layer.PREPROCESS)
        verdict = (self._guardrails or Guardrails()).check(ref, title, Layer.PREPROCESS, Direction.INPUT)
        if verdict.blocked:
            raise InvalidRequest("The input layer blocks this title. Choose another one.")
        return verdict.text[:TITLE_CHARACTERS]

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


def _read_title(document: Mapping[str, Any]) -> str | None:
    """The `title` of a body in one line; a blank one is none. Raises InvalidRequest."""
    title = document.get("title")
    if "title" not in document or not (title is None or isinstance(title, str)):
        raise InvalidRequest("'title' must be a string, or null to take the title away.")
    title = " ".join((title or "").split())
    if len(title) > TITLE_CHARACTERS:
        raise InvalidRequest(f"'title' has {len(title)} characters; at most {TITLE_CHARACTERS} are allowed.")
    return title or None


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
