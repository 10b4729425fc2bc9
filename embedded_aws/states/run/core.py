"""The parts that all operations share: the store, the engine, and the running executions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from sqlite3 import Row
from uuid import uuid4

from embedded_aws.states.interpret.effects import StartMapRun
from embedded_aws.states.interpret.item_reader import ItemReaders
from embedded_aws.states.interpret.mock_config import MockConfig
from embedded_aws.states.interpret.past import Past
from embedded_aws.states.interpret.ports import AwsClients, Clock, InvokeLambda, TaskMocks
from embedded_aws.states.language.compiler import compile_machine
from embedded_aws.states.language.errors import DefinitionError
from embedded_aws.states.language.json_text import Json, dump, load
from embedded_aws.states.language.model import Machine
from embedded_aws.states.run.dispatch import Dispatcher
from embedded_aws.states.run.engine import Engine
from embedded_aws.states.run.execution import Ending, Execution, Identity
from embedded_aws.states.run.ledger import Ledger
from embedded_aws.states.run.mailbox import TaskMailbox
from embedded_aws.states.run.map_run_registry import MapRuns
from embedded_aws.states.run.nested import NestedExecutions
from embedded_aws.states.run.queues import ActivityQueues
from embedded_aws.states.run.scheduler import Scheduler
from embedded_aws.states.run.status_change import StatusChanged, status_change
from embedded_aws.states.store.execution_log import ExecutionLog, log_target
from embedded_aws.states.store.store import Store
from embedded_aws.wire import Account, ServiceError

_log = logging.getLogger(__name__)

INTERRUPTED = "StepGuard.EngineStopped"


class Core:
    """The engine and its state, without the API."""

    def __init__(
        self,
        database: Path,
        invoke: InvokeLambda,
        account: Account,
        clock: Clock,
        workers: int,
        clients: AwsClients | None,
        mocks: TaskMocks | None,
        mock_config: Path | None,
        status_changed: StatusChanged | None = None,
    ) -> None:
        self.account = account
        self._status_changed = status_changed
        self.clock = clock
        self.store = Store(database)
        self.scheduler = Scheduler(clock, workers)
        self.queues = ActivityQueues()
        self.nested: NestedExecutions | None = None
        self.mock_config = None if mock_config is None else MockConfig(mock_config, mocks)
        self.dispatcher = Dispatcher(invoke, clients, self.mock_config or mocks, self)
        self.engine = Engine(self.scheduler, self.dispatcher, self._ended)
        self.running: dict[str, Execution] = {}
        self.starting = threading.Lock()
        self.log = ExecutionLog(clients)
        self.ledger = Ledger(self.store, clock, account, self.log)
        self.map_runs = MapRuns(
            self.store,
            self.ledger,
            self.engine,
            self.scheduler,
            clock,
            account,
            clients,
            ItemReaders(clients),
            self.running,
            self.mock_config,
        )
        self._compiled = lru_cache(maxsize=256)(self._compile)

    def close(self) -> None:
        """Stop the engine and write all pending data. The next process resumes the executions that still run."""
        self.queues.close()
        self.scheduler.close()
        self.log.close()
        self.store.close()

    def now(self) -> float:
        """The clock's time, in whole milliseconds as AWS keeps it."""
        return round(self.clock.now(), 3)

    # --- the service's operations that tasks need (see `dispatch.ServiceOperations`)

    def start_nested(self, arguments: Json) -> dict[str, Json]:
        """Start an execution for states:startExecution."""
        assert self.nested is not None
        return self.nested.start(arguments)

    def when_nested_ended(self, arn: str, callback: Callable[[dict[str, Json]], None]) -> None:
        """Call `callback` with the child's description once it has ended."""
        assert self.nested is not None
        self.nested.describe_when_ended(arn, callback)

    def offer_activity(self, arn: str, token: str, text: str) -> bool:
        """Queue a task for an activity's workers; False if the activity does not exist."""
        if self.store.one("SELECT 1 FROM activities WHERE arn = ?", arn) is None:
            return False
        self.queues.offer(arn, token, text)
        return True

    def start_map_run(self, execution: Execution, effect: StartMapRun, mailbox: TaskMailbox) -> str:
        """Start or resume a Map Run."""
        return self.map_runs.start(execution, effect, mailbox)

    # --- executions

    def machine(self, arn: str, revision: str) -> Machine:
        """The compiled definition of a revision."""
        return self._compiled(arn, revision)

    def launch(
        self,
        machine: Row,
        revision: Row,
        name: str,
        arn: str,
        text: str,
        data: Json,
        version: str | None,
        alias: str | None,
        case: str = "",
    ) -> Execution:
        """Store a new execution and run it; `case` is its test case of the mock configuration, if any.

        The caller holds `starting` and has checked the request.
        """
        if case:
            if self.mock_config is None:
                raise ServiceError("ValidationException", f"No mock configuration is set: '{case}' means nothing.")
            self.mock_config.assign(arn, machine["name"], case)
        who = Identity(
            number=self.ledger.next_number(),
            arn=arn,
            machine=machine["arn"],
            revision=revision["revision"],
            name=name,
            express=machine["type"] == "EXPRESS",
            role=revision["role"],
            started=self.now(),
            text=text,
            version=version,
            alias=alias,
        )
        target = log_target(load(machine["settings"])["loggingConfiguration"], machine["name"], who.started, self.log)
        compiled = self.machine(machine["arn"], revision["revision"])
        execution = self.ledger.execution(who, compiled, data, target=target)
        self.running[arn] = execution
        self.ledger.record_start(who)
        self.emit(who, Ending("RUNNING"))
        self.engine.start(execution)
        return execution

    def forget(self, machine: str) -> None:
        """End and delete all executions of a state machine that was deleted: a new one of its name has none."""
        for execution in list(self.running.values()):
            if execution.who.machine.partition("/")[0] == machine:
                self.engine.end(execution, Ending("ABORTED"))
        # Children of its Map Runs have the machine ARN/LABEL; "0" is the character after "/".
        which, values = "machine = ? OR (machine > ? AND machine < ?)", (machine, f"{machine}/", f"{machine}0")
        for table in ("threads", "events"):
            rows = f"SELECT id FROM executions WHERE {which}"  # noqa: S608  constants
            self.store.write(f"DELETE FROM {table} WHERE execution IN ({rows})", *values)  # noqa: S608
        for table in ("map_runs", "executions"):
            self.store.write(f"DELETE FROM {table} WHERE {which}", *values)  # noqa: S608

    def recover(self) -> None:
        """Resume the executions that a killed process left running, each at its last state."""
        query = "SELECT * FROM executions WHERE status = 'RUNNING' AND map_run IS NULL ORDER BY id"
        for row in self.store.read(query):
            try:
                self.resume(row)
            except (ServiceError, DefinitionError, KeyError, ValueError) as error:
                _log.warning("Execution %s cannot be resumed: %s", row["arn"], type(error).__name__)
                self._give_up(row)

    def past(self, execution: int) -> Past:
        """What is recorded of an execution."""
        events = self.store.read(
            "SELECT events.*, coalesce(thread, '') AS thread FROM events LEFT JOIN threads USING (execution, id) "
            "WHERE execution = ? ORDER BY id",
            execution,
        )
        return Past([dict(event) for event in events])

    def resume(self, row: Row, redrives: int | None = None, since: float | None = None) -> Execution:
        """Continue a stored execution from its history's last state; `redrives` and `since` are for a redrive."""
        past = self.past(row["id"])
        here = past.position("")
        revision = self.store.one(
            "SELECT role FROM revisions WHERE machine = ? AND revision = ?", row["machine"], row["revision"]
        )
        who = Identity(
            number=row["id"],
            arn=row["arn"],
            machine=row["machine"],
            revision=row["revision"],
            name=row["name"],
            express=False,
            role=revision["role"] if revision else "",
            started=row["started"],
            text=row["input"],
            redrives=row["redrives"] if redrives is None else redrives,
        )
        machine = self.machine(row["machine"], row["revision"])
        settings = self.store.one("SELECT name, settings FROM machines WHERE arn = ?", row["machine"])
        target = None
        if settings is not None:
            target = log_target(
                load(settings["settings"])["loggingConfiguration"], settings["name"], self.now(), self.log
            )
        execution = self.ledger.execution(who, machine, load(row["input"]), past.last, target)
        if here.state is not None:
            execution.frame.resume(machine, past, here)
            # AWS's events of a state that goes on follow the last one of the history, whichever thread wrote it.
            execution.frame.last = past.last
            execution.input = here.data
        self.running[who.arn] = execution
        if redrives is not None:
            self.emit(who, Ending("RUNNING"))
        if past.last == 0:
            self.engine.start(execution)
        else:
            self.engine.go_on(execution, here.state, since or row["redriven"])
        return execution

    def _give_up(self, row: Row) -> None:
        """Fail an execution that cannot continue, with an error that contains the reason."""
        cause = "The process that ran this execution stopped, and its state machine cannot be read any more."
        last = self.store.one("SELECT max(id) AS last FROM events WHERE execution = ?", row["id"])
        ending = Ending("FAILED", error=INTERRUPTED, cause=cause)
        kind, details = ending.event()
        number = (last["last"] or 0) if last else 0
        event = (row["id"], number + 1, number, self.now(), kind, dump(details))
        self.store.write("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", *event)
        values = (self.now(), INTERRUPTED, cause, row["id"])
        self.store.write(
            "UPDATE executions SET status = 'FAILED', stopped = ?, error = ?, cause = ? WHERE id = ?", *values
        )

    def _compile(self, arn: str, revision: str) -> Machine:
        row = self.store.one("SELECT definition FROM revisions WHERE machine = ? AND revision = ?", arn, revision)
        if row is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return compile_machine(load(row["definition"]))

    def _ended(self, execution: Execution, ending: Ending) -> None:
        self.ledger.record_end(execution.who, ending)
        self.running.pop(execution.arn, None)
        self.emit(execution.who, ending)

    def emit(self, who: Identity, ending: Ending) -> None:
        """Pass the event of a STANDARD execution's new status on, without waiting for who gets it."""
        passed_on = self._status_changed
        if passed_on is not None and not who.express:
            event = status_change(who, ending, self.now(), self.account)
            self.scheduler.submit(lambda: passed_on(event))


# --- helpers of the operations --------------------------------------------------------------------------------------


def moment(seconds: float | None) -> datetime | None:
    """A timestamp of a response."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def new_id() -> str:
    """A random UUID, as names and revisions use them."""
    return str(uuid4())
