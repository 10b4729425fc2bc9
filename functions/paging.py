"""Pages of lists: filters, time range, limit and cursor of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from functions.routes import Query, read_number
from stepguard.aws.listing import Page
from stepguard.guard.callers import Caller
from stepguard.guard.cursors import Position, read_cursor, write_cursor
from stepguard.guard.errors import InvalidRequest
from stepguard.trace.listing import Filters, read_filters

SEARCHED = 200
"""The most executions that one request reads."""

_RANGE = ("since", "until", "limit", "cursor")


@dataclass(frozen=True, slots=True)
class Window:
    """What a request wants of a list. `given` are its filters as the caller wrote them."""

    filters: Filters
    limit: int
    after: Position | None
    given: Mapping[str, str]

    def range(self) -> dict[str, Any]:
        """The arguments of `Listing.search`."""
        return {
            "limit": self.limit,
            "since": self.filters.since,
            "until": self.filters.until,
            "after": self.after,
        }

    def paging(self, page: Page, caller: Caller) -> dict[str, Any]:
        """The members of a reply: how many were searched, whether there are more, and where they begin."""
        cursor = None if page.last is None else write_cursor(page.last, _scope(self.given, caller))
        return {"searched": page.searched, "more": cursor is not None, "cursor": cursor}


def read_page(query: Query, filters: set[str], limit: int, caller: Caller) -> Window:
    """The window of a query with these filters. Raises InvalidRequest that names the wrong parameter."""
    known = sorted(filters) + list(_RANGE)
    if not set(query) <= set(known):
        raise InvalidRequest(f"Unknown filter; known are {', '.join(known)}.")
    given = {name: query[name] for name in known if query.get(name) and name not in ("limit", "cursor")}
    return Window(
        read_filters(given, datetime.now(UTC)),
        read_number(query, "limit", limit, SEARCHED, least=1),
        read_cursor(query.get("cursor"), _scope(given, caller)),
        given,
    )


def _scope(given: Mapping[str, str], caller: Caller) -> object:
    return [caller.id, dict(given)]
