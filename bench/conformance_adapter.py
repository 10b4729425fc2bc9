"""Runs one recorded case through the embedded Step Functions' own API, for the conformance scorer.

`run(definition, input, task_outcomes, case)` gives `{"status", "output", "error", "cause", "events"}`. Tasks return
the outcomes that were recorded on AWS (`ports.TaskMocks`), and waits take no time (`ports.VirtualClock`).

    PYTHON score.py --adapter bench/conformance_adapter.py --python .venv/bin/python CASES.jsonl
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaInvokeError, LambdaResult, Mocked, VirtualClock
from embedded_aws.wire import Account, JsonService

ROLE = "arn:aws:iam::111111111111:role/snf_role_arn"


class Outcomes:
    """The recorded outcomes of each Task state, handed out in order."""

    def __init__(self, recorded: dict[str, list[dict[str, Any]]]) -> None:
        self._left = {state: list(outcomes) for state, outcomes in recorded.items()}

    def __call__(
        self, execution: str, state: str, iteration: tuple[int, ...], attempt: int, arguments: Any
    ) -> Mocked | None:
        if state not in self._left:
            return None
        outcome = self._take(state, list(iteration))
        kind = outcome["result"]
        about: dict[str, Any] = {"submitted": outcome.get("submitted_output"), "worker": outcome.get("worker")}
        if kind == "timed_out":
            return Mocked(silent=True, **about)
        if kind == "failed":
            return Mocked(failed=True, error=outcome.get("error"), cause=outcome.get("cause"), **about)
        return Mocked(_output(outcome, arguments), **about)

    def _take(self, state: str, iteration: list[int]) -> dict[str, Any]:
        left = self._left[state]
        for number, outcome in enumerate(left):
            if outcome["result"] == "echo":
                return outcome
            if outcome.get("iteration") in ("*", iteration):
                return left.pop(number)
        if left and iteration:
            return left.pop(0)
        raise LookupError(f"The recorded outcomes of state {state} are used up.")


def _output(outcome: dict[str, Any], arguments: Any) -> Any:
    invoke = outcome.get("resource") == "lambda:invoke"
    if outcome["result"] == "echo":
        payload = arguments.get("Payload") if isinstance(arguments, dict) else arguments
        return _invoked(payload) if invoke else arguments
    if "output_repeat" in outcome:
        text = outcome["output_repeat"]["text"] * outcome["output_repeat"]["count"]
        return _invoked(text) if invoke else text
    return outcome.get("output")


def _invoked(payload: Any) -> dict[str, Any]:
    return {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}


def _no_lambda(function: str, payload: bytes, timeout: float | None) -> LambdaResult:
    raise LambdaInvokeError("ResourceNotFoundException", f"Function not found: {function}", 404)


class Objects:
    """The part of S3 that the cases need: a client shaped like boto3's over the objects of a case."""

    def __init__(self, needs: dict[str, Any]) -> None:
        self._objects: dict[tuple[str, str], bytes] = {}
        for item in needs.get("s3_objects", []):
            self._objects[item["bucket"], item["key"]] = item["body"].encode()

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  boto3's names
        if (Bucket, Key) not in self._objects:
            raise FileNotFoundError("The specified key does not exist.")
        return {"Body": io.BytesIO(self._objects[Bucket, Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803  boto3's names
        self._objects[Bucket, Key] = Body
        return {}

    def list_objects_v2(self, Bucket: str, Prefix: str = "", **more: Any) -> dict[str, Any]:  # noqa: N803  boto3's names
        found = sorted(key for bucket, key in self._objects if bucket == Bucket and key.startswith(Prefix))
        contents = [
            {"Key": key, "Size": len(self._objects[Bucket, key]), "ETag": '"0"', "LastModified": 0} for key in found
        ]
        return {"Contents": contents, "IsTruncated": False}


def run(definition: dict[str, Any], input: Any, task_outcomes: dict[str, Any], case: dict[str, Any]) -> dict[str, Any]:
    """Run a case; see the module's docstring."""
    context = case["context"]
    account = Account(context["region"], context["accountId"])
    objects = Objects(case.get("needs") or {})
    with tempfile.TemporaryDirectory() as folder:
        states = StepFunctions(
            Path(folder) / "states.sqlite",
            _no_lambda,
            account,
            clock=VirtualClock(),
            workers=8,
            clients=lambda service: objects,
            mocks=Outcomes(task_outcomes),
        )
        try:
            return _run(JsonService("stepfunctions", states), states, definition, input, context, task_outcomes)
        finally:
            states.close()


def _run(
    api: JsonService,
    states: StepFunctions,
    definition: dict[str, Any],
    data: Any,
    context: dict[str, Any],
    task_outcomes: dict[str, Any],
) -> dict[str, Any]:
    machine = api.call(
        "CreateStateMachine",
        {
            "name": context["stateMachineName"],
            "definition": json.dumps(definition),
            "roleArn": context.get("roleArn") or ROLE,
            "type": context["type"],
        },
    )["stateMachineArn"]
    params = {"stateMachineArn": machine, "input": json.dumps(data), "name": context["executionName"] or str(uuid4())}
    if context["type"] == "EXPRESS":
        done = api.call("StartSyncExecution", params)
        events = None
    else:
        arn = api.call("StartExecution", params)["executionArn"]
        running = states.core.running.get(arn)
        if running is not None:
            running.ended.wait()
        done = api.call("DescribeExecution", {"executionArn": arn})
        events = _events(api, arn)
    output = done.get("output")
    return {
        "status": done["status"],
        "output": None if output is None else json.loads(output),
        "error": done.get("error"),
        "cause": done.get("cause"),
        "events": events,
    }


def _events(api: JsonService, arn: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    page: dict[str, Any] = {"nextToken": None}
    while "nextToken" in page:
        params = {"executionArn": arn, "maxResults": 1000, "nextToken": page["nextToken"]}
        page = api.call("GetExecutionHistory", {key: value for key, value in params.items() if value is not None})
        events += page["events"]
    return events
