"""Speed of the embedded Step Functions compared with moto's interpreter and other emulators.

`python -m bench.engine [--json] [--items N] [--executions N] [--endpoint URL]` measures, with handlers that answer at
once:
- chat: statemachine/chat.asl.json, one execution after another (p50 and p95 in milliseconds) and many at the same
  time (executions per second), here and in moto, and with --endpoint in another emulator that runs there (MiniStack);
- map: a Distributed Map over a JSONL object whose EXPRESS children have one task each, at two sizes: items per second
  and growth of resident memory. moto's interpreter cannot run it.
"""

from __future__ import annotations

import argparse
import io
import json
import logging
import re
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from embedded_aws.states.api.service import StepFunctions
from embedded_aws.states.interpret.ports import LambdaResult
from stepguard.project.definitions import without_records

ROOT = Path(__file__).resolve().parent.parent
ROLE = "arn:aws:iam::123456789012:role/bench"
INPUT = json.dumps({"request": {"kind": "prompt", "text": "What is a normal resting heart rate?", "caller": "bench"}})


def chat_definition() -> dict[str, Any]:
    """The chat machine with a function name where the template has a placeholder.

    It has no states that record: their time is that of a database, not of an interpreter.
    """
    text = (ROOT / "statemachine" / "chat.asl.json").read_text(encoding="utf-8")
    definition: dict[str, Any] = json.loads(re.sub(r"\$\{(\w+?)(?:Function)?Arn\}", r"\1", text))
    return definition | {"States": without_records(definition["States"])}


def handler_answer(definition: dict[str, Any]) -> dict[str, Any]:
    """One response that fits every task: it has all members that the ResultSelectors read."""
    names = {
        path.split(".")[2]
        for state in definition["States"].values()
        for path in (state.get("ResultSelector") or {}).values()
        if isinstance(path, str) and path.startswith("$.Payload.")
    }
    values: dict[str, Any] = {"outcome": "passed", "blocked": False, "needs_model": True, "has_answer": True}
    return {name: values.get(name) for name in names}


def bench_ours(definition: dict[str, Any], executions: int) -> dict[str, Any]:
    """The chat machine in the embedded engine."""
    answer = json.dumps(handler_answer(definition)).encode()
    with tempfile.TemporaryDirectory() as folder:
        states = StepFunctions(Path(folder) / "s.sqlite", lambda function, payload, timeout: LambdaResult(answer))
        made = states.create_state_machine({"name": "chat", "definition": json.dumps(definition), "roleArn": ROLE})
        params = {"stateMachineArn": made["stateMachineArn"], "input": INPUT}
        times, arn = [], ""
        for _ in range(executions):
            begun = time.perf_counter()
            arn = states.start_execution(params)["executionArn"]
            running = states.core.running.get(arn)
            if running is not None:
                running.ended.wait()
            times.append((time.perf_counter() - begun) * 1000)
        events = len(states.get_execution_history({"executionArn": arn, "maxResults": 1000})["events"])
        status = states.describe_execution({"executionArn": arn})["status"]
        begun = time.perf_counter()
        for _ in range(executions):
            states.start_execution(params)
        while states.core.running:
            time.sleep(0.002)
        rate = executions / (time.perf_counter() - begun)
        states.close()
    return {"status": status, "events": events, **_times(times), "executions_per_second": round(rate, 1)}


def bench_moto(definition: dict[str, Any], executions: int) -> dict[str, Any]:
    """The same machine and the same answers in moto's interpreter."""
    import boto3
    from moto import mock_aws
    from moto.awslambda_simple.models import LambdaSimpleBackend

    answer = json.dumps(handler_answer(definition))
    logging.getLogger("moto").setLevel(logging.CRITICAL)
    LambdaSimpleBackend.invoke = lambda self, *args, **more: answer
    region = {"region_name": "us-east-1"}
    config: Any = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    with mock_aws(config=config):
        client = boto3.client("stepfunctions", **region, **keys)
        made = client.create_state_machine(name="chat", definition=json.dumps(definition), roleArn=ROLE)
        times, status = [], ""
        begun = time.perf_counter()
        for number in range(executions):
            started = time.perf_counter()
            arn = client.start_execution(stateMachineArn=made["stateMachineArn"], input=INPUT, name=f"e{number}")[
                "executionArn"
            ]
            while (status := client.describe_execution(executionArn=arn)["status"]) == "RUNNING":
                time.sleep(0.001)
            times.append((time.perf_counter() - started) * 1000)
        rate = executions / (time.perf_counter() - begun)
        events = len(client.get_execution_history(executionArn=arn)["events"])
    return {"status": status, "events": events, **_times(times), "executions_per_second": round(rate, 1)}


def bench_endpoint(definition: dict[str, Any], executions: int, url: str) -> dict[str, Any]:
    """The same machine with the same answers, as Python functions, in an emulator at `url`."""
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    code = f"import json\nANSWER = json.loads({json.dumps(json.dumps(handler_answer(definition)))})\n"
    code += "def handler(event, context):\n    return ANSWER\n"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", code)
    functions = boto3.client("lambda", endpoint_url=url, **keys)
    suffix = str(time.time_ns())
    arns = {}
    for name in ("GuardInput", "InvokeModel", "GuardAnswer"):
        arns[name] = functions.create_function(
            FunctionName=f"{name}-{suffix}",
            Runtime="python3.12",
            Role=ROLE,
            Handler="app.handler",
            Code={"ZipFile": package.getvalue()},
        )["FunctionArn"]
    states = boto3.client("stepfunctions", endpoint_url=url, **keys)
    text = json.dumps(definition)
    for name, arn in arns.items():
        text = text.replace(f'"FunctionName": "{name}"', f'"FunctionName": "{arn}"')
    machine = states.create_state_machine(name=f"chat-{suffix}", definition=text, roleArn=ROLE)["stateMachineArn"]

    def run() -> tuple[str, str]:
        arn = states.start_execution(stateMachineArn=machine, input=INPUT)["executionArn"]
        while (status := states.describe_execution(executionArn=arn)["status"]) == "RUNNING":
            time.sleep(0.001)
        return arn, status

    arn, status = run()
    times = []
    begun = time.perf_counter()
    for _ in range(executions):
        started = time.perf_counter()
        arn, status = run()
        times.append((time.perf_counter() - started) * 1000)
    rate = executions / (time.perf_counter() - begun)
    events = len(states.get_execution_history(executionArn=arn, maxResults=1000)["events"])
    return {"status": status, "events": events, **_times(times), "executions_per_second": round(rate, 1)}


def _times(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"p50_ms": round(statistics.median(ordered), 3), "p95_ms": round(ordered[int(len(ordered) * 0.95)], 3)}


class Corpus:
    """An S3 client with one JSONL object that is generated while it is read."""

    def __init__(self, items: int) -> None:
        self._items = items

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803  boto3's names
        return {"Body": self}

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        for first in range(0, self._items, 500):
            numbers = range(first, min(first + 500, self._items))
            yield b"".join(b'{"id": %d, "text": "document number %d"}\n' % (number, number) for number in numbers)

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803  boto3's names
        return {}


def map_definition() -> dict[str, Any]:
    """A Distributed Map over a JSONL object, EXPRESS children with one task, results written to S3."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "f", "Payload.$": "$"},
        "ResultSelector": {"id.$": "$.Payload.id"},
        "End": True,
    }
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket": "b", "Key": "items.jsonl"},
        },
        "ItemProcessor": {**config, "StartAt": "T", "States": {"T": task}},
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}},
        "End": True,
    }
    return {"StartAt": "M", "States": {"M": state}}


def bench_map(items: int) -> dict[str, Any]:
    """Run one Distributed Map of `items` items."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Corpus(items)
        states = StepFunctions(
            Path(folder) / "s.sqlite",
            lambda function, payload, timeout: LambdaResult(payload),
            clients=lambda service: corpus,
        )
        definition = json.dumps(map_definition())
        machine = states.create_state_machine({"name": "map", "definition": definition, "roleArn": ROLE})
        before, begun = _resident(), time.perf_counter()
        arn = states.start_execution({"stateMachineArn": machine["stateMachineArn"]})["executionArn"]
        running, peak = states.core.running.get(arn), before
        while running is not None and not running.ended.wait(0.2):
            peak = max(peak, _resident())
        seconds = time.perf_counter() - begun
        peak = max(peak, _resident())
        run = states.list_map_runs({"executionArn": arn})["mapRuns"][0]["mapRunArn"]
        counts = states.describe_map_run({"mapRunArn": run})["itemCounts"]
        states.close()
    return {
        "items": items,
        "succeeded": counts["succeeded"],
        "items_per_second": round(items / seconds),
        "resident_growth_mb": round((peak - before) / 1e6, 1),
    }


def _resident() -> int:
    """Resident memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def main() -> None:
    """Run the benchmarks and print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--items", type=int, default=100_000, help="items of the larger map")
    parser.add_argument("--executions", type=int, default=500, help="chat executions here (moto runs a tenth)")
    parser.add_argument("--endpoint", help="URL of another emulator to measure beside, e.g. http://127.0.0.1:4566")
    options = parser.parse_args()
    definition = chat_definition()
    few = max(10, options.executions // 10)
    chat = {"ours": bench_ours(definition, options.executions), "moto": bench_moto(definition, few)}
    if options.endpoint:
        chat["endpoint"] = bench_endpoint(definition, few, options.endpoint)
    for row in chat.values():
        row["ours_is_times"] = round(chat["ours"]["executions_per_second"] / row["executions_per_second"], 1)
    maps = [bench_map(1000), bench_map(options.items)]
    if options.json:
        print(json.dumps({"chat": chat, "map": maps}, indent=2))
        return
    for name, row in chat.items():
        print(
            f"chat  {name:8} {row['status']:9} {row['events']:3} events   p50 {row['p50_ms']:8.2f} ms   "
            f"p95 {row['p95_ms']:8.2f} ms   {row['executions_per_second']:8.1f} executions/s   "
            f"(ours is {row['ours_is_times']} times that)"
        )
    for row in maps:
        print(
            f"map   {row['items']:7} items   {row['items_per_second']:6} items/s   "
            f"resident memory +{row['resident_growth_mb']} MB   {row['succeeded']} succeeded"
        )


if __name__ == "__main__":
    main()
