"""The Map Runs of this process: starts them, resumes them after a crash, and keeps their results.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
"""

from __future__ import annotations

import threading
from collections.abc import Container, Iterator
from functools import partial
from sqlite3 import Row
from uuid import uuid4

from embedded_aws.states.interpret.effects import MapPlan, ReadItems, StartMapRun
from embedded_aws.states.interpret.mock_config import MockConfig
from embedded_aws.states.interpret.ports import AwsClients, Clock
from embedded_aws.states.interpret.result_writer import ChildResult, pending_records, transformed, write_results
from embedded_aws.states.language.errors import RESULT_WRITER, StateError, data_limit
from embedded_aws.states.language.json_text import MAX_BYTES, Json, dump, load, size
from embedded_aws.states.run.engine import Engine
from embedded_aws.states.run.execution import Execution, Identity
from embedded_aws.states.run.ledger import Ledger
from embedded_aws.states.run.mailbox import TaskMailbox
from embedded_aws.states.run.map_run import Counts, Limits, MapRun
from embedded_aws.states.run.scheduler import Scheduler
from embedded_aws.states.store.store import Store
from embedded_aws.wire import Account

_PAGE = 100


class MapRuns:
    """All Map Runs. Thread-safe."""

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        engine: Engine,
        scheduler: Scheduler,
        clock: Clock,
        account: Account,
        clients: AwsClients | None,
        read: ReadItems,
        running: dict[str, Execution],
        mock_config: MockConfig | None = None,
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._engine = engine
        self._scheduler = scheduler
        self._clock = clock
        self._account = account
        self._clients = clients
        self._read = read
        self._running = running
        self._mock_config = mock_config
        self._live: dict[str, MapRun] = {}
        self._lock = threading.Lock()

    def live(self, arn: str) -> MapRun | None:
        """A run that is active in this process."""
        with self._lock:
            return self._live.get(arn)

    def start(self, parent: Execution, effect: StartMapRun, mailbox: TaskMailbox) -> str:
        """Start a Map Run, or resume the one that the same state started before; return its ARN."""
        plan = effect.plan
        known = self._store.one(
            "SELECT arn, limits FROM map_runs WHERE execution = ? AND entered = ? AND status = 'RUNNING'",
            parent.who.number,
            effect.entered,
        )
        arn = known["arn"] if known is not None else self._record_start(parent, effect)
        machine = f"{parent.who.machine}/{plan.distributed.label}"
        run = MapRun(
            plan,
            mailbox,
            self._scheduler,
            self._read,
            launch=partial(self._launch, parent, plan, arn, machine),
            stop=self._engine.end,
            collect=partial(self._collect, plan, arn, machine),
            ended=partial(self._ended, arn),
            finished=self._finished(arn, plan) if known is not None else {},
        )
        if known is not None:
            run.limits = Limits(**load(known["limits"]))
        with self._lock:
            self._live[arn] = run
        if not parent.when_ended(run.abort):
            run.abort()
        mailbox.on_close = run.abort
        run.begin()
        return str(arn)

    def reopen(self, execution: int, states: Container[int], now: float) -> None:
        """For a redrive: reopen the last Map Run of each state that continues, and delete its failures.

        `states` are the events that entered these states. A Map Run whose failure was caught stays as it is.
        """
        rows = self._store.read(
            "SELECT arn, entered FROM map_runs WHERE status != 'SUCCEEDED' AND number IN "
            "(SELECT max(number) FROM map_runs WHERE execution = ? GROUP BY entered)",
            execution,
        )
        for row in rows:
            if row["entered"] in states:
                self._reopen(row["arn"], now)

    def _reopen(self, arn: str, now: float) -> None:
        self._delete(arn, "status != 'SUCCEEDED'")
        self._store.write(
            "UPDATE map_runs SET status = 'RUNNING', stopped = NULL, counts = NULL, redrives = redrives + 1, "
            "redriven = ? WHERE arn = ?",
            now,
            arn,
        )

    def _delete(self, arn: str, which: str) -> None:
        """Delete children of a Map Run with all that is recorded of them; `which` is a constant."""
        for table in ("threads", "events"):
            self._store.write(
                f"DELETE FROM {table} WHERE execution IN (SELECT id FROM executions WHERE map_run = ? AND {which})",  # noqa: S608
                arn,
            )
        self._store.write(f"DELETE FROM executions WHERE map_run = ? AND {which}", arn)  # noqa: S608

    def results(self, arn: str, machine: str) -> Iterator[ChildResult]:
        """The ended children, in the order of their items, read page by page."""
        last = -1
        while True:
            rows = self._store.read(
                "SELECT * FROM executions WHERE map_run = ? AND item > ? AND status != 'RUNNING' ORDER BY item LIMIT ?",
                arn,
                last,
                _PAGE,
            )
            for row in rows:
                last = row["item"]
                yield _result(row, machine)
            if len(rows) < _PAGE:
                return

    def _record_start(self, parent: Execution, effect: StartMapRun) -> str:
        plan = effect.plan
        name = parent.who.machine.rpartition(":")[2]
        arn = self._account.arn("states", f"mapRun:{name}/{plan.distributed.label}:{uuid4()}")
        limits = {
            "concurrency": plan.concurrency,
            "tolerated_count": plan.tolerated_count,
            "tolerated_percentage": plan.tolerated_percentage,
        }
        self._store.write(
            "INSERT INTO map_runs (arn, execution, entered, machine, status, started, limits) "
            "VALUES (?, ?, ?, ?, 'RUNNING', ?, ?)",
            *(arn, parent.who.number, effect.entered, f"{parent.who.machine}/{plan.distributed.label}"),
            *(round(self._clock.now(), 3), dump(limits)),
        )
        return arn

    def _finished(self, arn: str, plan: MapPlan) -> dict[int, tuple[str, int]]:
        """Children that an earlier process finished: item number -> status and size. Unfinished ones are deleted."""
        self._delete(arn, "status = 'RUNNING'")
        return finished_children(self._store, arn, batched=plan.distributed.batcher is not None)

    def _launch(self, parent: Execution, plan: MapPlan, run: str, machine: str, item: int, data: Json) -> Execution:
        distributed = plan.distributed
        name = str(uuid4())
        path = machine.rpartition(":")[2]
        resource = f"express:{path}:{name}:{uuid4()}" if distributed.express else f"execution:{path}:{name}"
        who = Identity(
            number=self._ledger.next_number(),
            arn=self._account.arn("states", resource),
            machine=machine,
            revision=parent.who.revision,
            name=name,
            express=distributed.express,
            role=parent.who.role,
            started=round(self._clock.now(), 3),
            text=dump(data),
            map_run=run,
            item=item,
        )
        child = self._ledger.execution(who, plan.processor, data, target=parent.log_target)
        self._running[who.arn] = child
        self._ledger.record_start(who)
        if self._mock_config is not None:
            self._mock_config.inherit(who.arn, parent.who.arn)
        self._engine.start(child)
        return child

    def _collect(self, plan: MapPlan, arn: str, machine: str, pending: Iterator[Json]) -> Json:
        writer = plan.distributed.writer
        results = self.results(arn, machine)
        if writer is not None and plan.bucket is not None:
            if self._clients is None:
                raise StateError(RESULT_WRITER, "No S3 client is configured for the ResultWriter.")
            return write_results(
                self._clients("s3"), writer, plan.bucket, plan.prefix, arn, results, pending_records(pending, machine)
            )
        for _ in pending:
            pass  # counts them
        values: list[Json] = []
        total = 2
        for value in transformed(results, "COMPACT" if writer is None else writer.transformation):
            total += size(dump(value)) + 1
            if total > MAX_BYTES:
                raise data_limit(plan.state)
            values.append(value)
        return values

    def _ended(self, arn: str, status: str, counts: Counts) -> None:
        self._store.write(
            "UPDATE map_runs SET status = ?, stopped = ?, counts = ? WHERE arn = ?",
            *(status, round(self._clock.now(), 3), dump(counts.as_json()), arn),
        )
        with self._lock:
            self._live.pop(arn, None)


def finished_children(store: Store, arn: str, *, batched: bool) -> dict[int, tuple[str, int]]:
    """A Map Run's children in the store: item number -> status and how many items it holds.

    A run may have 100,000 children, so their inputs stay in the file.
    """
    number = "json_array_length(input, '$.Items')" if batched else "1"
    query = f"SELECT item, status, {number} AS items FROM executions WHERE map_run = ?"  # noqa: S608  a constant
    return {row["item"]: (row["status"], row["items"]) for row in store.read(query, arn)}


def _result(row: Row, machine: str) -> ChildResult:
    return ChildResult(
        arn=row["arn"],
        machine=machine,
        name=row["name"],
        status=row["status"],
        input=row["input"],
        output=row["output"],
        error=row["error"],
        cause=row["cause"],
        started=row["started"],
        stopped=row["stopped"],
    )
