"""RedriveExecution: a failed execution continues from the state that failed.

Branches of a Parallel, iterations of an inline Map and children of a Distributed Map that succeeded do not run again.
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

from __future__ import annotations

from sqlite3 import Row
from typing import Any

from embedded_aws.states.interpret.history import MAX_EVENTS
from embedded_aws.states.language.json_text import dump
from embedded_aws.states.run.core import Core, moment
from embedded_aws.states.store.arns import check_arn
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_WINDOW = 14 * 24 * 3600


def redrive_status(row: Row, now: float) -> tuple[str, str | None]:
    """`redriveStatus` and, when it cannot be redriven, `redriveStatusReason`."""
    if row["type"] == "EXPRESS":
        return "NOT_REDRIVABLE", "Execution is EXPRESS and cannot be redriven"
    if row["status"] in ("RUNNING", "SUCCEEDED"):
        return "NOT_REDRIVABLE", f"Execution is {row['status']} and cannot be redriven"
    if row["map_run"] is not None:
        return "REDRIVABLE_BY_MAP_RUN", None
    if row["stopped"] is not None and now - row["stopped"] > _WINDOW:
        return "NOT_REDRIVABLE", "Execution exceeded the redrivable period"
    return "REDRIVABLE", None


class RedriveOperations:
    """Part of `StepFunctions`."""

    core: Core

    def redrive_execution(self, params: Params) -> Params:
        """Continue a failed, timed-out or aborted execution; ExecutionNotRedrivable gives the reason if it cannot."""
        arn = params["executionArn"]
        check_arn(arn, "execution")
        store = self.core.store
        with self.core.starting:
            row = store.one("SELECT * FROM executions WHERE arn = ?", arn)
            if row is None:
                raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
            status, reason = redrive_status(row, self.core.now())
            last = store.one("SELECT max(id) AS last FROM events WHERE execution = ?", row["id"])
            number = last["last"] if last is not None else 0
            if status == "REDRIVABLE" and number >= MAX_EVENTS - 1:
                status, reason = "NOT_REDRIVABLE", "Execution history event limit exceeded"
            if status != "REDRIVABLE":
                raise ServiceError("ExecutionNotRedrivable", reason or "Execution is redrivable by its Map Run only")
            now = self.core.now()
            redrives = row["redrives"] + 1
            store.write(
                "UPDATE executions SET status = 'RUNNING', stopped = NULL, output = NULL, error = NULL, cause = NULL, "
                "redrives = ?, redriven = ? WHERE id = ?",
                redrives,
                now,
                row["id"],
            )
            store.write(
                "INSERT INTO events VALUES (?, ?, ?, ?, 'ExecutionRedriven', ?)",
                row["id"],
                number + 1,
                0,
                now,
                dump({"redriveCount": redrives}),
            )
            self.core.map_runs.reopen(row["id"], set(self.core.past(row["id"]).open_states()), now)
            self.core.resume(row, redrives=redrives, since=now)
            store.flush()
        return {"redriveDate": moment(now)}
