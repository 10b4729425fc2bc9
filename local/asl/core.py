"""What the operations share: the store, the engine, and the executions that run now."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from sqlite3 import Row
from uuid import uuid4

from local.asl.compiler import compile_machine
from local.asl.dispatch import Dispatcher
from local.asl.engine import Engine
from local.asl.execution import Ending, Execution
from local.asl.frame import Frame, Run, iso
from local.asl.history import History
from local.asl.jsontext import Json, dump, load
from local.asl.model import Machine
from local.asl.nested import NestedExecutions
from local.asl.ports import AwsClients, Clock, InvokeLambda, TaskMocks
from local.asl.queues import ActivityQueues
from local.asl.scheduler import Scheduler
from local.asl.store import Store
from local.wire import Account, ServiceError

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
    ) -> None:
        self.account = account
        self.clock = clock
        self.store = Store(database)
        self.scheduler = Scheduler(clock, workers)
        self.queues = ActivityQueues()
        self.nested: NestedExecutions | None = None
        self.dispatcher = Dispatcher(invoke, clients, mocks, self)
        self.engine = Engine(self.scheduler, self.dispatcher, self._ended)
        self.running: dict[str, Execution] = {}
        self.starting = threading.Lock()
        self._compiled = lru_cache(maxsize=256)(self._compile)
        last = self.store.one("SELECT max(id) AS last FROM executions")
        self._last_number = (last["last"] or 0) if last else 0
        self._end_interrupted()

    def close(self) -> None:
        """Stop stepping and write everything down. Executions that still run are ended by the next start."""
        self.queues.close()
        self.scheduler.close()
        self.store.close()

    def now(self) -> float:
        """The clock's time, in whole milliseconds as AWS keeps it."""
        return round(self.clock.now(), 3)

    # --- what tasks need of the service around them

    def start_nested(self, arguments: Json) -> dict[str, Json]:
        """See `dispatch.Backstage`."""
        assert self.nested is not None
        return self.nested.start(arguments)

    def when_nested_ended(self, arn: str, tell: Callable[[dict[str, Json]], None]) -> None:
        """See `dispatch.Backstage`."""
        assert self.nested is not None
        self.nested.describe_when_ended(arn, tell)

    def offer_activity(self, arn: str, token: str, text: str) -> bool:
        """See `dispatch.Backstage`."""
        if self.store.one("SELECT 1 FROM activities WHERE arn = ?", arn) is None:
            return False
        self.queues.offer(arn, token, text)
        return True

    # --- executions

    def machine(self, arn: str, revision: str) -> Machine:
        """The compiled definition of a revision."""
        return self._compiled(arn, revision)

    def launch(self, machine: Row, revision: Row, name: str, arn: str, text: str, data: Json) -> Execution:
        """Write a new execution down and let it run. The caller holds `starting` and has checked everything."""
        self._last_number += 1
        number, now = self._last_number, self.now()
        history = History(self.clock.now, lambda event: self.store.write_event(number, event))
        context: dict[str, Json] = {
            "Execution": {
                "Id": arn,
                "Input": data,
                "StartTime": iso(now),
                "Name": name,
                "RoleArn": revision["role"],
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": machine["arn"], "Name": machine["name"]},
        }
        run = Run(history, self.clock, context, self.account.region)
        compiled = self.machine(machine["arn"], revision["revision"])
        execution = Execution(number, arn, compiled, Frame(run), data, revision["role"], now)
        self.running[arn] = execution
        self.store.write(
            "INSERT INTO executions (id, arn, machine, revision, name, type, status, started, input) "
            "VALUES (?, ?, ?, ?, ?, ?, 'RUNNING', ?, ?)",
            number,
            arn,
            machine["arn"],
            revision["revision"],
            name,
            machine["type"],
            now,
            text,
        )
        self.engine.start(execution)
        return execution

    def _compile(self, arn: str, revision: str) -> Machine:
        row = self.store.one("SELECT definition FROM revisions WHERE machine = ? AND revision = ?", arn, revision)
        if row is None:
            raise ServiceError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return compile_machine(load(row["definition"]))

    def _ended(self, execution: Execution, ending: Ending) -> None:
        self._write_ending(execution.number, ending)
        self.running.pop(execution.arn, None)

    def _write_ending(self, number: int, ending: Ending) -> None:
        self.store.write(
            "UPDATE executions SET status = ?, stopped = ?, output = ?, error = ?, cause = ? WHERE id = ?",
            ending.status,
            self.now(),
            ending.output,
            ending.error,
            ending.cause,
            number,
        )

    def _end_interrupted(self) -> None:
        """Executions that a killed process left running fail now, with an error that says so."""
        for row in self.store.read("SELECT id FROM executions WHERE status = 'RUNNING'"):
            events = self.store.one("SELECT max(id) AS last FROM events WHERE execution = ?", row["id"])
            ending = Ending(
                "FAILED",
                error=INTERRUPTED,
                cause="The process that ran this execution stopped before it ended. Start the execution again.",
            )
            number = row["id"]
            history = History(
                self.clock.now,
                lambda event, number=number: self.store.write_event(number, event),  # type: ignore[misc]  # bound now
                count=(events["last"] or 0) if events else 0,
            )
            kind, details = ending.event()
            history.record(kind, details, history.count, last=True)
            self._write_ending(number, ending)
        self.store.flush()


# --- helpers of the operations --------------------------------------------------------------------------------------


def moment(seconds: float | None) -> datetime | None:
    """A timestamp of a response."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def new_id() -> str:
    """A random UUID, as names and revisions use them."""
    return str(uuid4())


def encode_token(position: int) -> str:
    """A page token: opaque to callers."""
    return base64.urlsafe_b64encode(dump({"at": position}).encode()).decode("ascii")


def decode_token(token: str | None) -> int | None:
    """The position in a page token; InvalidToken for one we did not make."""
    if token is None:
        return None
    try:
        position = load(base64.urlsafe_b64decode(token.encode("ascii")))["at"]
        if isinstance(position, int) and 0 <= position < 2**62:
            return position
    except (ValueError, KeyError, TypeError):
        pass
    raise ServiceError("InvalidToken", "Invalid Token: 'Invalid token'")
