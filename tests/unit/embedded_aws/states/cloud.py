"""The embedded Step Functions with fakes at its edges, for the tests."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaInvokeError, LambdaResult, VirtualClock
from embedded_aws.wire import Account, JsonService

ROLE = "arn:aws:iam::000000000000:role/states"
Handler = Callable[[Any], Any]


class FakeLambda:
    """Functions by name; an exception of a handler becomes Lambda's error document."""

    def __init__(self) -> None:
        self.functions: dict[str, Handler] = {"echo": lambda event: event}
        self.timeouts: list[float | None] = []

    def __call__(self, function: str, payload: bytes, timeout: float | None) -> LambdaResult:
        self.timeouts.append(timeout)
        name = function.rpartition(":")[2]
        if name not in self.functions:
            raise LambdaInvokeError("ResourceNotFoundException", f"Function not found: {function}", 404)
        try:
            return LambdaResult(json.dumps(self.functions[name](json.loads(payload))).encode())
        except TimeoutError:
            raise
        except RuntimeError as error:
            document = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return LambdaResult(json.dumps(document).encode(), function_error="Unhandled")


class Cloud:
    """The service under test, called the way a client calls it."""

    def __init__(self, path: Path, functions: FakeLambda) -> None:
        self.path = path
        self.functions = functions
        self.s3 = FakeS3()
        self.logs = FakeLogs()
        self.mock_config: Path | None = None
        self.open()

    def open(self) -> None:
        clients = {"s3": self.s3, "logs": self.logs}
        self.states = StepFunctions(
            self.path / "states.sqlite",
            self.functions,
            Account(),
            clock=VirtualClock(),
            clients=clients.__getitem__,
            mock_config=self.mock_config,
        )
        self.wire = JsonService("stepfunctions", self.states)

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        return self.wire.call(operation, params)

    def machine(self, states: dict[str, Any], name: str = "machine", **more: Any) -> str:
        kind = more.pop("kind", "STANDARD")
        settings = more.pop("settings", {})
        definition = {"StartAt": next(iter(states)), "States": states, **more}
        made = self.call(
            "CreateStateMachine", name=name, definition=json.dumps(definition), roleArn=ROLE, type=kind, **settings
        )
        return str(made["stateMachineArn"])

    def start(self, machine: str, data: Any = None, **params: Any) -> str:
        made = self.call("StartExecution", stateMachineArn=machine, input=json.dumps(data or {}), **params)
        return str(made["executionArn"])

    def finish(self, machine: str, data: Any = None, **params: Any) -> dict[str, Any]:
        arn = self.start(machine, data, **params)
        self.wait(arn)
        return self.call("DescribeExecution", executionArn=arn)

    def wait(self, arn: str) -> None:
        running = self.states.core.running.get(arn)
        if running is not None:
            assert running.ended.wait(10)

    def events(self, arn: str) -> list[dict[str, Any]]:
        return list(self.call("GetExecutionHistory", executionArn=arn, maxResults=1000)["events"])

    def types(self, arn: str) -> list[str]:
        return [event["type"] for event in self.events(arn)]


class FakeS3:
    """Objects in memory, behind the methods of a boto3 client."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}
        self.page = 1000

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  boto3's names
        if (Bucket, Key) not in self.objects:
            raise FileNotFoundError(f"{Key} does not exist")
        return {"Body": io.BytesIO(self.objects[Bucket, Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803  boto3's names
        self.objects[Bucket, Key] = Body
        return {}

    def list_objects_v2(self, Bucket: str, Prefix: str = "", ContinuationToken: str = "") -> dict[str, Any]:  # noqa: N803
        keys = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        left = [key for key in keys if key > ContinuationToken]
        page = [
            {"Key": key, "Size": len(self.objects[Bucket, key]), "ETag": '"e"', "LastModified": 0}
            for key in left[: self.page]
        ]
        more = len(left) > self.page
        return {"Contents": page, "IsTruncated": more, **({"NextContinuationToken": page[-1]["Key"]} if more else {})}

    def json(self, bucket: str, key: str) -> Any:
        """An object's JSON."""
        return json.loads(self.objects[bucket, key])


class FakeLogs:
    """CloudWatch Logs, as far as execution logs need it."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def create_log_stream(self, logGroupName: str, logStreamName: str) -> None:  # noqa: N803  boto3's names
        assert logStreamName.startswith("states/")

    def put_log_events(self, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> None:  # noqa: N803
        self.lines += [json.loads(event["message"]) for event in logEvents]


def task(function: str = "echo", **more: Any) -> dict[str, Any]:
    """A lambda:invoke Task."""
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        **({} if "Next" in more else {"End": True}),
        **more,
    }
