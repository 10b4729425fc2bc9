"""Executions as the store keeps them: new numbers, rows at start and end, and the objects that run.

A STANDARD execution is written at its start and end, with all its events. An EXPRESS execution has no history: one row
is written at its end.
"""

from __future__ import annotations

import itertools

from embedded_aws.states.interpret.frame import Frame, Run, iso
from embedded_aws.states.interpret.history import Event, History
from embedded_aws.states.interpret.ports import Clock
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import Machine
from embedded_aws.states.run.execution import Ending, Execution, Identity
from embedded_aws.states.store.execution_log import ExecutionLog, LogTarget
from embedded_aws.states.store.store import Store
from embedded_aws.wire import Account

_INSERT = (
    "INSERT INTO executions (id, arn, machine, revision, name, type, status, started, stopped, input, output, error, "
    "cause, map_run, item, version, alias) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_UPDATE = "UPDATE executions SET status = ?, stopped = ?, output = ?, error = ?, cause = ? WHERE id = ?"


class Ledger:
    """Makes executions and writes their rows. Thread-safe."""

    def __init__(self, store: Store, clock: Clock, account: Account, log: ExecutionLog) -> None:
        self._store = store
        self._clock = clock
        self._account = account
        self._log = log
        last = store.one("SELECT max(id) AS last FROM executions")
        self._numbers = itertools.count((last["last"] or 0) + 1 if last else 1)

    def next_number(self) -> int:
        """The number of a new execution; later ones have higher numbers."""
        return next(self._numbers)

    def execution(
        self, who: Identity, machine: Machine, data: Json, events: int = 0, target: LogTarget | None = None
    ) -> Execution:
        """Create an execution object; its history already has `events` events, and it logs to `target`."""

        def sink(batch: list[Event]) -> None:
            if not who.express:
                self._store.write_events(who.number, batch)
            if target is not None:
                self._log.write(target, who.arn, who.redrives, batch)

        history = History(self._clock.now, None if who.express and target is None else sink, events)
        context: dict[str, Json] = {
            "Execution": {
                "Id": who.arn,
                "Input": data,
                "StartTime": iso(who.started),
                "Name": who.name,
                "RoleArn": who.role,
                "RedriveCount": who.redrives,
            },
            "StateMachine": {"Id": who.machine, "Name": who.machine.rpartition(":")[2]},
        }
        run = Run(history, self._clock, context, self._account.region)
        return Execution(who, machine, Frame(run), data, target)

    def record_start(self, who: Identity) -> None:
        """Queue the row of a STANDARD execution that starts."""
        if not who.express:
            self._insert(who, "RUNNING", None, Ending("RUNNING"))

    def record_end(self, who: Identity, ending: Ending) -> None:
        """Queue the outcome of an execution."""
        stopped = round(self._clock.now(), 3)
        if who.express:
            self._insert(who, ending.status, stopped, ending)
        else:
            self._store.write(_UPDATE, ending.status, stopped, ending.output, ending.error, ending.cause, who.number)

    def _insert(self, who: Identity, status: str, stopped: float | None, ending: Ending) -> None:
        self._store.write(
            _INSERT,
            who.number,
            who.arn,
            who.machine,
            who.revision,
            who.name,
            "EXPRESS" if who.express else "STANDARD",
            status,
            who.started,
            stopped,
            who.text,
            ending.output,
            ending.error,
            ending.cause,
            who.map_run,
            who.item,
            who.version,
            who.alias,
        )
