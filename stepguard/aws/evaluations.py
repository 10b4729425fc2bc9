"""Evaluations: starts runs, follows their Map Run, reads their results from S3."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from stepguard.aws.clients import aws_errors, client
from stepguard.aws.executions import Execution, Executions
from stepguard.aws.listing import Listing
from stepguard.aws.objects import Address, Objects, address_of
from stepguard.evaluation.runs import RUN_ID, Run
from stepguard.guard.callers import OWNER_DIGITS, Caller
from stepguard.guard.errors import AccessDenied, ConfigurationError, InvalidRequest, StepguardError, UnknownExecution
from stepguard.trace.diff import mapping

TOKEN_DIGITS = 20
"""With a caller's folder and the number of a retry (`-r1`), an id has at most 64 characters."""

WORK = "runs"
"""All objects of a run are under `runs/ID/` in the evaluations' bucket, those of a run of the API under
`runs/OWNER/ID/`."""

CORPORA = "corpora"
"""A caller's corpora are under `corpora/OWNER/` in the bucket of corpora or in the evaluations' bucket. Callers may
write there, never under `runs/`, from where a run reads its lines."""

_ENCODED = re.compile(r"%(2e|2f|5c|25|00)|[\\\x00-\x1f\x7f]", re.IGNORECASE)
_OF_API = re.compile(rf"api-([0-9a-f]{{{OWNER_DIGITS}}})-[0-9a-f]{{{TOKEN_DIGITS}}}(?:-r[0-9]{{1,4}})?")


def run_id(caller: Caller, token: str | None) -> str:
    """The id of a caller's run: the same for the same caller and token, so that starting is idempotent."""
    seed = uuid4().hex if token is None else json.dumps([caller.id, token])
    return f"api-{caller.owner}-{hashlib.sha256(seed.encode()).hexdigest()[:TOKEN_DIGITS]}"


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run. `total` is None until the corpus is read; `lines` are items, or parts of long
    documents."""

    status: str
    total: int | None
    succeeded: int
    failed: int
    running: int

    @property
    def done(self) -> int:
        """Lines that have ended, successfully or not."""
        return self.succeeded + self.failed

    def to_dict(self) -> dict[str, Any]:
        """The progress as the API returns it."""
        return {
            "status": self.status,
            "total": self.total,
            "done": self.done,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "running": self.running,
        }


class Evaluations:
    """The runs of one evaluation state machine."""

    def __init__(
        self,
        state_machine_arn: str | None = None,
        bucket: str | None = None,
        states: Any = None,
        objects: Objects | None = None,
    ) -> None:
        self._arn = state_machine_arn
        self._bucket = bucket
        self._given = states
        self._listing: Listing | None = None
        self.objects = objects or Objects()

    @property
    def _states(self) -> Any:
        return self._given or client("stepfunctions")

    @property
    def bucket(self) -> str:
        """From the constructor, or EVALUATION_BUCKET. Raises ConfigurationError."""
        return self._bucket or _setting("EVALUATION_BUCKET", "the bucket of corpora and results")

    @property
    def executions(self) -> Executions:
        """The runs as executions; the state machine is the constructor's, or EVALUATION_STATE_MACHINE_ARN."""
        arn = self._arn or _setting("EVALUATION_STATE_MACHINE_ARN", "the evaluation state machine")
        return Executions(arn, self._given)

    def work(self, run: str) -> Address:
        """The address of a run's objects. Raises InvalidRequest for an invalid run id."""
        if not RUN_ID.fullmatch(run):
            raise InvalidRequest("A run's id has 1 to 64 letters, digits, hyphens and underscores.")
        owned = _OF_API.fullmatch(run)
        return Address(self.bucket, f"{WORK}/{owned[1]}/{run}" if owned else f"{WORK}/{run}")

    @property
    def corpus_buckets(self) -> tuple[str, ...]:
        """The buckets whose corpora the API evaluates; the first is the one for callers' uploads."""
        given = os.environ.get("EVALUATION_CORPUS_BUCKET")
        return tuple(dict.fromkeys((given, self.bucket))) if given else (self.bucket,)

    def corpora(self, caller: Caller) -> Address:
        """The folder of a caller's corpora."""
        return Address(self.corpus_buckets[0], f"{CORPORA}/{caller.owner}/")

    def corpus(self, text: str, caller: Caller, *, operator: bool) -> Address:
        """The address of a corpus that the caller may evaluate: an operator any but those under `runs/`, which are the
        texts of all callers, another caller its own. Raises InvalidRequest."""
        address = address_of(text)
        parts = address.key.removesuffix("/").split("/")
        if address.bucket not in self.corpus_buckets:
            raise InvalidRequest("'corpus' must be in the evaluations' own buckets.")
        if not all(parts) or {".", ".."} & set(parts) or _ENCODED.search(address.key):
            raise InvalidRequest("'corpus' must name an object or a folder, without empty, '.', '..' or encoded parts.")
        if operator and parts[0] != WORK:
            return address
        if parts[:2] != [CORPORA, caller.owner] or address.key == f"{CORPORA}/{caller.owner}":
            raise InvalidRequest(f"'corpus' must be in your own folder, {self.corpora(caller)}.")
        return address

    def object(self, run: str, name: str) -> Address:
        """One of a run's objects."""
        work = self.work(run)
        return Address(work.bucket, f"{work.key}/{name}")

    def start(self, run: Run) -> str:
        """Start a run. Returns its execution's ARN. The same id with the same parameters is the same run."""
        return self.executions.start(run.id, {"run": run.to_document()})

    def discard(self, run: str) -> None:
        """Delete the objects of a run that was never started, as far as the credentials permit."""
        with suppress(StepguardError):
            work = self.work(run)
            for found in list(self.objects.list(Address(work.bucket, f"{work.key}/"))):
                self.objects.delete(found)

    def describe(self, run: str) -> Execution:
        """The run's execution. Raises UnknownExecution."""
        self.work(run)
        executions = self.executions
        try:
            return executions.describe(executions.arn_of(run))
        except UnknownExecution:
            raise UnknownExecution(f"There is no evaluation {run}.") from None

    @property
    def listing(self) -> Listing:
        """The list of runs: id, status, times (ISO 8601), corpus, caller, and counts if available."""
        if self._listing is None:
            self._listing = Listing(self.executions, _summary)
        return self._listing

    def scorecard(self, run: str) -> dict[str, Any] | None:
        """The output of SummarizeCorpus; None if the run ended before it, or if the file is cut off. Raises
        StepguardError."""
        try:
            with self.objects.open(self.object(run, "scorecard.json")) as stream:
                card = json.loads(stream.read())
        except (InvalidRequest, ValueError):
            return None
        return card if isinstance(card, dict) else None

    def result(self, run: str, number: int) -> Mapping[str, Any]:
        """The line of results.jsonl of one item. Raises UnknownExecution, StepguardError."""
        try:
            with self.objects.open(self.object(run, "results.jsonl")) as stream:
                found = next((line for line in map(json.loads, stream) if mapping(line).get("number") == number), None)
        except (InvalidRequest, ValueError):
            found = None
        if found is None:
            raise UnknownExecution(f"The evaluation {run} has no result of item {number}.")
        return mapping(found)

    def results(self, run: str) -> Iterator[Mapping[str, Any]]:
        """The lines of results.jsonl. Raises UnknownExecution, StepguardError."""
        try:
            with self.objects.open(self.object(run, "results.jsonl")) as stream:
                for line in stream:
                    yield mapping(json.loads(line))
        except (InvalidRequest, ValueError):
            raise UnknownExecution(f"The evaluation {run} has no results that can be read.") from None

    def definition(self, execution: Execution) -> Mapping[str, Any]:
        """The states of an item in the run's own definition; empty if it has no Map. Raises StepguardError."""
        states = mapping(self.executions.definition(execution.arn).get("States"))
        processors = (mapping(state).get("ItemProcessor") for state in states.values())
        return next((processor for processor in processors if isinstance(processor, Mapping)), {})

    def redrive(self, run: str) -> None:
        """Resume a run that failed or was aborted; finished items are kept."""
        with aws_errors("RedriveExecution"):
            self._states.redrive_execution(executionArn=self.describe(run).arn)

    def map_run(self, execution: Execution) -> str | None:
        """The Map Run that works on the items; None before it begins. Raises StepguardError."""
        with aws_errors("ListMapRuns"):
            listed = self._states.list_map_runs(executionArn=execution.arn, maxResults=1)["mapRuns"]
        return str(listed[0]["mapRunArn"]) if listed else None

    def item_counts(self, map_run: str) -> Mapping[str, int]:
        """The number of a Map Run's items by status. Raises StepguardError."""
        with aws_errors("DescribeMapRun"):
            counts: Mapping[str, int] = self._states.describe_map_run(mapRunArn=map_run)["itemCounts"]
        return counts

    def lines(self, run: str) -> int | None:
        """The number of lines that PrepareCorpus wrote for the Map; None before that, or if the credentials may not
        read it."""
        try:
            with self.objects.open(self.object(run, "corpus.json")) as stream:
                return int(json.loads(stream.read())["lines"])
        except (
            InvalidRequest,
            AccessDenied,
        ):  # for a missing object, S3 denies access to callers without permission to list the bucket
            return None


class Watch:
    """Reads a run's progress repeatedly; values that no longer change are requested once."""

    def __init__(self, evaluations: Evaluations, run: str) -> None:
        self._evaluations = evaluations
        self._run = run
        self._lines: int | None = None
        self._map_run: str | None = None

    def progress(self, execution: Execution) -> Progress:
        """The run's progress, from DescribeMapRun; `execution` is the run's current description."""
        if self._lines is None:
            self._lines = self._evaluations.lines(self._run)
        if self._map_run is None:
            self._map_run = self._evaluations.map_run(execution)
        if self._map_run is None:
            return Progress(execution.status, self._lines, 0, 0, 0)
        counts = self._evaluations.item_counts(self._map_run)
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        return Progress(execution.status, self._lines, counts["succeeded"], failed, counts["running"])


def source_of(execution: Execution) -> dict[str, Any]:
    """What a run evaluates: `{corpus, guardrails}`; guardrails are None if they are those of the deployment."""
    given = mapping(execution.input.get("run"))
    corpus = mapping(given.get("corpus"))
    return {"corpus": f"s3://{corpus.get('bucket')}/{corpus.get('key')}", "guardrails": given.get("guardrails")}


def _summary(execution: Execution) -> dict[str, Any]:
    given, counts = mapping(execution.input.get("run")), mapping(mapping(execution.output).get("summary"))
    return {
        "id": execution.name,
        "status": execution.status,
        "started": execution.started.isoformat(),
        "stopped": None if execution.stopped is None else execution.stopped.isoformat(),
        "retry_of": given.get("retry_of"),
        **source_of(execution),
        "caller": given.get("caller"),
        "items": counts.get("items"),
        "failed": counts.get("failed"),
        "error": execution.error,
    }


def _setting(name: str, what: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"{name} is not set: it names {what}.")
    return value
