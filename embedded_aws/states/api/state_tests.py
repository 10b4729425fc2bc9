"""TestState: one state of a definition run by itself, with a mocked or a real task, and its data at every step.

https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from embedded_aws.states.interpret import dataflow
from embedded_aws.states.interpret.distributed_map import batching, reading
from embedded_aws.states.interpret.effects import Call, TaskTimeoutError
from embedded_aws.states.interpret.frame import Frame, iso
from embedded_aws.states.interpret.interpreter import step_instant
from embedded_aws.states.interpret.item_reader import read_text
from embedded_aws.states.interpret.map_items import concurrency, find_items, map_env, selected
from embedded_aws.states.interpret.mock_check import check_context, check_result
from embedded_aws.states.interpret.sdk_services import has_action
from embedded_aws.states.interpret.task import error_details
from embedded_aws.states.language.compiler import compile_machine
from embedded_aws.states.language.errors import TIMEOUT, TOLERANCE, DefinitionError, FaultError, StateError
from embedded_aws.states.language.findings import Finding, parse_definition
from embedded_aws.states.language.json_text import Json, dump, load
from embedded_aws.states.language.model import Machine, Map, Parallel, Pass, State, Task, Wait, Working
from embedded_aws.states.language.retry import catcher_for, matches
from embedded_aws.states.language.validate import validate
from embedded_aws.states.run.core import Core, new_id
from embedded_aws.states.run.execution import Execution, Identity
from embedded_aws.wire import ServiceError

Params = dict[str, Any]
_NAME = "StateName"


class TestStateOperations:
    """Part of `StepFunctions`."""

    __test__ = False  # pytest must not collect this class, although its name starts with Test

    core: Core

    def test_state(self, params: Params) -> Params:
        """Run one state. A failing state is a normal response with `status` FAILED."""
        machine, state = _compiled(params["definition"], params.get("stateName"))
        mock = params.get("mock")
        _check_request(state, params, mock)
        data = _json(params.get("input") or "{}", "InvalidExecutionInput", "Invalid State Machine Execution Input")
        variables = _json(params.get("variables") or "{}", "ValidationException", "Invalid variables")
        if not isinstance(variables, dict):
            raise _refused("Invalid variables: 'they must be a JSON object'")
        who = Identity(
            number=0,
            arn=self.core.account.arn("states", f"express:{new_id()}:{new_id()}"),
            machine=self.core.account.arn("states", f"stateMachine:{new_id()}"),
            revision="",
            name=new_id(),
            express=True,
            role=params.get("roleArn") or "",
            started=self.core.now(),
            text="",
        )
        execution = self.core.ledger.execution(who, machine, data)
        frame = execution.frame
        frame.variables.update(variables)
        frame.stand_in(state, 0, self.core.now(), 0)
        # AWS's default names, and no redrives.
        about: dict[str, Json] = {"Name": _NAME, "EnteredTime": iso(frame.entered_at)}
        if isinstance(state, Working) and not isinstance(state, Pass):
            about["RetryCount"] = 0
        execution_context = {**frame.context["Execution"], "RoleArn": params.get("roleArn")}
        del execution_context["RedriveCount"]
        frame.context = {**frame.context, "Execution": execution_context, "State": about}
        if params.get("context"):
            given = _json(params["context"], "ValidationException", "Invalid Context object provided")
            check_context(state, given)
            frame.context = given
        run = _Run(self.core, execution, state, frame, data, mock, params.get("stateConfiguration") or {})
        answer = run.answer()
        if params.get("inspectionLevel", "INFO") != "INFO":
            if frame.variables:
                run.seen["variables"] = frame.variables
            answer["inspectionData"] = {
                key: value if key in _STRUCTURED else dump(value) for key, value in run.seen.items()
            }
        return answer


_STRUCTURED = ("errorDetails", "maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage")


class _Run:
    """One run of one state; `seen` collects the inspection data."""

    def __init__(
        self,
        core: Core,
        execution: Execution,
        state: State,
        frame: Frame,
        data: Json,
        mock: Mapping[str, Json] | None,
        configuration: Mapping[str, Json],
    ) -> None:
        self._core = core
        self._execution = execution
        self._state = state
        self._frame = frame
        self._data = data
        self._mock = mock
        self._configuration = configuration
        self.seen: dict[str, Json] = {"input": data}

    def answer(self) -> Params:
        state = self._state
        try:
            try:
                if isinstance(state, Working) and not isinstance(state, Pass):
                    output, following = self._work(state), state.next
                else:
                    output, following = self._instant(state)
            except FaultError as fault:
                raise StateError(fault.error, fault.message) from None
        except StateError as failure:
            return self._failed(failure)
        answer: Params = {"output": dump(output), "status": "SUCCEEDED"}
        if following is not None:
            answer["nextState"] = following
        return answer

    def _instant(self, state: State) -> tuple[Json, str | None]:
        if not state.jsonata and not (isinstance(state, Pass) and state.has_result):
            self.seen["afterInputPath"] = dataflow.read_input(state, self._frame, self._data)
        if isinstance(state, Pass) and not state.jsonata:
            effective = dataflow.effective_input(state, self._frame, self._data)
            self.seen["result" if state.has_result else "afterParameters"] = (
                state.result if state.has_result else effective
            )
        if isinstance(state, Wait):
            output, _ = dataflow.forward(state, self._frame, self._data)
            return output, state.next
        output, following = step_instant(state, self._frame, self._data)
        if isinstance(state, Pass) and not state.jsonata:
            self.seen["afterResultSelector"] = state.result if state.has_result else self.seen["afterParameters"]
            self.seen["afterResultPath"] = output
        return output, following

    def _work(self, state: Working) -> Json:
        frame, data = self._frame, self._data
        if not state.jsonata and not isinstance(state, Parallel):
            self.seen["afterInputPath"] = dataflow.read_input(state, frame, data)
        arguments = None
        if isinstance(state, Map):
            self._map(state)
        else:
            arguments = dataflow.effective_input(state, frame, data)
            if state.jsonata:
                if state.arguments is not None:
                    self.seen["afterArguments"] = arguments
            elif isinstance(state, Task):
                self.seen["afterParameters"] = arguments
        result = self._result(state, arguments)
        if isinstance(state, Task):
            self.seen["result"] = result
        output, assigned = dataflow.finish(state, frame, data, result)
        frame.variables.update(assigned or {})
        if not state.jsonata:
            env = frame.env(result)
            self.seen["afterResultSelector"] = result if state.selector is None else state.selector(env)
            self.seen["afterResultPath"] = output
        return output

    def _map(self, state: Map) -> None:
        env = map_env(state, self._frame, self._data)
        reader = None if state.distributed is None else state.distributed.reader
        if reader is None:
            items = find_items(state, env)
        else:
            text = self._configuration.get("mapItemReaderData", "[]")
            items = list(reading(reader, env, None)(lambda reader, _, most: read_text(reader, text, most)))
            if "ItemsPointer" in reader.config:
                self.seen["afterItemsPointer"] = [item.value for item in items]
        if not state.jsonata:
            if state.items is not None:
                self.seen["afterItemsPath"] = [item.value for item in items]
            if state.item_selector is not None:
                self.seen["afterItemSelector"] = [
                    selected(state, env, self._frame, item, index)[0] for index, item in enumerate(items)
                ]
        if state.distributed is not None and state.distributed.batcher is not None:
            inputs = (selected(state, env, self._frame, item, index)[0] for index, item in enumerate(items))
            self.seen["afterItemBatcher"] = list(batching(state.distributed.batcher, env)(inputs))
        self.seen["maxConcurrency"] = concurrency(state, env)
        failures = self._configuration.get("mapIterationFailureCount", 0)
        if failures > len(items):
            raise ServiceError(
                "ValidationException",
                "Map iteration failure count must be less than or equal to the number of Map iterations",
            )
        count = percentage = None
        if state.distributed is not None:
            if state.distributed.tolerated_count is not None:
                count = self.seen["toleratedFailureCount"] = state.distributed.tolerated_count(env)
            if state.distributed.tolerated_percentage is not None:
                percentage = self.seen["toleratedFailurePercentage"] = float(
                    state.distributed.tolerated_percentage(env)
                )
        share = None if percentage is None else len(items) * percentage / 100
        if any(limit is not None and failures > limit for limit in (count, share)):
            raise StateError(TOLERANCE, "The specified tolerated failure threshold was exceeded")

    def _result(self, state: Working, arguments: Json) -> Json:
        if self._mock is not None:
            if "errorOutput" in self._mock:
                error = self._mock["errorOutput"]
                raise StateError(error.get("error"), error.get("cause"))
            return load(self._mock["result"])
        assert isinstance(state, Task)
        call = Call(state.resource, arguments, None, state.name)
        try:
            return self._core.dispatcher(self._execution, call)
        except TaskTimeoutError:
            raise StateError(TIMEOUT) from None

    def _failed(self, failure: StateError) -> Params:
        state, frame = self._state, self._frame
        answer: Params = {"status": "FAILED", **error_details(failure)}
        if not isinstance(state, Working):
            return answer
        is_task = isinstance(state, Task)
        retries = self._configuration.get("retrierRetryCount", 0)
        for index, retrier in enumerate(state.retry):
            if matches(retrier.errors, failure, is_task=is_task):
                if retries < retrier.max_attempts:
                    seconds = retrier.delay(retries, random.Random())  # noqa: S311  the delay that would be waited
                    self.seen["errorDetails"] = {"retryIndex": index, "retryBackoffIntervalSeconds": int(seconds)}
                    return {**answer, "status": "RETRIABLE"}
                self.seen["errorDetails"] = {"retryIndex": index}
                break
        catcher = catcher_for(state.catch, failure, is_task=is_task)
        if catcher is None:
            return answer
        self.seen["errorDetails"] = {"catchIndex": state.catch.index(catcher)}
        output, assigned = dataflow.caught(state, catcher, frame, self._data, failure)
        frame.variables.update(assigned or {})
        return {**answer, "status": "CAUGHT_ERROR", "output": dump(output), "nextState": catcher.next}


def _compiled(text: str, name: str | None) -> tuple[Machine, State]:
    """The state to test: the definition itself, or the state `name` anywhere in it."""
    definition, findings = parse_definition(text)
    if definition is None:
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{findings[0]}'")
    jsonata = definition.get("QueryLanguage") == "JSONata"
    if "States" in definition:
        found = None if name is None else _find(definition, name, jsonata)
        if found is None or name is None:
            raise ServiceError("ValidationException", "State not found in definition")
        body, jsonata = found
    else:
        name, body = _NAME, definition
    machine: dict[str, Json] = {"StartAt": name, "States": {name: body}}
    if jsonata and "QueryLanguage" not in body:
        machine["QueryLanguage"] = "JSONata"
    # The next state is missing here, and with it an end: only findings about the state itself count.
    errors = [
        finding
        for finding in validate(machine, has_action=has_action)
        if finding.severity == "ERROR" and finding.code not in ("MISSING_TRANSITION_TARGET", "MISSING_END_STATE")
    ]
    if errors:
        listing = ", ".join(map(str, errors))
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{listing}'")
    try:
        compiled = compile_machine(machine)
    except DefinitionError as error:
        finding = Finding(error.code, error.message, error.location)
        raise ServiceError("InvalidDefinition", f"Invalid State Machine Definition: '{finding}'") from None
    return compiled, compiled.states[name]


def _find(machine: Mapping[str, Json], name: str, jsonata: bool) -> tuple[dict[str, Json], bool] | None:
    language = machine.get("QueryLanguage")
    jsonata = jsonata if language is None else language == "JSONata"
    states = machine.get("States")
    for own, body in states.items() if isinstance(states, dict) else ():
        if not isinstance(body, dict):
            continue
        if own == name:
            return body, jsonata
        for inner in (body.get("ItemProcessor"), body.get("Iterator"), *(body.get("Branches") or ())):
            found = _find(inner, name, jsonata) if isinstance(inner, dict) else None
            if found is not None:
                return found
    return None


def _json(text: str, code: str, message: str) -> Any:
    try:
        return load(text)
    except ValueError as error:
        raise ServiceError(code, f"{message}: '{error}'") from None


def _check_request(state: State, params: Params, mock: Mapping[str, Json] | None) -> None:
    if mock is None:
        if isinstance(state, (Map, Parallel)):
            if (params.get("stateConfiguration") or {}).get("mapIterationFailureCount") is not None:
                raise _refused("TestState does not support MapIterationFailureCount when a mock is not specified.")
            raise ServiceError(
                "InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types include: "
                "[Task, Wait, Pass, Succeed, Fail, Choice]",
            )
        if params.get("context"):
            raise _refused("TestState does not support a Context object when a mock is not specified.")
        if isinstance(state, Task):
            if not params.get("roleArn"):
                raise _refused("RoleArn must be specified when testing a Task state")
            if state.resource.pattern or state.resource.kind == "activity":
                raise _refused(f"A mock must be specified to test the resource {state.resource.arn}")
        return
    if ("result" in mock) == ("errorOutput" in mock):
        raise _refused("A test mock should have only one of the following fields: [result, errorOutput].")
    if not isinstance(state, (Task, Map, Parallel)):
        raise _refused(f"State type '{state.type}' is not supported when a mock is specified")
    if params.get("revealSecrets"):
        raise _refused("TestState does not support RevealSecrets when a mock is specified.")
    if "result" in mock:
        check_result(state, mock["result"], mock.get("fieldValidationMode") or "STRICT")


def _refused(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)
