"""Lists in pages: `maxResults` and `nextToken` of the List operations and of GetExecutionHistory."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from sqlite3 import Row
from typing import Any

from embedded_aws.states.language.json_text import dump, load
from embedded_aws.wire import ServiceError

Params = dict[str, Any]

_LAST = 2**62
"""Above every row's number."""


@dataclass(frozen=True, slots=True)
class Page:
    """The requested page: at most `most` entries from `position` on; None is the beginning.

    A position is the number of earlier entries, or the number of the last row on the earlier page.
    """

    most: int
    position: int | None
    request: str

    @property
    def limit(self) -> int:
        """The number of rows to read: one more than the page has, to detect a next page."""
        return self.most + 1

    @property
    def after(self) -> int:
        """The position of a list that counts upwards."""
        return self.position or 0

    @property
    def before(self) -> int:
        """The position of a list that starts with the last row."""
        return _LAST if self.position is None else self.position

    def reply(
        self, member: str, rows: Sequence[Row], show: Callable[[Row], Params], column: str | None = None
    ) -> Params:
        """The response: the rows that fit, and a token for the others.

        `column` holds the rows' numbers; without one the entries are counted.
        """
        response: Params = {member: [show(row) for row in rows[: self.most]]}
        if len(rows) > self.most:
            position = self.after + self.most if column is None else rows[self.most - 1][column]
            response["nextToken"] = base64.urlsafe_b64encode(
                dump({"at": position, "of": self.request}).encode()
            ).decode("ascii")
        return response


def page_of(params: Params) -> Page:
    """Read the request. Raises InvalidToken for a token that this service did not issue for the same request."""
    rest = sorted((key, value) for key, value in params.items() if key not in ("maxResults", "nextToken"))
    request = hashlib.sha256(dump(rest).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Page(params.get("maxResults") or 100, _position(params.get("nextToken"), request), request)


def _position(token: str | None, request: str) -> int | None:
    if token is None:
        return None
    try:
        read = load(base64.urlsafe_b64decode(token.encode("ascii")))
        position, issued_for = read["at"], read["of"]
    except (ValueError, KeyError, TypeError):
        position = issued_for = None
    if not isinstance(position, int) or not 0 <= position < _LAST:
        raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
    if issued_for != request:
        raise ServiceError("InvalidToken", "Invalid Token: 'Input inconsistent with page token'")
    return position
