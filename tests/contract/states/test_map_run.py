"""The Distributed Map: readers, batches, children, tolerated failures, results, Map Runs."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.fakes.waiting import until
from tests.unit.embedded_aws.states.cloud import Cloud, task

PASS = {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}


def distributed(child: str = "EXPRESS", processor: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Map state in distributed mode."""
    config = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": child}}
    return {"M": {"Type": "Map", "ItemProcessor": {**config, **(processor or PASS)}, "End": True, **more}}


def reader(kind: str, key: str = "items", **config: Any) -> dict[str, Any]:
    """An ItemReader of one object."""
    return {
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": kind, **config},
            "Parameters": {"Bucket": "b", "Key": key},
        }
    }


@pytest.mark.parametrize(
    ("kind", "body", "config", "items"),
    [
        ("JSON", '[1, {"a": 2}]', {}, [1, {"a": 2}]),
        ("JSON", '{"x": {"list": [1, 2]}}', {"ItemsPointer": "/x/list"}, [1, 2]),
        ("JSONL", '{"a": 1}\n\n{"a": 2}\n', {}, [{"a": 1}, {"a": 2}]),
        ("JSONL", "1\n2\n3\n", {"MaxItems": 2}, [1, 2]),
        (
            "CSV",
            'a,b\n1,"x\ny"\n2\n',
            {"CSVHeaderLocation": "FIRST_ROW"},
            [{"a": "1", "b": "x\ny"}, {"a": "2", "b": ""}],
        ),
        (
            "CSV",
            "1|2\n",
            {"CSVHeaderLocation": "GIVEN", "CSVHeaders": ["p", "q"], "CSVDelimiter": "PIPE"},
            [{"p": "1", "q": "2"}],
        ),
    ],
)
def test_items_are_read_from_every_format(
    cloud: Cloud, kind: str, body: str, config: dict[str, Any], items: list[Any]
) -> None:
    """Each InputType, with the settings that change what an item is."""
    cloud.s3.objects["b", "items"] = body.encode()
    done = cloud.finish(cloud.machine(distributed(**reader(kind, **config))))
    assert json.loads(done["output"]) == items


def test_an_inventory_manifest_leads_to_the_rows_of_its_files(cloud: Cloud) -> None:
    """InputType MANIFEST: gzipped CSV files, headers from the manifest."""
    cloud.s3.objects["b", "f.csv.gz"] = gzip.compress(b'"bucket","one"\n"bucket","two"\n')
    manifest = {"fileSchema": "Bucket, Key", "destinationBucket": "arn:aws:s3:::b", "files": [{"key": "f.csv.gz"}]}
    cloud.s3.objects["b", "manifest.json"] = json.dumps(manifest).encode()
    done = cloud.finish(cloud.machine(distributed(**reader("MANIFEST", "manifest.json"))))
    assert json.loads(done["output"]) == [{"Bucket": "bucket", "Key": "one"}, {"Bucket": "bucket", "Key": "two"}]


def test_objects_are_listed_page_by_page(cloud: Cloud) -> None:
    """listObjectsV2 follows the continuation tokens."""
    cloud.s3.page = 2
    for number in range(5):
        cloud.s3.objects["b", f"in/{number}"] = b"x"
    listing = {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b", "Prefix": "in/"}}
    done = cloud.finish(cloud.machine(distributed(ItemReader=listing, ItemSelector={"k.$": "$$.Map.Item.Value.Key"})))
    assert json.loads(done["output"]) == [{"k": f"in/{number}"} for number in range(5)]


@pytest.mark.parametrize("items", [{"x": "{% $states.input.x %}"}, "{% $states.input %}"], ids=["object", "expression"])
def test_the_members_of_an_object_are_items_in_jsonata_too(cloud: Cloud, items: object) -> None:
    """Items is an object, or an expression that gives one."""
    done = cloud.finish(cloud.machine(distributed(QueryLanguage="JSONata", Items=items)), {"x": 1})
    assert json.loads(done["output"]) == [{"Key": "x", "Value": 1}]


@pytest.mark.parametrize("body", [b"{", b"7"])
def test_items_that_cannot_be_read_fail_the_run(cloud: Cloud, body: bytes) -> None:
    """States.ItemReaderFailed, in MapRunFailed and for the execution."""
    cloud.s3.objects["b", "items"] = body
    done = cloud.finish(cloud.machine(distributed(**reader("JSON"))))
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert "MapRunFailed" in cloud.types(done["executionArn"])


def test_an_object_that_is_not_there_fails_the_run_and_prints_no_values(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """The cause is the execution's own; the log of the service holds nothing of the request."""
    done = cloud.finish(cloud.machine(distributed(**reader("JSON", key="s3cret"))))
    assert (done["status"], done["error"]) == ("FAILED", "States.ItemReaderFailed")
    assert caplog.text == ""


def test_batches_keep_to_their_number_and_bytes(cloud: Cloud) -> None:
    """ItemBatcher: MaxItemsPerBatch, MaxInputBytesPerBatch and BatchInput."""
    batcher = {"MaxItemsPerBatch": 2, "BatchInput": {"who.$": "$.who"}}
    done = cloud.finish(
        cloud.machine(distributed(ItemsPath="$.items", ItemBatcher=batcher)), {"items": [1, 2, 3], "who": "x"}
    )
    batches = json.loads(done["output"])
    assert batches == [{"BatchInput": {"who": "x"}, "Items": [1, 2]}, {"BatchInput": {"who": "x"}, "Items": [3]}]
    run = cloud.call("ListMapRuns", executionArn=done["executionArn"])["mapRuns"][0]["mapRunArn"]
    described = cloud.call("DescribeMapRun", mapRunArn=run)
    assert (described["itemCounts"]["succeeded"], described["executionCounts"]["succeeded"]) == (3, 2)

    small = cloud.machine(distributed(ItemBatcher={"MaxInputBytesPerBatch": 30}), name="small")
    batches = json.loads(cloud.finish(small, ["aaaaaaaa", "bbbbbbbb", "cccccccc"])["output"])
    assert [len(batch["Items"]) for batch in batches] == [1, 1, 1]


def test_children_are_executions_of_their_own(cloud: Cloud) -> None:
    """Their ARNs carry the label; STANDARD children have histories; they are listed by Map Run."""
    done = cloud.finish(cloud.machine(distributed("STANDARD", Label="Each")), [1, 2, 3])
    run = cloud.call("ListMapRuns", executionArn=done["executionArn"])["mapRuns"][0]["mapRunArn"]
    children = cloud.call("ListExecutions", mapRunArn=run)["executions"]
    assert len(children) == 3
    child = children[0]["executionArn"]
    assert ":execution:machine/Each:" in child
    assert cloud.types(child) == ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
    assert cloud.call("DescribeExecution", executionArn=child)["mapRunArn"] == run
    about = cloud.call("DescribeStateMachineForExecution", executionArn=child)
    assert (about["label"], json.loads(about["definition"])) == ("Each", PASS)
    listed = cloud.call("ListExecutions", stateMachineArn=done["stateMachineArn"])["executions"]
    assert [item["name"] for item in listed] == [done["name"]]


def failing(bad: int) -> dict[str, Any]:
    """An item processor that fails for items below `bad`."""
    rule = {"Variable": "$", "NumericLessThan": bad, "Next": "F"}
    return {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [rule], "Default": "S"},
            "F": {"Type": "Fail", "Error": "Bad"},
            "S": {"Type": "Succeed"},
        },
    }


@pytest.mark.parametrize(
    ("tolerance", "bad", "status"),
    [
        ({}, 1, "FAILED"),
        ({"ToleratedFailureCount": 2}, 2, "SUCCEEDED"),
        ({"ToleratedFailureCount": 2}, 3, "FAILED"),
        ({"ToleratedFailurePercentage": 20}, 2, "SUCCEEDED"),
        ({"ToleratedFailurePercentage": 20}, 3, "FAILED"),
    ],
)
def test_failures_are_tolerated_up_to_the_threshold(
    cloud: Cloud, tolerance: dict[str, Any], bad: int, status: str
) -> None:
    """Beyond it the run fails with States.ExceedToleratedFailureThreshold; within, failures stay in the results."""
    done = cloud.finish(cloud.machine(distributed(processor=failing(bad), **tolerance)), list(range(10)))
    assert done["status"] == status
    if status == "FAILED":
        assert done["error"] == "States.ExceedToleratedFailureThreshold"
    else:
        results = json.loads(done["output"])
        assert [result["Error"] for result in results[:bad]] == ["Bad"] * bad
        assert results[bad:] == list(range(bad, 10))


def test_results_are_written_with_a_true_manifest(cloud: Cloud) -> None:
    """SUCCEEDED and FAILED files hold every child once; the output says where the manifest is."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "runs"}}
    state = distributed(processor=failing(1), ToleratedFailureCount=1, ResultWriter=writer)
    output = json.loads(cloud.finish(cloud.machine(state), [0, 1, 2])["output"])
    details = output["ResultWriterDetails"]
    manifest = cloud.s3.json("out", details["Key"])
    assert manifest["MapRunArn"] == output["MapRunArn"]
    (succeeded,), (failed,) = manifest["ResultFiles"]["SUCCEEDED"], manifest["ResultFiles"]["FAILED"]
    assert succeeded["Size"] == len(cloud.s3.objects["out", succeeded["Key"]])
    assert [json.loads(record["Output"]) for record in cloud.s3.json("out", succeeded["Key"])] == [1, 2]
    (record,) = cloud.s3.json("out", failed["Key"])
    assert (record["Status"], record["Error"], record["Input"]) == ("FAILED", "Bad", "0")


def test_a_failed_run_writes_what_was_never_started(cloud: Cloud) -> None:
    """Every item is in exactly one of the files SUCCEEDED, FAILED and PENDING."""
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "out", "Prefix": "p"}}
    done = cloud.finish(
        cloud.machine(distributed(processor=failing(1), MaxConcurrency=1, ResultWriter=writer)), [1, 0, 2, 3]
    )
    assert done["error"] == "States.ExceedToleratedFailureThreshold"
    files = {key.rpartition("/")[2]: key for _, key in cloud.s3.objects if key.startswith("p/")}
    inputs = {
        name: [json.loads(record["Input"]) for record in cloud.s3.json("out", files[f"{name}_0.json"])]
        for name in ("SUCCEEDED", "FAILED", "PENDING")
    }
    assert inputs == {"SUCCEEDED": [1], "FAILED": [0], "PENDING": [2, 3]}
    run = cloud.call("ListMapRuns", executionArn=done["executionArn"])["mapRuns"][0]["mapRunArn"]
    counts = cloud.call("DescribeMapRun", mapRunArn=run)["itemCounts"]
    assert (counts["succeeded"], counts["failed"], counts["pending"], counts["total"]) == (1, 1, 2, 4)


@pytest.mark.parametrize(
    ("config", "body"),
    [
        ({"Transformation": "COMPACT", "OutputType": "JSON"}, "[[1,2],[3]]"),
        ({"Transformation": "FLATTEN", "OutputType": "JSON"}, "[1,2,3]"),
        ({"Transformation": "FLATTEN", "OutputType": "JSONL"}, "1\n2\n3\n"),
    ],
)
def test_results_are_transformed_as_the_writer_says(cloud: Cloud, config: dict[str, Any], body: str) -> None:
    """WriterConfig: COMPACT, FLATTEN; JSON, JSONL."""
    parameters = {"Bucket": "out", "Prefix": "p"}
    writer = {"Resource": "arn:aws:states:::s3:putObject", "Parameters": parameters, "WriterConfig": config}
    output = json.loads(cloud.finish(cloud.machine(distributed(ResultWriter=writer)), [[1, 2], [3]])["output"])
    manifest = cloud.s3.json("out", output["ResultWriterDetails"]["Key"])
    key = manifest["ResultFiles"]["SUCCEEDED"][0]["Key"]
    assert cloud.s3.objects["out", key].decode() == body


def test_results_over_the_limit_need_a_writer(cloud: Cloud) -> None:
    """Without a ResultWriter more than 262,144 bytes of results fail the state."""
    cloud.functions.functions["big"] = lambda event: "x" * 100_000
    processor = {"StartAt": "T", "States": {"T": task("big", OutputPath="$.Payload")}}
    done = cloud.finish(cloud.machine(distributed(processor=processor)), [1, 2, 3])
    assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_stopping_the_parent_stops_its_children(cloud: Cloud) -> None:
    """The run and its children end as ABORTED."""
    activity = cloud.call("CreateActivity", name="never")["activityArn"]
    processor = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}
    arn = cloud.start(cloud.machine(distributed("STANDARD", processor)), [1, 2])
    while "MapRunStarted" not in cloud.types(arn):
        assert not cloud.states.core.running[arn].ended.wait(0.01)
    run = cloud.call("ListMapRuns", executionArn=arn)["mapRuns"][0]["mapRunArn"]
    cloud.call("StopExecution", executionArn=arn)
    assert cloud.call("DescribeMapRun", mapRunArn=run)["status"] == "ABORTED"
    statuses = {item["status"] for item in cloud.call("ListExecutions", mapRunArn=run)["executions"]}
    assert statuses <= {"ABORTED"}


def test_a_run_can_be_widened_while_it_goes_on(cloud: Cloud) -> None:
    """UpdateMapRun takes effect at once, and is refused when the run has ended."""
    activity = cloud.call("CreateActivity", name="held")["activityArn"]
    processor = {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": activity, "End": True}}}
    arn = cloud.start(cloud.machine(distributed("STANDARD", processor, MaxConcurrency=1)), [1, 2])
    first = cloud.call("GetActivityTask", activityArn=activity)
    run = cloud.call("ListMapRuns", executionArn=arn)["mapRuns"][0]["mapRunArn"]
    assert until(lambda: cloud.call("DescribeMapRun", mapRunArn=run)["executionCounts"]["running"] == 1)
    cloud.call("UpdateMapRun", mapRunArn=run, maxConcurrency=2)
    second = cloud.call("GetActivityTask", activityArn=activity)
    for given in (first, second):
        cloud.call("SendTaskSuccess", taskToken=given["taskToken"], output=given["input"])
    cloud.wait(arn)
    assert json.loads(cloud.call("DescribeExecution", executionArn=arn)["output"]) == [1, 2]
    with pytest.raises(ServiceError, match="ValidationException"):
        cloud.call("UpdateMapRun", mapRunArn=run, maxConcurrency=3)


def test_a_redriven_run_does_only_what_failed(cloud: Cloud) -> None:
    """RedriveExecution runs the failed children again and keeps the others' results."""
    calls: list[int] = []
    broken = {1}

    def handler(event: int) -> int:
        calls.append(event)
        if event in broken:
            raise RuntimeError("down")
        return event

    cloud.functions.functions["f"] = handler
    processor = {"StartAt": "T", "States": {"T": task("f", OutputPath="$.Payload")}}
    state = distributed("EXPRESS", processor, MaxConcurrency=1)
    done = cloud.finish(cloud.machine(state), [0, 1, 2])
    assert (done["status"], done["redriveStatus"], calls) == ("FAILED", "REDRIVABLE", [0, 1])
    broken.clear()
    cloud.call("RedriveExecution", executionArn=done["executionArn"])
    cloud.wait(done["executionArn"])
    again = cloud.call("DescribeExecution", executionArn=done["executionArn"])
    assert (again["status"], again["redriveCount"]) == ("SUCCEEDED", 1)
    assert json.loads(again["output"]) == [0, 1, 2]
    assert calls == [0, 1, 1, 2]
    assert "MapRunRedriven" in cloud.types(done["executionArn"])
