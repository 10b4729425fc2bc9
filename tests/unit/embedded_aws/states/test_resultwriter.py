"""The files of a Map Run's results."""

from __future__ import annotations

import json
from typing import Any

import pytest

from embedded_aws.states.interpret.result_writer import ChildResult, write_results
from embedded_aws.states.language.model import Writer

FOUR_MEGABYTES = 4 * 1024 * 1024


class _S3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:  # noqa: N803  boto3's names
        assert Bucket == "out"
        self.objects[Key] = Body


def _result(number: int) -> ChildResult:
    text = json.dumps("x" * 10_000)
    return ChildResult("arn", "machine", f"child-{number}", "SUCCEEDED", text, text, None, None, 0.0, 1.0)


@pytest.mark.parametrize("output_type", ["JSON", "JSONL"])
def test_many_results_never_stand_in_memory_together(output_type: str) -> None:
    """A long run writes several files of bounded size, every child once and in order, all in the manifest."""
    s3 = _S3()
    writer = Writer(parameters=None, transformation="NONE", output_type=output_type)
    output: Any = write_results(s3, writer, "out", "p", "run:1", map(_result, range(500)), ())
    manifest = json.loads(s3.objects[output["ResultWriterDetails"]["Key"]])
    files = manifest["ResultFiles"]["SUCCEEDED"]
    bodies = [s3.objects[file["Key"]] for file in files]
    assert [len(body) for body in bodies] == [file["Size"] for file in files]
    assert len(bodies) > 2
    assert max(map(len, bodies)) < FOUR_MEGABYTES
    lines = [line for body in bodies for line in body.splitlines()] if output_type == "JSONL" else []
    records = [json.loads(line) for line in lines] or [record for body in bodies for record in json.loads(body)]
    assert [record["Name"] for record in records] == [f"child-{number}" for number in range(500)]
