"""DescribeMapRun, ListMapRuns, UpdateMapRun.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html
"""

from __future__ import annotations

from dataclasses import asdict, replace
from sqlite3 import Row
from typing import Any

from embedded_aws.states.language.json_text import dump, load
from embedded_aws.states.run.core import Core, moment
from embedded_aws.states.run.map_run import Counts, Limits
from embedded_aws.states.store.arns import check_arn
from embedded_aws.states.store.pages import page_of
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_LIMITS = {
    "maxConcurrency": "concurrency",
    "toleratedFailureCount": "tolerated_count",
    "toleratedFailurePercentage": "tolerated_percentage",
}


class MapRunOperations:
    """Part of `StepFunctions`."""

    core: Core

    def describe_map_run(self, params: Params) -> Params:
        """Describe a Map Run: its status, limits, and counts of items and executions."""
        row = self._map_run(params["mapRunArn"])
        limits = Limits(**load(row["limits"]))
        live = self.core.map_runs.live(row["arn"])
        counts = Counts(**load(row["counts"])) if row["counts"] else Counts()
        running = running_items = 0
        if live is not None:
            limits, counts = live.limits, live.counts
            running, running_items = live.running, live.running_items
        return {
            "mapRunArn": row["arn"],
            "executionArn": row["execution_arn"],
            "status": row["status"],
            "startDate": moment(row["started"]),
            "stopDate": moment(row["stopped"]),
            "maxConcurrency": limits.concurrency,
            "toleratedFailurePercentage": float(limits.tolerated_percentage or 0),
            "toleratedFailureCount": limits.tolerated_count or 0,
            "itemCounts": _numbers(counts.items, running_items, row["status"]),
            "executionCounts": _numbers(counts.executions, running, row["status"]),
            "redriveCount": row["redrives"],
            "redriveDate": moment(row["redriven"]),
        }

    def list_map_runs(self, params: Params) -> Params:
        """Newest first."""
        arn = params["executionArn"]
        check_arn(arn, "execution")
        parent = self.core.store.one("SELECT id FROM executions WHERE arn = ?", arn)
        if parent is None:
            raise ServiceError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        page = page_of(params)
        rows = self.core.store.read(
            "SELECT * FROM map_runs WHERE execution = ? AND number < ? ORDER BY number DESC LIMIT ?",
            parent["id"],
            page.before,
            page.limit,
        )
        return page.reply(
            "mapRuns",
            rows,
            lambda row: {
                "executionArn": arn,
                "mapRunArn": row["arn"],
                "stateMachineArn": row["machine"].partition("/")[0],
                "startDate": moment(row["started"]),
                "stopDate": moment(row["stopped"]),
            },
            "number",
        )

    def update_map_run(self, params: Params) -> Params:
        """Change a running Map Run; the change takes effect at once."""
        row = self._map_run(params["mapRunArn"])
        live = self.core.map_runs.live(row["arn"])
        changes = {field: params[name] for name, field in _LIMITS.items() if params.get(name) is not None}
        if not changes:
            raise ServiceError("ValidationException", f"At least one of {', '.join(_LIMITS)} is required")
        if live is None:
            raise ServiceError("ValidationException", "Map Run is not running and cannot be updated")
        limits = replace(live.limits, **changes)
        self.core.store.write("UPDATE map_runs SET limits = ? WHERE arn = ?", dump(asdict(limits)), row["arn"])
        self.core.store.flush()
        live.update(limits)
        return {}

    def _map_run(self, arn: str) -> Row:
        check_arn(arn, "mapRun")
        row = self.core.store.one(
            "SELECT map_runs.*, executions.arn AS execution_arn FROM map_runs "
            "JOIN executions ON executions.id = map_runs.execution WHERE map_runs.arn = ?",
            arn,
        )
        if row is None:
            raise ServiceError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return row


def _numbers(ended: dict[str, int], running: int, status: str) -> Params:
    done = sum(ended.values())
    return {
        "running": running,
        **ended,
        "total": done + running,
        "resultsWritten": done if status != "RUNNING" else 0,
        "failuresNotRedrivable": 0,
        "pendingRedrive": 0,
    }
