"""Finds the visit of an event.

An event belongs to the state that the event before it (`previousEventId`) belongs to: in a Parallel or Map only this
distinguishes the branches, whose events are mixed in the history. AWS does not always follow this rule
(EvaluationFailed points at 0, a Map's next iteration at the end of the one before), and logs and exports may lack it;
then the innermost matching open state is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from stepguard.trace.drafts import Draft, text
from stepguard.trace.events import Event
from stepguard.trace.model import Visit

CONTAINERS = ("Map", "Parallel")


@dataclass(slots=True)
class OpenStates:
    """All visits so far, and the open ones."""

    visits: list[Draft] = field(default_factory=list)
    # The visit of an event, and the branch that it opened, by the event's id.
    _owners: dict[int, Draft] = field(default_factory=dict)
    _branches: dict[int, int] = field(default_factory=dict)
    # Open visits in the order they were entered: a dict, so that leaving one is cheap.
    _active: dict[int, Draft] = field(default_factory=dict)

    def enter(self, event: Event, kind: str) -> Draft:
        """Add a visit."""
        name = text(event.details.get("name")) or "?"
        parent, branch = self._place(event, name)
        index = None if parent is None else parent.visit.index
        first = (event.id, event.id)
        visit = Visit(name, kind, event.at, index=len(self.visits), parent=index, branch=branch, events=first)
        draft = Draft(visit, parent, event.id)
        self.visits.append(draft)
        self._active[visit.index] = draft
        return draft

    def _place(self, event: Event, name: str) -> tuple[Draft | None, int | None]:
        """The Map or Parallel around a visit that begins, and the branch there."""
        before = self._owners.get(event.previous)
        if before is None:
            return (self._last(CONTAINERS) if event.previous == 0 and self.visits else None), None
        if not (before.open and before.visit.type in CONTAINERS and before.visit.state != name):
            return before.parent, before.visit.branch
        branch = self._branches.get(event.previous)
        if branch is None:
            branch, before.branches = before.branches, before.branches + 1
        return before, branch

    def own(self, event: Event, draft: Draft) -> None:
        """Record that the event belongs to this visit."""
        self._owners[event.id] = draft
        draft.last = max(draft.last, event.id)

    def open_branch(self, event: Event, number: int) -> None:
        """Open a branch with its own number."""
        self._branches[event.id] = number

    def active(self) -> list[Draft]:
        """The open visits."""
        return list(self._active.values())

    def close(self, draft: Draft, status: str, at: datetime | None) -> None:
        """End the visit."""
        draft.leave(status, at)
        self._active.pop(draft.visit.index, None)

    def abort(self, draft: Draft, at: datetime) -> None:
        """End a visit that was stopped from outside."""
        self.close(draft, "aborted", at)
        if draft.trying:
            draft.end_try("aborted", at)

    def close_inner(self, draft: Draft, at: datetime, branch: int | None = None) -> None:
        """End all open visits inside a Map or Parallel, or in one branch of it."""
        for inner in self.active():
            if inner.parent is draft and branch in (None, inner.visit.branch):
                self.close_inner(inner, at)
                failed = inner.visit.error is not None or inner.visit.type == "Fail"
                self.close(inner, "failed" if failed else "aborted", at)

    def resume(self, draft: Draft) -> None:
        """Reopen a visit that had ended."""
        draft.resume()
        self._active[draft.visit.index] = draft

    def failing(self, draft: Draft) -> Draft | None:
        """The visit inside a Map or Parallel that makes it fail."""
        inside = (item for item in reversed(self.visits[draft.visit.index + 1 :]) if item.parent is draft)
        return next((item for item in inside if item.visit.error and item.visit.status in ("running", "failed")), None)

    def within(self, event: Event, kinds: tuple[str, ...]) -> Draft | None:
        """The open visit of a type that contains the previous event; else the last open one."""
        draft = self._owners.get(event.previous)
        while draft is not None and not (draft.open and draft.visit.type in kinds):
            draft = draft.parent
        return draft or self._last(kinds)

    def named(self, event: Event, kind: str | None = None, member: str = "name") -> Draft | None:
        """The same, for the visit named by a member of the event."""
        name = text(event.details.get(member))
        draft = self._owners.get(event.previous)
        while draft is not None and not (draft.open and name in (None, draft.visit.state)):
            draft = draft.parent
        if draft is not None and kind in (None, draft.visit.type):
            return draft
        fitting = (item for item in reversed(self._active.values()) if name in (None, item.visit.state))
        return next((item for item in fitting if kind in (None, item.visit.type)), None)

    def _last(self, kinds: tuple[str, ...]) -> Draft | None:
        return next((draft for draft in reversed(self._active.values()) if draft.visit.type in kinds), None)
