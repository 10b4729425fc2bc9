"""The executions API: the list, the trace of one, its events, a replay.

`GET /executions`, `GET /executions/{execution}`, `GET /executions/{execution}/events`, `POST
/executions/{execution}/replay`. Every function returns `(status, body, headers)`. A caller sees the executions that it
started; an operator sees all. For other callers the response is 404.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

from functions.paging import SEARCHED, read_page
from functions.routes import DENIED, Query, Reply, Work, guarded, read_number, sees_all
from stepguard.aws.environment import operators
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.listing import Listing
from stepguard.aws.traces import document_of
from stepguard.guard.callers import Caller
from stepguard.guard.errors import UnknownExecution
from stepguard.guard.knowledge import may_read
from stepguard.guard.passages import readers_in
from stepguard.trace.compare import compare
from stepguard.trace.graph import graph
from stepguard.trace.redact import redact, redact_event
from stepguard.trace.replay import replayed
from stepguard.trace.sources import readers_in_history

LISTED = 50
EVENTS = 1_000
"""Events in one response: EVENT_BYTES limits their size to about 5 MB, under Lambda's 6 MB."""

EVENT_BYTES = 4_000_000

DEFINITION_BYTES = 500_000
"""A longer definition is left out: the reply has texts, too."""


class ExecutionsApi:
    """The routes, on the executions of one state machine."""

    def __init__(
        self, executions: Executions | None = None, operators: Callable[[], frozenset[str]] = operators
    ) -> None:
        self.executions = executions or Executions()
        self._listing = Listing(self.executions)
        self.operators = operators

    def search(self, query: Query, caller: Caller) -> Reply:
        """The newest executions that match `outcome`, `stage`, `policy`, `since`, `until`, `text`; at most `limit`.

        `{executions, searched, more, cursor}`: ListExecutions returns no outcomes, so the `searched` newest ones were
        read. With `cursor` the next page begins there; it belongs to this caller and these filters.
        """

        def reply() -> Reply:
            window = read_page(query, {"outcome", "stage", "policy", "text"}, LISTED, caller)
            seen: list[dict[str, Any]] = []

            def wanted(summary: Mapping[str, Any]) -> bool:
                if not self._may_read(caller, {"request": {"caller": summary["caller"]}}):
                    return False
                seen.append(dict(summary))
                return window.filters.match(summary)

            page = self._listing.search(wanted, most=SEARCHED, **window.range())
            if window.after is None:
                window.filters.check_found(seen)
            return 200, {"executions": page.found, **window.paging(page, caller)}, {}

        return _guarded(reply)

    def get(self, name: str, query: Query, caller: Caller) -> Reply:
        """The trace, with the graph of the definition it ran; `compare=OTHER` adds the comparison with another one.
        Operators get the definition, too.

        `redact=true` leaves out every text of people and models. Only operators get them: a trace contains what a
        layer blocked, masked or replaced.
        """

        def reply() -> Reply:
            hidden = query.get("redact") == "true" or not sees_all(caller, self.operators())
            execution = self.find(name, caller)
            document = document_of(self.executions, execution.arn)
            hidden = hidden or not self.may_read_sources(execution, caller)
            definition = self.executions.definition(execution.arn)
            document["graph"] = graph(definition)
            if not hidden and len(json.dumps(definition)) <= DEFINITION_BYTES:
                document["definition"] = definition
            if query.get("compare"):
                compared = self.find(query["compare"], caller)
                other = document_of(self.executions, compared.arn)
                both = hidden or not self.may_read_sources(compared, caller)
                document["comparison"] = compare(_redacted(document, both), _redacted(other, both))
            return 200, _redacted(document, hidden), {}

        return _guarded(reply)

    def events(self, name: str, query: Query, caller: Caller) -> Reply:
        """`{events, next}`: events from number `after` on, as GetExecutionHistory has them; `next` continues there.

        Other callers than operators get them without texts, as in a trace.
        """

        def reply() -> Reply:
            execution = self.find(name, caller)
            hidden = not sees_all(caller, self.operators()) or not self.may_read_sources(execution, caller)
            after = read_number(query, "after", 0, 25_000)
            limit = read_number(query, "limit", EVENTS, EVENTS)
            page: list[Any] = []
            size = 0
            for event in islice(self.executions.history(execution.arn), after, after + limit + 1):
                text = json.dumps(event, default=_plain)
                size += len(text)
                if len(page) == limit or (page and size > EVENT_BYTES):
                    return 200, {"events": page, "next": after + len(page)}, {}
                page.append(redact_event(json.loads(text)) if hidden else json.loads(text))
            return 200, {"events": page, "next": None}, {}

        return _guarded(reply)

    def replay(self, name: str, caller: Caller) -> Work:
        """The same request again, with the deployed definition and guardrails: 202 with the new execution.

        The new execution's trace names the guardrails that it used; `compare` shows both sides. Raises StepguardError.
        """
        execution = self.find(name, caller)
        document = replayed(execution.input, caller.id)

        def start() -> Reply:
            arn = self.executions.start(f"replay-{uuid4().hex}", document)
            return (
                202,
                {"execution": arn, "replay_of": execution.arn, "guardrails": "deployed"},
                {"Location": f"/executions/{name_of(arn)}"},
            )

        return Work(start)

    def may_read_sources(self, execution: Execution, caller: Caller) -> bool:
        """Whether the caller may read every document from which the execution has passages."""
        if execution.output is not None:
            return all(may_read(caller.groups, readers) for readers in readers_in(execution.output))
        history = self.executions.history(execution.arn)
        return all(may_read(caller.groups, readers) for readers in readers_in_history(history))

    def find(self, name: str, caller: Caller) -> Execution:
        """An execution that the caller may read. Raises UnknownExecution, also for another caller's."""
        execution = self.executions.describe(self.executions.arn_of(unquote(name)))
        if not self._may_read(caller, execution.input):
            # The same message as for an unknown name, so that the caller cannot learn whether it exists.
            raise UnknownExecution("No execution of this name belongs to the chat state machine.")
        return execution

    def _may_read(self, caller: Caller, document: Mapping[str, Any]) -> bool:
        allowed = self.operators()
        return sees_all(caller, allowed) or caller.may_read(document, allowed)


def _guarded(route: Callable[[], Reply]) -> Reply:
    return guarded(route, denied=DENIED)


def _redacted(document: dict[str, Any], hidden: bool) -> dict[str, Any]:
    return redact(document) if hidden else document


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def name_of(arn: str) -> str:
    """The name of an execution, which the paths of routes contain."""
    return arn.rpartition(":")[2]
