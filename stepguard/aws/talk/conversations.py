"""Conversations in the table ANSWER_TABLE: one item a turn, one for the conversation, and one in its caller's list.

Every key holds a hash of the caller. A deleted conversation leaves tombstones, so that the answer that is being made
meanwhile is not kept: the states that record refuse to write where one is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any

from stepguard.aws.rows import Item, Rows
from stepguard.guard.answer import AnswerOutcome
from stepguard.guard.conversation import (
    ALONE,
    Place,
    head_key,
    list_key,
    place_of,
    turns_key,
)
from stepguard.guard.errors import UnknownConversation
from stepguard.guard.talk.feedback import feedback_key
from stepguard.guard.turns import Turn, expired, read_turn

LONGEST_SECONDS = 2_000
"""After this time an execution has ended, whatever became of it."""

TOMBSTONE_SECONDS = 86_400
"""A tombstone outlives every execution that could write in its place."""

MOST_READ = 200
"""The most turns of a conversation that one request reads."""

_READ = ("id", "turn", "texts", "outcome", "started", "expires", "deleted")
_UNKNOWN = "No conversation of this id belongs to you."


class Conversations:
    """The conversations of callers. `now` is in seconds since 1970. Every function raises StepguardError."""

    def __init__(self, rows: Rows, now: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._now = now

    def begin(self, caller: str, conversation: str, days: int, *, new: bool) -> None:
        """Begin a conversation, or go on with one: its time to live begins again. Raises UnknownConversation."""
        now = self._now()
        expires = {"N": str(int(now) + days * 86_400)}
        head = head_key(caller, conversation)
        if new:
            absent = "attribute_not_exists(id) OR expires < :now"
            values: dict[str, Any] = {"started": {"N": f"{now:.3f}"}, "expires": expires}
            self._rows.put(head, ALONE, values, absent, now={"N": str(int(now))})
        found = self._head(caller, conversation)
        started = str(found["started"]["N"])
        alive = "attribute_exists(id) AND attribute_not_exists(deleted)"
        if not self._rows.update(head, "SET expires = :expires", alive, {":expires": expires}):
            raise UnknownConversation(_UNKNOWN)
        place = place_of(caller, conversation, float(started), conversation)
        # An update, not a put: it keeps the title.
        listed: dict[str, Any] = {":conversation": {"S": conversation}, ":expires": expires}
        change = "SET conversation = :conversation, expires = :expires"
        self._rows.update(list_key(caller), change, "attribute_not_exists(deleted)", listed, turn=place.turn)

    def begin_turn(self, caller: str, place: Place, days: int) -> None:
        """Write the item of a turn that is about to start; one that is there stays.

        Raises UnknownConversation if the conversation was deleted meanwhile.
        """
        now = self._now()
        values: dict[str, Any] = {
            "caller": {"S": caller},
            "status": {"S": "RUNNING"},
            "started": {"N": str(int(now))},
            "expires": {"N": str(int(now) + days * 86_400)},
        }
        self._rows.put(place.id, place.turn, values, "attribute_not_exists(id)")
        try:
            self._head(caller, place.conversation)
        except UnknownConversation:
            self._rows.delete(place.id, place.turn)
            self._rows.delete(list_key(caller), self._listed(caller, place.conversation))
            raise

    def forget_turn(self, place: Place) -> None:
        """Delete the item of a turn that did not start."""
        self._rows.delete(place.id, place.turn)

    def listed(self, caller: str, limit: int, before: str | None = None) -> tuple[list[dict[str, Any]], str | None]:
        """The newest conversations that began before one, and where the next page begins."""
        now = self._now()
        found: list[dict[str, Any]] = []
        last: str | None = before
        while True:
            page = self._rows.newest(list_key(caller), last)
            for item in page:
                if len(found) == limit:
                    return found, last
                last = str(item["turn"]["S"])
                if not expired(item, now):
                    at = last.partition("#")[0]
                    found.append({"id": item["conversation"]["S"], "at": at, "title": _title(item)})
            if not page:
                return found, None

    def read(self, caller: str, conversation: str) -> tuple[str | None, list[Turn]]:
        """The title, and the newest turns, oldest first. Raises UnknownConversation."""
        head = self._head(caller, conversation)
        now = self._now()
        items = self._rows.all(turns_key(caller, conversation), _READ)
        kept = (item for item in items if not expired(item, now) and "deleted" not in item)
        return _title(head), [_ended(item, now) for item in islice(kept, MOST_READ)][::-1]

    def rename(self, caller: str, conversation: str, title: str | None) -> None:
        """Give a conversation a title, or take it away. Raises UnknownConversation, also for a deleted one."""
        self._head(caller, conversation)
        change, values = ("REMOVE title", {}) if title is None else ("SET title = :title", {":title": {"S": title}})
        alive = "attribute_exists(id) AND attribute_not_exists(deleted)"
        if not self._rows.update(head_key(caller, conversation), change, alive, values):
            raise UnknownConversation(_UNKNOWN)
        listed = self._listed(caller, conversation)
        # A conversation that is deleted meanwhile has no item in the list any more: none is made.
        self._rows.update(list_key(caller), change, "attribute_exists(id)", values, turn=listed)

    def delete(self, caller: str, conversation: str) -> None:
        """Delete a conversation, its turns and their feedback; again, if the first time was cut short.

        Raises UnknownConversation.
        """
        head = head_key(caller, conversation)
        found = self._rows.get(head)
        if found is None or expired(found, self._now()):
            raise UnknownConversation(_UNKNOWN)
        listed = self._listed(caller, conversation)
        until = {"N": str(int(self._now()) + TOMBSTONE_SECONDS)}
        buried: dict[str, Any] = {"deleted": {"BOOL": True}, "expires": until}
        # First the conversation: who begins a turn after this finds it deleted, who began before it is found below.
        self._rows.update(head, "SET deleted = :yes REMOVE title", "attribute_exists(id)", {":yes": {"BOOL": True}})
        for item in self._rows.all(turns_key(caller, conversation)):
            at, _, execution = str(item["turn"]["S"]).partition("#")
            self._rows.put(str(item["id"]["S"]), str(item["turn"]["S"]), buried)
            self._rows.delete(feedback_key(at), execution)
        self._rows.delete(list_key(caller), listed)

    def _listed(self, caller: str, conversation: str) -> str:
        """The sort key of the conversation in its caller's list."""
        head = self._rows.get(head_key(caller, conversation)) or {"started": {"N": "0"}}
        return place_of(caller, conversation, float(head["started"]["N"]), conversation).turn

    def _head(self, caller: str, conversation: str) -> Item:
        item = self._rows.get(head_key(caller, conversation))
        if item is None or "deleted" in item or expired(item, self._now()):
            # The same message for another caller's, which does not say whether it exists.
            raise UnknownConversation(_UNKNOWN)
        return item


def _title(item: Item) -> str | None:
    """The title that its caller gave a conversation."""
    return (item.get("title") or {}).get("S")


def _ended(item: Item, now: float) -> Turn:
    """A turn; one that has not ended in time is one whose execution failed."""
    turn = read_turn(item)
    if turn.outcome is not None or now - float((item.get("started") or {}).get("N", now)) < LONGEST_SECONDS:
        return turn
    return Turn(turn.at, turn.execution, AnswerOutcome.UNAVAILABLE)
