"""How data passes through a state: InputPath, Parameters, ResultSelector, ResultPath, OutputPath; Assign; Output.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-input-output-filtering.html
https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html
"""

from __future__ import annotations

from embedded_aws.states.interpret.frame import Frame
from embedded_aws.states.language.errors import RESULT_PATH, TIMEOUT, FaultError, PathError, StateError
from embedded_aws.states.language.fields import Env, Field
from embedded_aws.states.language.json_text import Json
from embedded_aws.states.language.model import State, Working
from embedded_aws.states.language.path_segments import insert
from embedded_aws.states.language.paths import parse
from embedded_aws.states.language.retry import Catcher

Outcome = tuple[Json, dict[str, Json]]


def read_input(state: State, frame: Frame, data: Json) -> Json:
    """The state's input after InputPath."""
    return data if state.input_path is None else state.input_path(frame.env(data))


def effective_input(state: Working, frame: Frame, data: Json) -> Json:
    """The input after InputPath and Parameters, or Arguments: what a task is called with."""
    value = read_input(state, frame, data)
    if state.arguments is None:
        return value
    env = frame.env(value)
    env.input = data
    return state.arguments(env)


def finish(state: Working, frame: Frame, data: Json, result: Json) -> Outcome:
    """The output of a state with a result, and the variables it assigns."""
    env = Env(result, frame.context, frame.variables, input=data, result=result, has_result=True)
    if state.jsonata:
        output = result if state.output is None else state.output(env)
        return output, _assigned(state.assign, env)
    selected = result if state.selector is None else state.selector(env)
    output = data
    if state.result_path is not None:
        output = _placed(state.result_path.text, data, selected)
    if state.output_path is not None:
        output = state.output_path(Env(output, frame.context, frame.variables))
    return output, _assigned(state.assign, env)


def forward(state: State, frame: Frame, data: Json) -> Outcome:
    """The output of a state without a result (Choice, Wait, Succeed): its input through InputPath and OutputPath."""
    return forward_by(state, frame, data, state.assign, state.output)


def forward_by(state: State, frame: Frame, data: Json, assign: Field | None, output: Field | None) -> Outcome:
    """The same with the Assign and Output of the choice rule that matched, which replace the state's."""
    value = read_input(state, frame, data)
    env = frame.env(value)
    env.input = data
    assigned = _assigned(assign, env)
    if state.jsonata:
        return (data if output is None else output(env)), assigned
    return (value if state.output_path is None else state.output_path(env)), assigned


def caught(state: State, catcher: Catcher, frame: Frame, data: Json, failure: StateError) -> Outcome:
    """The output of a state whose failure was caught: the error output at the catcher's ResultPath, or Output."""
    cause = "" if failure.cause is None and failure.error == TIMEOUT else failure.cause
    error_output = {"Error": failure.error, "Cause": cause}
    env = Env(error_output, frame.context, frame.variables, input=data, error_output=error_output, has_error=True)
    if state.jsonata:
        output = error_output if catcher.output is None else catcher.output(env)
    elif catcher.result_path is None:
        output = data
    else:
        output = _placed(catcher.result_path, data, error_output)
    return output, _assigned(catcher.assign, env)


def _placed(path: str, data: Json, value: Json) -> Json:
    try:
        return insert(parse(path), data, value)
    except PathError as error:
        raise FaultError(str(error), RESULT_PATH) from None


def _assigned(assign: Field | None, env: Env) -> dict[str, Json]:
    if assign is None:
        return {}
    values = assign(env)
    assert isinstance(values, dict)
    return values
