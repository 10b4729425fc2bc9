"""ResultWriter: the results of a Map Run as objects in Amazon S3, with a manifest.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from embedded_aws.states.interpret.frame import iso
from embedded_aws.states.language.errors import RESULT_WRITER, StateError
from embedded_aws.states.language.json_text import Json, dump, load
from embedded_aws.states.language.model import Writer

# AWS starts a new file at 5 GB. Here files are built and copied in memory on the way to S3, so they must stay small:
# otherwise a long run would need more memory than a short one.
_PART_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ChildResult:
    """One ended child: its texts as stored."""

    arn: str
    machine: str
    name: str
    status: str
    input: str
    output: str | None
    error: str | None
    cause: str | None
    started: float
    stopped: float

    def record(self) -> dict[str, Json]:
        """The untransformed form: the child's data as text, with its metadata."""
        record: dict[str, Json] = {"ExecutionArn": self.arn}
        if self.cause is not None:
            record["Cause"] = self.cause
        if self.error is not None:
            record["Error"] = self.error
        record |= {"Input": self.input, "InputDetails": {"Included": True}, "Name": self.name}
        if self.output is not None:
            record |= {"Output": self.output, "OutputDetails": {"Included": True}}
        return record | {
            "RedriveCount": 0,
            "RedriveStatus": "NOT_REDRIVABLE" if self.status == "SUCCEEDED" else "REDRIVABLE_BY_MAP_RUN",
            "StartDate": iso(self.started),
            "StateMachineArn": self.machine,
            "Status": self.status,
            "StopDate": iso(self.stopped),
        }


def pending_records(inputs: Iterable[Json], machine: str) -> Iterator[Json]:
    """Records of the children that were never started."""
    for data in inputs:
        yield {
            "Input": dump(data),
            "InputDetails": {"Included": True},
            "RedriveCount": 0,
            "RedriveStatus": "REDRIVABLE_BY_MAP_RUN",
            "StateMachineArn": machine,
            "Status": "PENDING",
        }


def transformed(results: Iterable[ChildResult], transformation: str) -> Iterator[Json]:
    """NONE: records; COMPACT: outputs; FLATTEN: outputs, lists among them spread. A failed child is always a record."""
    for result in results:
        if transformation == "NONE" or result.output is None:
            yield result.record()
            continue
        output = load(result.output)
        if transformation == "FLATTEN" and isinstance(output, list):
            yield from output
        else:
            yield output


@dataclass(slots=True)
class _Parts:
    """Collects values into objects of bounded size."""

    s3: Any
    bucket: str
    key: str
    lines: bool
    written: list[Mapping[str, Json]] = field(default_factory=list)
    _texts: list[str] = field(default_factory=list)
    _bytes: int = 0

    def add(self, value: Json) -> None:
        text = dump(value)
        self._texts.append(text)
        self._bytes += len(text)
        if self._bytes >= _PART_BYTES:
            self.close()

    def close(self) -> None:
        if not self._texts:
            return
        body = "\n".join(self._texts) + "\n" if self.lines else "[" + ",".join(self._texts) + "]"
        encoded = body.encode("utf-8", "surrogatepass")
        key = f"{self.key}_{len(self.written)}.{'jsonl' if self.lines else 'json'}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=encoded)
        self.written.append({"Key": key, "Size": len(encoded)})
        self._texts, self._bytes = [], 0


def write_results(
    s3: Any,
    writer: Writer,
    bucket: str,
    prefix: str,
    run: str,
    results: Iterable[ChildResult],
    pending: Iterable[Json],
) -> dict[str, Json]:
    """Write result files and manifest.json; return the Map state's output. States.ResultWriterFailed if S3 refuses.

    `run` is the Map Run's ARN. Files: PREFIX/ID/SUCCEEDED_0.json, FAILED_0.json, PENDING_0.json, manifest.json.
    """
    folder = "/".join(part for part in (prefix.strip("/"), run.rpartition(":")[2]) if part)
    lines = writer.output_type == "JSONL"
    succeeded = _Parts(s3, bucket, f"{folder}/SUCCEEDED", lines)
    failed = _Parts(s3, bucket, f"{folder}/FAILED", lines)
    waiting = _Parts(s3, bucket, f"{folder}/PENDING", lines)
    try:
        for result in results:
            if result.status == "SUCCEEDED":
                for value in transformed([result], writer.transformation):
                    succeeded.add(value)
            else:
                failed.add(result.record())
        for record in pending:
            waiting.add(record)
        for parts in (succeeded, failed, waiting):
            parts.close()
        manifest = {
            "DestinationBucket": bucket,
            "MapRunArn": run,
            "ResultFiles": {"FAILED": failed.written, "PENDING": waiting.written, "SUCCEEDED": succeeded.written},
        }
        key = f"{folder}/manifest.json"
        s3.put_object(Bucket=bucket, Key=key, Body=dump(manifest).encode("utf-8", "surrogatepass"))
    except Exception as error:
        raise StateError(RESULT_WRITER, f"Unable to write the results to {bucket}: {error}") from error
    return {"MapRunArn": run, "ResultWriterDetails": {"Bucket": bucket, "Key": key}}
