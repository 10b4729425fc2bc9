"""The operations on executions: start, stop, describe, list, history, and the synchronous start.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html and its siblings
"""

from __future__ import annotations

from math import ceil
from typing import Any

from embedded_aws.states.api.redrive import redrive_status
from embedded_aws.states.api.versions import resolve
from embedded_aws.states.interpret.history import details_key, without_data
from embedded_aws.states.language.json_text import MAX_BYTES, Json, load, same, size
from embedded_aws.states.run.core import Core, moment, new_id
from embedded_aws.states.run.execution import Ending, Execution
from embedded_aws.states.store.arns import check_arn, check_name
from embedded_aws.states.store.lookup import find_machine, find_revision
from embedded_aws.states.store.pages import page_of
from embedded_aws.wire import ServiceError

Params = dict[str, Any]


_FILTERS = (
    " = ? AND (? IS NULL OR status = ?) AND (? IS NULL OR (redrives > 0) = (? = 'REDRIVEN')) AND id < ? "
    "ORDER BY id DESC LIMIT ?"
)
_OF_MACHINE = "SELECT * FROM executions WHERE machine" + _FILTERS  # noqa: S608  constants only
_OF_MAP_RUN = "SELECT * FROM executions WHERE map_run" + _FILTERS  # noqa: S608  constants only


class ExecutionOperations:
    """Part of `StepFunctions`."""

    core: Core

    def start_execution(self, params: Params) -> Params:
        """STANDARD: idempotent while an execution of that name runs with the same input; EXPRESS: always new."""
        execution, started = self._start(params)
        self.core.store.flush()
        return {"executionArn": execution, "startDate": moment(started)}

    def start_sync_execution(self, params: Params) -> Params:
        """EXPRESS only: wait for the end. A failed execution is a normal response with `status` FAILED."""
        _only("EXPRESS", resolve(self.core.store, params["stateMachineArn"].partition("#")[0]).machine["type"])
        arn, _ = self._start(params)
        execution = self.core.running.get(arn)
        if execution is not None:
            execution.ended.wait()
        row = self._row(arn)
        milliseconds = max(100, ceil((row["stopped"] - row["started"]) * 10) * 100)
        response = {
            "executionArn": arn,
            "stateMachineArn": row["machine"],
            "name": row["name"],
            "startDate": moment(row["started"]),
            "stopDate": moment(row["stopped"]),
            "status": row["status"],
            "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": milliseconds},
            **_outcome(row),
        }
        if params.get("includedData") != "METADATA_ONLY":
            response.update({"input": row["input"], "inputDetails": {"included": True}})
        else:
            response.pop("output", None)
        return response

    def stop_execution(self, params: Params) -> Params:
        """Stop an execution. An execution that has already ended is unchanged; the response has its stop date."""
        arn = params["executionArn"]
        check_arn(arn, "execution")
        running = self.core.running.get(arn)
        if running is not None:
            self.core.engine.end(running, Ending("ABORTED", error=params.get("error"), cause=params.get("cause")))
        row = self._row(arn)
        return {"stopDate": moment(row["stopped"])}

    def describe_execution(self, params: Params) -> Params:
        """Describe an execution: its input, status and output. STANDARD only."""
        arn = params["executionArn"]
        check_arn(arn, "execution")
        row = self._row(arn)
        redrivable, reason = redrive_status(row, self.core.now())
        response: Params = {
            **_listed(row),
            "input": row["input"],
            "inputDetails": {"included": True},
            "redriveStatus": redrivable,
            "redriveStatusReason": reason,
            **_outcome(row),
        }
        if params.get("includedData") == "METADATA_ONLY":
            for key in ("input", "inputDetails", "output", "outputDetails"):
                response.pop(key, None)
        return response

    def list_executions(self, params: Params) -> Params:
        """Newest first: of a state machine, or the children of a Map Run."""
        machine, run = params.get("stateMachineArn"), params.get("mapRunArn")
        if (machine is None) == (run is None):
            raise ServiceError("ValidationException", "Exactly one of stateMachineArn and mapRunArn must be provided")
        if machine is not None:
            _only("STANDARD", find_machine(self.core.store, machine)["type"])
        else:
            check_arn(str(run), "mapRun")
            if self.core.store.one("SELECT 1 FROM map_runs WHERE arn = ?", run) is None:
                raise ServiceError("ResourceNotFound", f"Resource not found: '{run}'", resourceName=run)
        page = page_of(params)
        status, redriven = params.get("statusFilter"), params.get("redriveFilter")
        query = _OF_MACHINE if machine is not None else _OF_MAP_RUN
        values = (machine or run, status, status, redriven, redriven, page.before, page.limit)
        rows = self.core.store.read(query, *values)
        return page.reply("executions", rows, _listed, "id")

    def get_execution_history(self, params: Params) -> Params:
        """Events in pages, oldest first unless `reverseOrder`. STANDARD only."""
        arn = params["executionArn"]
        check_arn(arn, "execution")
        row = self._row(arn)
        page = page_of(params)
        backwards = bool(params.get("reverseOrder"))
        with_data = params.get("includeExecutionData") is not False
        if backwards:
            query = "SELECT * FROM events WHERE execution = ? AND id < ? ORDER BY id DESC LIMIT ?"
        else:
            query = "SELECT * FROM events WHERE execution = ? AND id > ? ORDER BY id LIMIT ?"
        rows = self.core.store.read(query, row["id"], page.before if backwards else page.after, page.limit)
        return page.reply("events", rows, lambda event: _event(event, with_data=with_data), "id")

    # --- inside

    def _start(self, params: Params) -> tuple[str, float]:
        """The ARN and start time of a new execution, or of the same one that already runs."""
        name = params.get("name") or new_id()
        check_name(name)
        text = params.get("input", "{}")
        data = _execution_input(text)
        with self.core.starting:
            machine_arn, _, case = params["stateMachineArn"].partition("#")
            target = resolve(self.core.store, machine_arn)
            machine = target.machine
            if machine["type"] == "EXPRESS":
                arn = self.core.account.arn("states", f"express:{machine['name']}:{name}:{new_id()}")
            else:
                arn = self.core.account.arn("states", f"execution:{machine['name']}:{name}")
                known = self.core.store.one("SELECT status, input, started FROM executions WHERE arn = ?", arn)
                if known is not None:
                    if known["status"] == "RUNNING" and same(load(known["input"]), data):
                        return arn, known["started"]
                    raise ServiceError("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            revision = find_revision(self.core.store, machine["arn"], target.revision)
            execution: Execution = self.core.launch(
                machine, revision, name, arn, text, data, target.version, target.alias, case
            )
        return arn, execution.who.started

    def _row(self, arn: str) -> Any:
        row = self.core.store.one("SELECT * FROM executions WHERE arn = ?", arn)
        if row is None:
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return row


def _listed(row: Any) -> Params:
    return {
        "executionArn": row["arn"],
        "stateMachineArn": row["machine"],
        "name": row["name"],
        "status": row["status"],
        "startDate": moment(row["started"]),
        "stopDate": moment(row["stopped"]),
        "stateMachineVersionArn": row["version"],
        "stateMachineAliasArn": row["alias"],
        "redriveCount": row["redrives"],
        "redriveDate": moment(row["redriven"]),
        "mapRunArn": row["map_run"],
    }


def _only(wanted: str, kind: str) -> None:
    if kind != wanted:
        raise ServiceError(
            "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
        )


def _execution_input(text: str) -> Json:
    if size(text) > MAX_BYTES:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value at 'input' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BYTES}",
        )
    try:
        if not text.strip():
            raise ValueError("Invalid execution input.")
        return load(text.encode("utf-8", "surrogatepass"))
    except ValueError as error:
        raise ServiceError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{error}'") from None


def _outcome(row: Any) -> Params:
    """The response members that exist only after the execution has ended."""
    outcome: Params = {}
    if row["output"] is not None:
        outcome.update({"output": row["output"], "outputDetails": {"included": True}})
    for key in ("error", "cause"):
        if row[key] is not None:
            outcome[key] = row[key]
    return outcome


def _event(row: Any, *, with_data: bool) -> Params:
    event: Params = {
        "timestamp": moment(row["timestamp"]),
        "type": row["type"],
        "id": row["id"],
        "previousEventId": row["previous"],
    }
    if row["details"] is not None:
        details = load(row["details"])
        event[details_key(row["type"])] = details if with_data else without_data(details)
    return event
