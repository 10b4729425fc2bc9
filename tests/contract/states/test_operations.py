"""Versions, aliases, redrive, TestState, mock configurations and execution logs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from embedded_aws.wire import ServiceError
from tests.unit.embedded_aws.states.cloud import ROLE, Cloud, task


def result(value: Any) -> str:
    """A definition whose output is `value`."""
    return json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": value, "End": True}}})


def test_versions_are_immutable_and_published_once(cloud: Cloud) -> None:
    """The same revision is one version; an execution of a version keeps to it."""
    machine = cloud.machine({"P": {"Type": "Pass", "Result": 1, "End": True}})
    first = cloud.call("PublishStateMachineVersion", stateMachineArn=machine)["stateMachineVersionArn"]
    assert cloud.call("PublishStateMachineVersion", stateMachineArn=machine)["stateMachineVersionArn"] == first
    made = cloud.call("UpdateStateMachine", stateMachineArn=machine, definition=result(2), publish=True)
    assert (first, made["stateMachineVersionArn"]) == (f"{machine}:1", f"{machine}:2")
    done = cloud.finish(first)
    assert (done["output"], done["stateMachineVersionArn"]) == ("1", first)
    assert cloud.finish(machine)["output"] == "2"
    listed = cloud.call("ListStateMachineVersions", stateMachineArn=machine)["stateMachineVersions"]
    assert [item["stateMachineVersionArn"] for item in listed] == [f"{machine}:2", f"{machine}:1"]


def test_an_alias_routes_by_weight(cloud: Cloud) -> None:
    """Executions of the alias run one of its versions, roughly by weight; a routed version cannot be deleted."""
    machine = cloud.machine({"P": {"Type": "Pass", "Result": 1, "End": True}})
    one = cloud.call("PublishStateMachineVersion", stateMachineArn=machine)["stateMachineVersionArn"]
    made = cloud.call("UpdateStateMachine", stateMachineArn=machine, definition=result(2), publish=True)
    two = made["stateMachineVersionArn"]
    routing = [{"stateMachineVersionArn": one, "weight": 80}, {"stateMachineVersionArn": two, "weight": 20}]
    alias = cloud.call("CreateStateMachineAlias", name="live", routingConfiguration=routing)["stateMachineAliasArn"]
    seen = Counter(cloud.finish(alias)["output"] for _ in range(60))
    assert seen["1"] > seen["2"] > 0
    assert cloud.finish(alias)["stateMachineAliasArn"] == alias
    with pytest.raises(ServiceError, match="ConflictException"):
        cloud.call("DeleteStateMachineVersion", stateMachineVersionArn=one)
    only = [{"stateMachineVersionArn": two, "weight": 100}]
    cloud.call("UpdateStateMachineAlias", stateMachineAliasArn=alias, routingConfiguration=only)
    cloud.call("DeleteStateMachineVersion", stateMachineVersionArn=one)
    assert cloud.finish(alias)["output"] == "2"


def test_a_redriven_execution_goes_on_where_it_failed(cloud: Cloud) -> None:
    """Successful states do not run again; the history continues after ExecutionRedriven."""
    calls: list[str] = []
    down = {"b"}

    def handler(event: dict[str, str]) -> dict[str, str]:
        calls.append(event["name"])
        if event["name"] in down:
            raise RuntimeError("down")
        return event

    cloud.functions.functions["f"] = handler
    steps = {name: task("f", Parameters={"FunctionName": "f", "Payload": {"name": name}}) for name in "ab"}
    steps["a"] = {**steps["a"], "Next": "b"}
    del steps["a"]["End"]
    done = cloud.finish(cloud.machine(steps))
    assert done["redriveStatus"] == "REDRIVABLE"
    down.clear()
    cloud.call("RedriveExecution", executionArn=done["executionArn"])
    cloud.wait(done["executionArn"])
    assert cloud.call("DescribeExecution", executionArn=done["executionArn"])["status"] == "SUCCEEDED"
    assert calls == ["a", "b", "b"]
    types = cloud.types(done["executionArn"])
    after = types.index("ExecutionRedriven")
    assert types[after - 1 : after + 2] == ["ExecutionFailed", "ExecutionRedriven", "TaskScheduled"]
    with pytest.raises(ServiceError, match="ExecutionNotRedrivable"):
        cloud.call("RedriveExecution", executionArn=done["executionArn"])


def test_one_state_is_tested_with_a_mocked_error(cloud: Cloud) -> None:
    """RETRIABLE while retries are left, then CAUGHT_ERROR with the catcher's next state."""
    retry = [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]
    state = task(Retry=retry, Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.e", "Next": "C"}])
    params = {
        "definition": json.dumps(state),
        "input": '{"a": 1}',
        "inspectionLevel": "DEBUG",
        "mock": {"errorOutput": {"error": "E", "cause": "c"}},
    }
    answer = cloud.call("TestState", **params, stateConfiguration={"retrierRetryCount": 1})
    assert answer["status"] == "RETRIABLE"
    assert answer["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 6}
    answer = cloud.call("TestState", **params, stateConfiguration={"retrierRetryCount": 2})
    assert (answer["status"], answer["nextState"]) == ("CAUGHT_ERROR", "C")
    assert json.loads(answer["output"]) == {"a": 1, "e": {"Error": "E", "Cause": "c"}}


def test_a_mocked_result_must_fit_the_service(cloud: Cloud) -> None:
    """STRICT checks the result against the service's model."""
    params = {"definition": json.dumps(task()), "mock": {"result": '{"StatusCode": "200"}'}}
    with pytest.raises(ServiceError, match="Field 'StatusCode' must be a number"):
        cloud.call("TestState", **params)


def test_a_test_case_of_the_mock_configuration_answers_for_the_tasks(cloud: Cloud, tmp_path: Path) -> None:
    """`arn#TestCase`: the first calls fail as the file says, the next one succeeds; other executions are not mocked."""
    cloud.mock_config = tmp_path / "MockConfigFile.json"
    cloud.mock_config.write_text(
        json.dumps(
            {
                "StateMachines": {"machine": {"TestCases": {"Flaky": {"Ask": "FailsTwice"}}}},
                "MockedResponses": {
                    "FailsTwice": {
                        "0-1": {"Throw": {"Error": "Lambda.TooManyRequestsException", "Cause": "busy"}},
                        "2": {"Return": {"StatusCode": 200, "Payload": "mocked"}},
                    }
                },
            }
        )
    )
    cloud.states.close()
    cloud.open()
    retry = [{"ErrorEquals": ["Lambda.TooManyRequestsException"]}]
    machine = cloud.machine({"Ask": task(OutputPath="$.Payload", Retry=retry)})
    done = cloud.finish(f"{machine}#Flaky", "real")
    assert json.loads(done["output"]) == "mocked"
    assert cloud.types(done["executionArn"]).count("TaskFailed") == 2
    assert json.loads(cloud.finish(machine, "real")["output"]) == "real"
    with pytest.raises(ServiceError, match="Invalid test case"):
        cloud.start(f"{machine}#Nope")


@pytest.mark.parametrize(("level", "with_data"), [("ALL", True), ("ALL", False), ("FATAL", True)])
def test_express_executions_are_logged_as_their_machine_says(cloud: Cloud, level: str, with_data: bool) -> None:
    """AWS's line format: numbers as text, details un-nested, data only on request."""
    group = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/vendedlogs/states/x:*"
    logging = {
        "level": level,
        "includeExecutionData": with_data,
        "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
    }
    states = {"P": {"Type": "Pass", "Next": "F"}, "F": {"Type": "Fail", "Error": "E"}}
    machine = cloud.machine(states, kind="EXPRESS", settings={"loggingConfiguration": logging})
    answer = cloud.call("StartSyncExecution", stateMachineArn=machine, input='{"secret": "s3cret"}')
    cloud.states.core.log.close()
    lines = cloud.logs.lines
    assert {line["execution_arn"] for line in lines} == {answer["executionArn"]}
    assert lines[-1]["type"] == "ExecutionFailed"
    assert lines[-1]["details"]["error"] == "E"
    assert (len(lines) == 1) == (level == "FATAL")
    assert ("s3cret" in json.dumps(lines)) == (level == "ALL" and with_data)
    assert all(isinstance(line[key], str) for line in lines for key in ("id", "previous_event_id", "event_timestamp"))


GARBAGE = st.text(max_size=30) | st.sampled_from(["arn:aws:states:us-east-1:000000000000:execution:a:b", "{}", "[]"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_operation_answers_garbage_with_anything_but_an_error(cloud: Cloud, data: st.DataObject) -> None:
    """Whatever strings come in, an operation gives an answer or a ServiceError."""
    names = [name for name in cloud.wire.model.operation_names if name != "GetActivityTask"]
    name = data.draw(st.sampled_from(names))
    shape = cloud.wire.model.operation_model(name).input_shape
    params = {member: data.draw(GARBAGE) for member, inner in shape.members.items() if inner.type_name == "string"}
    problem = None
    try:
        cloud.call(name, **params)
    except ServiceError as error:
        problem = error
    assert problem is None or (problem.code and 400 <= problem.status < 500)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Pass", "A", "$.x", "States.UUID()", "{% $x %}", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "Type",
                    "Next",
                    "End",
                    "States",
                    "StartAt",
                    "Choices",
                    "Parameters",
                    "Branches",
                    "ItemProcessor",
                    "a.$",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


FIELDS = ["Type", "Next", "End", "Choices", "Parameters", "Retry", "Catch", "Seconds", "Resource", "ItemProcessor"]
KINDS = ["Pass", "Task", "Choice", "Wait", "Map", "Parallel", "Fail", "Succeed"]
STATES = st.dictionaries(st.sampled_from([*FIELDS, "Branches", "Assign", "QueryLanguage"]), VALUES, max_size=6)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(state=STATES, kind=st.sampled_from(KINDS))
def test_any_definition_is_judged_and_what_passes_runs(cloud: Cloud, state: dict[str, Any], kind: str) -> None:
    """Random definitions give diagnostics or run to an end; none hangs, none leaks an exception."""
    definition = json.dumps({"StartAt": "A", "States": {"A": {**state, "Type": kind}}, "TimeoutSeconds": 60})
    report = cloud.call("ValidateStateMachineDefinition", definition=definition)
    if report["result"] == "FAIL":
        assert report["diagnostics"]
        return
    name = f"m{cloud.states.core.ledger.next_number()}"
    arn = cloud.call("CreateStateMachine", name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
    done = cloud.finish(arn)
    assert done["status"] in ("SUCCEEDED", "FAILED", "TIMED_OUT")
    assert "Internal error" not in (done.get("cause") or "")
