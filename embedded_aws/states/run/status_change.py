"""The event of EventBridge at each status of a STANDARD execution; EXPRESS ones have none.

https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from embedded_aws.states.interpret.frame import iso
from embedded_aws.states.run.execution import Ending, Identity
from embedded_aws.wire import Account

StatusChanged = Callable[[dict[str, Any]], None]
"""Gets each event, on a thread of the scheduler; it must not raise."""

MOST_DATA = 248 * 1024
"""The bytes of input and output together; larger ones are left out of the event."""


def status_change(who: Identity, ending: Ending, now: float, account: Account) -> dict[str, Any]:
    """The event of an execution that has started (an `ending` of status RUNNING) or ended."""
    ended = ending.status != "RUNNING"
    included = len(who.text.encode()) + len((ending.output or "").encode()) <= MOST_DATA
    redrivable = ended and ending.status != "SUCCEEDED"
    reason = None if redrivable else f"Execution is {ending.status} and cannot be redriven"
    detail = {
        "executionArn": who.arn,
        "stateMachineArn": who.machine,
        "name": who.name,
        "status": ending.status,
        "startDate": round(who.started * 1000),
        "stopDate": round(now * 1000) if ended else None,
        "input": who.text if included else None,
        "inputDetails": {"included": included},
        "output": ending.output if included else None,
        "outputDetails": None if ending.output is None else {"included": included},
        "error": ending.error,
        "cause": ending.cause,
        "stateMachineVersionArn": who.version,
        "stateMachineAliasArn": who.alias,
        "redriveCount": who.redrives,
        "redriveDate": None,
        "redriveStatus": "REDRIVABLE" if redrivable else "NOT_REDRIVABLE",
        "redriveStatusReason": reason,
    }
    return {
        "version": "0",
        "id": str(uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": account.account_id,
        "time": iso(now)[:19] + "Z",
        "region": account.region,
        "resources": [who.arn],
        "detail": detail,
    }
