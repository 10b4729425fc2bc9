"""Conversations: their settings, their ids, and the places of their turns in the table."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stepguard.guard.errors import InvalidRequest

NEW = "new"
"""What a caller sends instead of an id to begin a conversation."""

MOST_TURNS = 12
"""The most earlier turns that one question can refer to."""

ALONE = "-"
"""The sort key of an item that is no turn: the answer to a question alone, or a conversation itself."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


CONVERSATIONS = "CONVERSATIONS"
"""`yes` where the deployed definition loads the turns of a conversation."""

DAYS = 30
MOST_DAYS = 365


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Whether there are conversations, the days that they are kept after their last turn, the turns that a question can
    refer to, whether a follow-up is rewritten, by which model (empty is the one that answers), and how many earlier
    questions are judged together with it."""

    on: bool = False
    days: int = DAYS
    turns: int = MOST_TURNS
    rewriting: bool = False
    rewriter: str = ""
    judged: int = 0


NO_CONVERSATION = ConversationSettings()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn is kept: the conversation's id, the item's partition and sort key.

    A `first` turn has none before it.
    """

    conversation: str
    id: str
    turn: str
    first: bool = False

    @property
    def at(self) -> str:
        """When the question came, ISO 8601."""
        return self.turn.partition("#")[0]

    def to_document(self) -> dict[str, Any]:
        """The `conversation` of an execution's request. The partition is made again from the caller."""
        return {"id": self.conversation, "turn": self.turn, "first": self.first}


def new_id(execution: str) -> str:
    """The id of the conversation that an execution begins: the same for the same execution's name."""
    return "conv-" + hashlib.sha256(execution.encode()).hexdigest()[:32]


def check_id(value: object) -> str | None:
    """Read a request's `conversation`. Raises InvalidRequest."""
    if value is None:
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InvalidRequest(f"'conversation' must be \"{NEW}\" or the id of a conversation.")
    return value


def place_of(caller: str, conversation: str, started: float, execution: str, *, first: bool = False) -> Place:
    """The place of a turn that begins now. `started` is in seconds since 1970."""
    return Place(conversation, turns_key(caller, conversation), f"{iso_time(started)}#{execution}", first)


def iso_time(seconds: float) -> str:
    """A time in seconds since 1970 in ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def turns_key(caller: str, conversation: str) -> str:
    """The partition of a conversation's turns: of this caller's only, so that an id gives nothing to others."""
    return "turns#" + _digest(caller, conversation)


def head_key(caller: str, conversation: str) -> str:
    """The partition of the conversation itself."""
    return "conversation#" + _digest(caller, conversation)


def list_key(caller: str) -> str:
    """The partition of a caller's list of conversations."""
    return "conversations#" + _digest(caller)


def _digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def read_place(caller: str, document: object) -> Place | None:
    """Read a request's `conversation`: `{id, turn, first}`. Raises InvalidRequest."""
    if document is None:
        return None
    if not isinstance(document, Mapping) or not isinstance(document.get("turn"), str) or not document["turn"]:
        raise InvalidRequest("request.conversation must be an object with 'id' and 'turn'.")
    conversation = check_id(document.get("id"))
    if conversation is None:
        raise InvalidRequest("request.conversation.id is missing.")
    return Place(conversation, turns_key(caller, conversation), document["turn"], document.get("first") is True)
