"""The embedded Step Functions against the API reference, through the wire layer."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.states.cloud import ROLE, Cloud, task


def test_a_task_leaves_the_five_events_of_lambda_invoke(cloud: Cloud) -> None:
    """Events are numbered, linked and shaped as GetExecutionHistory gives them."""
    machine = cloud.machine({"Ask": task(ResultSelector={"said.$": "$.Payload.q"}, ResultPath="$.answer")})
    done = cloud.finish(machine, {"q": "hi"})
    assert done["status"] == "SUCCEEDED"
    assert json.loads(done["output"]) == {"q": "hi", "answer": {"said": "hi"}}
    events = cloud.events(done["executionArn"])
    assert [(event["id"], event["previousEventId"], event["type"]) for event in events] == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "TaskScheduled"),
        (4, 3, "TaskStarted"),
        (5, 4, "TaskSucceeded"),
        (6, 5, "TaskStateExited"),
        (7, 6, "ExecutionSucceeded"),
    ]
    assert events[2]["taskScheduledEventDetails"] == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "parameters": '{"FunctionName":"echo","Payload":{"q":"hi"}}',
    }
    output = json.loads(events[4]["taskSucceededEventDetails"]["output"])
    assert (output["Payload"], output["StatusCode"], output["ExecutedVersion"]) == ({"q": "hi"}, 200, "$LATEST")


def test_a_bare_function_arn_has_event_types_of_its_own(cloud: Cloud) -> None:
    """LambdaFunctionScheduled, Started, Succeeded; the result is the payload itself."""
    arn = "arn:aws:lambda:us-east-1:000000000000:function:echo"
    done = cloud.finish(cloud.machine({"Ask": {"Type": "Task", "Resource": arn, "End": True}}), {"q": 1})
    assert json.loads(done["output"]) == {"q": 1}
    assert cloud.types(done["executionArn"])[2:5] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
    ]


def test_a_failed_function_is_retried_and_then_caught(cloud: Cloud) -> None:
    """Each retry is a separate TaskScheduled event; the error output carries type and payload."""
    calls: list[Any] = []

    def broken(event: Any) -> Any:
        calls.append(event)
        raise RuntimeError("no")

    cloud.functions.functions["broken"] = broken
    retry = [{"ErrorEquals": ["RuntimeError"], "IntervalSeconds": 60, "MaxAttempts": 2}]
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Sorry"}]
    machine = cloud.machine({"Ask": task("broken", Retry=retry, Catch=catch), "Sorry": {"Type": "Pass", "End": True}})
    done = cloud.finish(machine, {"q": 1})
    assert len(calls) == 3
    error = json.loads(done["output"])["error"]
    assert error["Error"] == "RuntimeError"
    assert json.loads(error["Cause"]) == {"errorType": "RuntimeError", "errorMessage": "no"}
    assert cloud.types(done["executionArn"]).count("TaskFailed") == 3


def test_an_unknown_function_fails_with_lambdas_error_name(cloud: Cloud) -> None:
    """Lambda.ResourceNotFoundException, matched by Retry and Catch under that name."""
    done = cloud.finish(cloud.machine({"Ask": task("nobody")}))
    assert (done["status"], done["error"]) == ("FAILED", "Lambda.ResourceNotFoundException")
    assert (
        "Function not found: nobody (Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; "
        in done["cause"]
    )


def test_a_defect_of_a_port_fails_the_task_and_no_log_contains_what_users_wrote(
    cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    """The execution ends; the log names the exception's type and place, not its text."""

    def defective(event: Any) -> Any:
        raise LookupError(event["secret"])

    cloud.functions.functions["defective"] = defective
    done = cloud.finish(cloud.machine({"Ask": task("defective")}), {"secret": "s3cret"})
    assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")
    assert "LookupError" in caplog.text
    assert "s3cret" not in caplog.text


def test_a_task_that_is_too_slow_times_out(cloud: Cloud) -> None:
    """TimeoutSeconds reaches the invocation; its TimeoutError is States.Timeout."""

    def slow(event: Any) -> Any:
        raise TimeoutError

    cloud.functions.functions["slow"] = slow
    done = cloud.finish(cloud.machine({"Ask": task("slow", TimeoutSeconds=7)}))
    assert cloud.functions.timeouts == [7]
    assert (done["status"], done["error"]) == ("FAILED", "States.Timeout")
    assert "TaskTimedOut" in cloud.types(done["executionArn"])


def test_the_machines_timeout_ends_the_execution(cloud: Cloud) -> None:
    """TIMED_OUT, with ExecutionTimedOut as the last event."""
    machine = cloud.machine({"W": {"Type": "Wait", "Seconds": 60, "End": True}}, TimeoutSeconds=5)
    done = cloud.finish(machine)
    assert done["status"] == "TIMED_OUT"
    assert cloud.types(done["executionArn"])[-1] == "ExecutionTimedOut"


def test_starting_twice_is_idempotent_only_while_running_with_the_same_input(cloud: Cloud) -> None:
    """The same name and input give the same execution; another input, or an ended execution, is refused."""
    release = threading.Event()
    cloud.functions.functions["hold"] = lambda event: release.wait(10)
    machine = cloud.machine({"Ask": task("hold")})
    arn = cloud.start(machine, {"a": 1}, name="once")
    assert cloud.start(machine, {"a": 1}, name="once") == arn
    with pytest.raises(ServiceError, match="ExecutionAlreadyExists"):
        cloud.start(machine, {"a": 2}, name="once")
    release.set()
    cloud.wait(arn)
    with pytest.raises(ServiceError, match="ExecutionAlreadyExists"):
        cloud.start(machine, {"a": 1}, name="once")


def test_stopping_ends_at_once_and_the_late_answer_is_dropped(cloud: Cloud) -> None:
    """ABORTED with the caller's error; nothing follows ExecutionAborted."""
    started, release = threading.Event(), threading.Event()

    def hold(event: Any) -> Any:
        started.set()
        return release.wait(10)

    cloud.functions.functions["hold"] = hold
    arn = cloud.start(cloud.machine({"Ask": task("hold")}))
    assert started.wait(10)
    cloud.call("StopExecution", executionArn=arn, error="Enough", cause="because")
    release.set()
    done = cloud.call("DescribeExecution", executionArn=arn)
    assert (done["status"], done["error"], done["cause"]) == ("ABORTED", "Enough", "because")
    assert cloud.types(arn)[-1] == "ExecutionAborted"


def test_history_pages_in_both_directions(cloud: Cloud) -> None:
    """Pages put together are the whole history; reverseOrder is its mirror image."""
    done = cloud.finish(cloud.machine({"Ask": task()}))
    whole = cloud.types(done["executionArn"])
    for backwards in (False, True):
        seen: list[str] = []
        token: dict[str, str] = {}
        while True:
            page = cloud.call(
                "GetExecutionHistory",
                executionArn=done["executionArn"],
                maxResults=3,
                reverseOrder=backwards,
                **token,
            )
            seen += [event["type"] for event in page["events"]]
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert seen == (whole[::-1] if backwards else whole)


def test_history_without_execution_data_holds_no_payload(cloud: Cloud) -> None:
    """includeExecutionData=false leaves names and errors, but no input or output."""
    done = cloud.finish(cloud.machine({"Ask": task()}), {"secret": "s3cret"})
    events = cloud.call("GetExecutionHistory", executionArn=done["executionArn"], includeExecutionData=False)
    assert "s3cret" not in json.dumps(events, default=str)


def test_executions_are_listed_newest_first_by_status_and_page(cloud: Cloud) -> None:
    """ListExecutions with statusFilter, maxResults and nextToken."""
    machine = cloud.machine(
        {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "F"}], "Default": "S"},
            "F": {"Type": "Fail"},
            "S": {"Type": "Succeed"},
        }
    )
    for number in range(4):
        cloud.finish(machine, {"n": number % 2}, name=f"e{number}")
    first = cloud.call("ListExecutions", stateMachineArn=machine, maxResults=3)
    rest = cloud.call("ListExecutions", stateMachineArn=machine, maxResults=3, nextToken=first["nextToken"])
    assert [item["name"] for item in first["executions"] + rest["executions"]] == ["e3", "e2", "e1", "e0"]
    failed = cloud.call("ListExecutions", stateMachineArn=machine, statusFilter="FAILED")
    assert [item["name"] for item in failed["executions"]] == ["e3", "e1"]


def test_an_express_machine_answers_synchronously_and_keeps_no_history(cloud: Cloud) -> None:
    """StartSyncExecution gives the outcome, a failure too; the standard operations refuse express executions."""
    machine = cloud.machine({"Ask": task()}, kind="EXPRESS")
    answer = cloud.call("StartSyncExecution", stateMachineArn=machine, input='{"q":1}')
    assert answer["status"] == "SUCCEEDED"
    assert json.loads(answer["output"])["Payload"] == {"q": 1}
    with pytest.raises(ServiceError, match="InvalidArn"):
        cloud.call("GetExecutionHistory", executionArn=answer["executionArn"])


def test_finished_executions_and_definitions_survive_a_restart(cloud: Cloud) -> None:
    """All acknowledged data is in the file."""
    machine = cloud.machine({"Ask": task()})
    done = cloud.finish(machine, {"q": 1})
    events = cloud.events(done["executionArn"])
    cloud.states.close()
    cloud.open()
    assert cloud.call("DescribeExecution", executionArn=done["executionArn"]) == done
    assert cloud.events(done["executionArn"]) == events
    assert cloud.finish(machine)["status"] == "SUCCEEDED"


def test_updating_changes_only_later_executions(cloud: Cloud) -> None:
    """Each execution keeps the revision it began with."""
    machine = cloud.machine({"P": {"Type": "Pass", "Result": 1, "End": True}})
    before = cloud.finish(machine)
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": 2, "End": True}}})
    cloud.call("UpdateStateMachine", stateMachineArn=machine, definition=definition)
    assert cloud.finish(machine)["output"] == "2"
    kept = cloud.call("DescribeStateMachineForExecution", executionArn=before["executionArn"])
    assert json.loads(kept["definition"])["States"]["P"]["Result"] == 1


def test_creating_again_is_idempotent_or_refused(cloud: Cloud) -> None:
    """The same definition gives the same machine, another one StateMachineAlreadyExists."""
    states: dict[str, Any] = {"P": {"Type": "Pass", "End": True}}
    assert cloud.machine(states) == cloud.machine(states)
    with pytest.raises(ServiceError, match="StateMachineAlreadyExists"):
        cloud.machine({"Q": {"Type": "Pass", "End": True}})


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ("{", "INVALID_JSON_DESCRIPTION"),
        ("{}", "These fields are required: [States, StartAt] at /"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass"}}}', "at /States/A"),
        ('{"StartAt":"A","States":{"A":{"Type":"Nope","End":true}}}', "at /States/A/Type"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}', "Missing 'Next' target: B at /States/A/Next"),
        (
            '{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"x.$":"y"},"End":true}}}',
            "The value for the field 'x.$' must be a valid JSONPath or a valid intrinsic function call"
            " at /States/A/Parameters",
        ),
    ],
)
def test_bad_definitions_are_refused_with_the_place(cloud: Cloud, definition: str, message: str) -> None:
    """CreateStateMachine and ValidateStateMachineDefinition agree on what is wrong."""
    with pytest.raises(ServiceError) as raised:
        cloud.call("CreateStateMachine", name="bad", definition=definition, roleArn=ROLE)
    assert raised.value.code == "InvalidDefinition"
    assert message in raised.value.message
    report = cloud.call("ValidateStateMachineDefinition", definition=definition)
    assert report["result"] == "FAIL"
    assert report["diagnostics"]


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("DescribeExecution", {"executionArn": "nonsense"}, "InvalidArn"),
        ("DescribeExecution", {"executionArn": "arn:aws:states:us-east-1:0:execution:a:b"}, "ExecutionDoesNotExist"),
        (
            "StartExecution",
            {"stateMachineArn": "arn:aws:states:us-east-1:0:stateMachine:x"},
            "StateMachineDoesNotExist",
        ),
        ("StopExecution", {"executionArn": "arn:aws:states:us-east-1:0:execution:a:b"}, "ExecutionDoesNotExist"),
        ("ListStateMachines", {"nextToken": "???"}, "InvalidToken"),
        ("CreateStateMachine", {"name": "a b", "definition": "{}", "roleArn": ROLE}, "InvalidName"),
    ],
)
def test_bad_requests_have_awss_error_codes(cloud: Cloud, operation: str, params: dict[str, Any], code: str) -> None:
    """A bad ARN, name or token is an error answer, never a traceback."""
    with pytest.raises(ServiceError) as raised:
        cloud.call(operation, **params)
    assert raised.value.code == code


@pytest.mark.parametrize("text", ["{", "", "NaN", "1e999", '"\ud800"', '{"a":' * 5000])
def test_input_that_is_no_json_is_refused(cloud: Cloud, text: str) -> None:
    """InvalidExecutionInput, also for an empty input, as recorded on AWS."""
    machine = cloud.machine({"P": {"Type": "Pass", "End": True}})
    with pytest.raises(ServiceError, match="InvalidExecutionInput"):
        cloud.call("StartExecution", stateMachineArn=machine, input=text)


def test_a_lone_surrogate_harms_nothing(cloud: Cloud) -> None:
    """Text that UTF-8 cannot hold is escaped in payloads and replaced in messages; the store continues to work."""
    machine = cloud.machine({"P": {"Type": "Pass", "End": True}})
    done = cloud.finish(machine, {"text": "\ud800"})
    assert json.loads(done["output"]) == {"text": "\ud800"}
    waiting = cloud.start(cloud.machine({"T": task("hold")}, name="hold"))
    cloud.call("StopExecution", executionArn=waiting, error="\udfff", cause="x")
    assert cloud.finish(machine)["status"] == "SUCCEEDED"


def test_an_express_execution_ends_after_five_minutes(cloud: Cloud) -> None:
    """TIMED_OUT, whatever the machine's own time-out says."""
    states = {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}
    machine = cloud.machine(states, kind="EXPRESS", TimeoutSeconds=7200)
    answer = cloud.call("StartSyncExecution", stateMachineArn=machine)
    assert answer["status"] == "TIMED_OUT"
    assert (answer["stopDate"] - answer["startDate"]).total_seconds() == pytest.approx(300)


def test_tags_are_kept_and_removed(cloud: Cloud) -> None:
    """TagResource, ListTagsForResource, UntagResource."""
    arn = cloud.machine({"P": {"Type": "Pass", "End": True}})
    cloud.call("TagResource", resourceArn=arn, tags=[{"key": "b", "value": "2"}, {"key": "a", "value": "1"}])
    cloud.call("UntagResource", resourceArn=arn, tagKeys=["b"])
    assert cloud.call("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "a", "value": "1"}]


def test_a_missing_choice_variable_fails_the_execution(cloud: Cloud) -> None:
    """As on AWS: States.Runtime, not the Default."""
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.no", "IsNull": True, "Next": "S"}], "Default": "S"}
    done = cloud.finish(cloud.machine({"C": choice, "S": {"Type": "Succeed"}}))
    assert (done["status"], done["error"]) == ("FAILED", "States.Runtime")
    assert "Invalid path '$.no'" in done["cause"]


def test_a_result_over_the_limit_fails_with_data_limit_exceeded(cloud: Cloud) -> None:
    """262,144 bytes of UTF-8 is the most that a state may pass on; Catch States.ALL sees it."""
    cloud.functions.functions["big"] = lambda event: "é" * 140_000
    done = cloud.finish(cloud.machine({"Ask": task("big")}))
    assert (done["status"], done["error"]) == ("FAILED", "States.DataLimitExceeded")


def test_an_endless_loop_ends_with_the_full_history(cloud: Cloud) -> None:
    """The 25,000th event is ExecutionFailed."""
    never = {"Variable": "$.gone", "IsPresent": True, "Next": "C"}
    machine = cloud.machine(
        {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Choice", "Choices": [never], "Default": "A"},
            "C": {"Type": "Succeed"},
        }
    )
    done = cloud.finish(machine)
    assert done["status"] == "FAILED"
    last = cloud.call("GetExecutionHistory", executionArn=done["executionArn"], maxResults=1, reverseOrder=True)
    assert (last["events"][0]["id"], last["events"][0]["type"]) == (25_000, "ExecutionFailed")
