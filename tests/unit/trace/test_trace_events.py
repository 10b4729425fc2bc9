"""Histories from every source: GetExecutionHistory, exports, log lines."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stepguard.guard.errors import InvalidRequest
from stepguard.trace import read_export, read_history, to_document
from stepguard.trace.events import details_member, read_events

MODEL = botocore.session.get_session().get_service_model("stepfunctions")
TYPES: list[str] = MODEL.shape_for("HistoryEventType").enum
MEMBERS = set(MODEL.shape_for("HistoryEvent").members)

LOG = [
    {
        "id": "2",
        "type": "PassStateEntered",
        "details": {"input": "{}", "inputDetails": {"truncated": False}, "name": "A"},
        "previous_event_id": "0",
        "event_timestamp": "1713959670680",
        "execution_arn": "arn:aws:states:us-east-1:1:express:m:n:u",
        "redrive_count": "0",
    },
    {"id": "1", "type": "ExecutionStarted", "details": {"input": "{}"}, "event_timestamp": "1713959670600"},
    {"id": "4", "type": "ExecutionSucceeded", "details": {"output": "[]"}, "event_timestamp": "1713959670700"},
    {
        "id": "3",
        "type": "PassStateExited",
        "details": {"name": "A", "output": "[]"},
        "previous_event_id": "2",
        "event_timestamp": "1713959670690",
    },
]


@pytest.mark.parametrize("kind", TYPES)
def test_details_are_looked_for_where_aws_puts_them(kind: str) -> None:
    """The member of a type is one of the model's; types without details have none there."""
    without = {
        "LambdaFunctionStarted", "MapRunAborted", "MapRunSucceeded", "MapStateAborted", "MapStateFailed",
        "MapStateSucceeded", "ParallelStateAborted", "ParallelStateFailed", "ParallelStateStarted",
        "ParallelStateSucceeded", "TaskStateAborted", "WaitStateAborted",
    }  # fmt: skip
    assert (details_member(kind) in MEMBERS) == (kind not in without)


def test_log_lines_of_an_express_execution_are_put_in_order() -> None:
    """Every number is text and no order is promised."""
    trace = read_history(read_export("\n".join(json.dumps(line) for line in LOG)))

    assert trace.path == ["A"]
    assert (trace.status, trace.milliseconds) == ("SUCCEEDED", 100.0)
    assert trace.visits[0].milliseconds == 10.0


def test_log_events_of_cloudwatch_are_unwrapped() -> None:
    """FilterLogEvents hands the line as `message`; other lines of the group are passed over."""
    wrapped = {"events": [{"message": json.dumps(line)} for line in LOG] + [{"message": "START RequestId"}]}

    assert read_history(read_export(json.dumps(wrapped))).path == ["A"]


@pytest.mark.parametrize(
    "moment", ["2026-11-22T10:00:00+00:00", "2026-11-22T10:00:00Z", "2026-11-22T10:00:00", 1795341600, 1795341600.0]
)
def test_times_of_exports_are_read(moment: object) -> None:
    """The AWS CLI writes ISO 8601, the JSON protocol seconds."""
    (event,) = read_events([{"id": 1, "type": "ExecutionStarted", "timestamp": moment}])

    assert event.at == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"events": []}', "not json", '{"a": 1}\nnot json', "[" * 100_000])
def test_a_file_without_a_history_is_refused(text: str) -> None:
    """With a message, never a traceback of the parser."""
    with pytest.raises(InvalidRequest):
        read_export(text)


def test_a_file_of_two_executions_is_refused() -> None:
    """Ids do not distinguish their events."""
    lines = [{**LOG[0], "execution_arn": arn} for arn in ("a", "b")]
    with pytest.raises(InvalidRequest, match="2 executions"):
        read_export(json.dumps(lines))


def test_an_event_without_a_type_is_refused() -> None:
    """Its number is reported."""
    with pytest.raises(InvalidRequest, match="Event 2"):
        read_history([{"id": 1, "type": "ExecutionStarted"}, {"id": 2}])


_MEMBERS = [
    *("name", "input", "output", "error", "cause", "index", "length", "resource", "resourceType", "parameters"),
    *("mapRunArn", "state", "redriveCount", "inputDetails", "outputDetails", "assignedVariables"),
]
_DETAILS = st.dictionaries(
    st.sampled_from(_MEMBERS),
    st.sampled_from(["A", "B", "{}", '{"input_guard": {"findings": [3]}}', "3", "", None, {"truncated": True}, 7]),
)
_EVENTS = st.lists(
    st.tuples(st.sampled_from([*TYPES, "New"]), st.integers(0, 30), _DETAILS, st.integers(0, 10_000)), max_size=30
)


@given(_EVENTS)
def test_no_sequence_of_events_is_too_strange(rows: list[tuple[str, int, dict[str, Any], int]]) -> None:
    """Cut, foreign and malformed histories are read as far as possible, and reported."""
    events: list[dict[str, Any]] = [
        {"id": number, "previousEventId": previous, "type": kind, "timestamp": at, details_member(kind): details}
        for number, (kind, previous, details, at) in enumerate(rows, 1)
    ]
    trace = read_history(events)
    document = to_document(trace)

    names = [event[details_member(event["type"])].get("name") for event in events if "StateEntered" in event["type"]]
    assert trace.path == [name if name and isinstance(name, str) else "?" for name in names]
    assert json.loads(json.dumps(document))["path"] == trace.path
