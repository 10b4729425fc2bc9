"""The evaluations API: `GET` and `POST /evaluations`, `GET /evaluations/{id}`, `GET /evaluations/{id}/report`,
`GET /evaluations/{id}/items`, `GET /evaluations/{id}/items/{number}`.

A run is started on one of the caller's corpora in the stack's own buckets, with the deployment's guardrails: a request
cannot choose others. A caller sees the runs that it started; an operator sees every run and evaluates every corpus.
Results are returned as presigned URLs, since they are larger than an API response may be.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.paging import SEARCHED, read_page
from functions.routes import Query, Reply, Work, check_token, guarded, read_body, read_number, sees_all
from stepguard.aws.environment import operators
from stepguard.aws.evaluations import Evaluations, Watch, run_id, source_of
from stepguard.aws.executions import Execution
from stepguard.aws.objects import Address
from stepguard.evaluation import browsing
from stepguard.evaluation.runs import run_of
from stepguard.guard.callers import Caller
from stepguard.guard.errors import Conflict, InvalidRequest, UnknownExecution
from stepguard.trace import to_document
from stepguard.trace.graph import graph
from stepguard.trace.result import read_result

_REPORT = "report.html"
FILES = ("scorecard.json", "results.jsonl", "items.csv", _REPORT, "bad_rows.jsonl")
"""The files of a run; report.html only if a command has written it, bad_rows.jsonl only if there are bad rows."""

ITEM_DIGITS = 16
QUESTIONS = 10
"""The weight of a start in a caller's quota of a minute: it reads a whole corpus."""

LISTED = 50
MOST_LISTED = 500
MOST_ITEMS = 10_000_000
LISTS = 3
"""So many lists of items are kept: of two runs, and of their comparison."""

Items = list[browsing.Item]


class EvaluationsApi:
    """The routes, on the runs of one evaluation state machine."""

    def __init__(
        self, evaluations: Evaluations | None = None, operators: Callable[[], frozenset[str]] = operators
    ) -> None:
        self._evaluations = evaluations or Evaluations()
        self._operators = operators
        self._lists: dict[tuple[str, ...], Items] = {}

    def post(self, body: bytes, caller: Caller) -> Work:
        """A run: 202 with its id. With a client_token the same request is the same run.

        Its items are counted when they are known, in PrepareCorpus. Raises StepguardError.
        """
        wanted = _parse(body)
        token = wanted.get("client_token")
        identifier = run_id(caller, token)
        operator = sees_all(caller, self._operators())
        corpus = self._evaluations.corpus(wanted["corpus"], caller, operator=operator)
        work = self._evaluations.work(identifier)
        limits = {name: wanted[name] for name in _LIMITS if name in wanted}
        address, place = {"bucket": corpus.bucket, "key": corpus.key}, {"bucket": work.bucket, "key": work.key}
        run = run_of({"id": identifier, "corpus": address, "work": place, "caller": caller.id, **limits})

        def start() -> Reply:
            self._evaluations.start(run)
            location = {"Location": f"/evaluations/{identifier}", "Retry-After": "5"}
            return 202, {"id": identifier, "status": "RUNNING"}, location

        return Work(start, None if token is None else identifier, QUESTIONS)

    def list(self, query: Query, caller: Caller) -> Reply:
        """`{evaluations, searched, more, cursor, corpora}`: the newest runs that the caller may read, out of the
        `searched` newest ones, started between `since` and `until`; with `cursor` the next page."""

        def reply() -> Reply:
            window = read_page(query, set(), LISTED, caller)
            page = self._evaluations.listing.search(
                lambda run: self._may_read(run["caller"], caller), most=SEARCHED, **window.range()
            )
            corpora = str(self._evaluations.corpora(caller))
            return 200, {"evaluations": page.found, **window.paging(page, caller), "corpora": corpora}, {}

        return _guarded(reply)

    def get(self, run: str, caller: Caller) -> Reply:
        """The progress of a run; after its end also its counts, error and scorecard, if available."""

        def reply() -> Reply:
            execution = self._owned(run, caller)
            body: dict[str, Any] = {"id": run, **Watch(self._evaluations, run).progress(execution).to_dict()}
            body |= {"started": execution.started.isoformat(), **source_of(execution)}
            if execution.status == "SUCCEEDED" and execution.output is not None:
                body["summary"] = {name: execution.output["summary"][name] for name in ("items", "failed", "lost")}
            elif execution.finished:
                body["error"] = execution.error
            card = self._evaluations.scorecard(run) if execution.finished else None
            if execution.stopped is not None:
                body["stopped"] = execution.stopped.isoformat()
            if card is not None:
                body["scorecard"] = card
            return 200, body, {}

        return _guarded(reply)

    def report(self, run: str, caller: Caller) -> Reply:
        """Links to the run's files, valid for an hour: 409 while it runs.

        The command draws the plots, not Lambda: as long as report.html is missing, `note` contains the command that
        writes it.
        """

        def reply() -> Reply:
            execution = self._owned(run, caller)
            if not execution.finished:
                raise Conflict("The evaluation has not ended yet.")
            work = self._evaluations.work(run)
            there = {found.key for found in self._evaluations.objects.list(Address(work.bucket, f"{work.key}/"))}
            links = {
                name: self._evaluations.objects.link(self._evaluations.object(run, name), f"{run}-{name}")
                for name in FILES
                if f"{work.key}/{name}" in there
            }
            if not links:
                raise UnknownExecution("The evaluation ended without results.")
            body: dict[str, Any] = {"id": run, "status": execution.status, "files": links}
            if _REPORT not in links:
                body["note"] = f"{_REPORT} is written by the command: stepguard evaluate --resume {run}"
            return 200, body, {}

        return _guarded(reply)

    def items(self, run: str, query: Query, caller: Caller) -> Reply:
        """`{items, total, matching, cursor}`: the items of an ended run that match the filters of browsing.FILTERS.

        With `compare=RUN` each has `other` and `change`, the items that changed first.
        """

        def reply() -> Reply:
            if unknown := set(query) - {*browsing.FILTERS, "compare", "limit", "cursor"}:
                raise InvalidRequest(f"Unknown filter {sorted(unknown)[0]}; known are {', '.join(browsing.FILTERS)}.")
            limit = read_number(query, "limit", LISTED, MOST_LISTED, least=1)
            start = read_number(query, "cursor", 0, MOST_ITEMS)
            try:
                wanted = browsing.wanted_of(query)
            except ValueError as error:
                raise InvalidRequest(str(error)) from None
            other = query.get("compare")
            if wanted.change and not other:
                raise InvalidRequest("'change' needs 'compare', another run.")
            found = self._compared(run, other, caller) if other else self._items_of(run, caller)
            return 200, {"id": run, **browsing.page_of(found, wanted, start, limit)}, {}

        return _guarded(reply)

    def _items_of(self, run: str, caller: Caller) -> Items:
        key = self._ended(run, caller)
        return self._kept((key,), lambda: [browsing.item_of(line) for line in self._evaluations.results(run)])

    def _compared(self, run: str, other: str, caller: Caller) -> Items:
        key = (self._ended(run, caller), self._ended(other, caller))
        return self._kept(key, lambda: browsing.compared(self._items_of(run, caller), self._items_of(other, caller)))

    def _ended(self, run: str, caller: Caller) -> str:
        """What changes when a run's results do. Raises StepguardError for a run that the caller may not read, and one
        that has not ended."""
        execution = self._owned(run, caller)
        if not execution.finished:
            raise Conflict("The evaluation has not ended yet.")
        return f"{run} {execution.stopped}"

    def _kept(self, key: tuple[str, ...], make: Callable[[], Items]) -> Items:
        """The last lists of items are kept: pages and filters of one list are requested one after the other."""
        if key not in self._lists:
            made = make()
            self._lists = {**dict(list(self._lists.items())[1 - LISTS :]), key: made}
        return self._lists[key]

    def item(self, run: str, number: str, caller: Caller) -> Reply:
        """The trace of an item, from its line of the results: its EXPRESS execution has no history."""

        def reply() -> Reply:
            execution = self._owned(run, caller)
            if not (number.isascii() and number.isdigit() and len(number) < ITEM_DIGITS):
                raise InvalidRequest("An item is named by its number.")
            line = self._evaluations.result(run, int(number))
            document = to_document(read_result(line), str(line.get("execution")))
            document["graph"] = graph(self._evaluations.definition(execution))
            document["started"] = None  # a line has the durations of its stages, not the times
            item = {name: line.get(name) for name in ("id", "number", "action", "expected", "excerpt")}
            return 200, document | {"item": item}, {}

        return _guarded(reply)

    def _owned(self, run: str, caller: Caller) -> Execution:
        execution = self._evaluations.describe(run)
        owner = execution.input.get("run", {}).get("caller")
        if not self._may_read(owner, caller):
            raise UnknownExecution(f"There is no evaluation {run}.")
        return execution

    def _may_read(self, owner: object, caller: Caller) -> bool:
        return owner == caller.id or sees_all(caller, self._operators())


_LIMITS = ("sample", "seed", "kind", "layers", "max_concurrency", "tolerated_failure_percentage")
_MEMBERS = frozenset({"corpus", "client_token", *_LIMITS})
_EXAMPLE = '{"corpus": "s3://BUCKET/KEY"}'


def _parse(body: bytes) -> dict[str, Any]:
    wanted = read_body(body, _EXAMPLE, _MEMBERS)
    if not isinstance(wanted.get("corpus"), str):
        raise InvalidRequest(f"'corpus' must be a string, as in {_EXAMPLE}.")
    check_token(wanted)
    return wanted


def _guarded(route: Callable[[], Reply]) -> Reply:
    return guarded(route, unknown="UnknownEvaluation")
