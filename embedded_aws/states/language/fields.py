"""Dynamic fields of a definition: each is compiled to a `Field`, a function of the state's data.

One type serves both query languages; payload templates are the JSONPath kind.
https://docs.aws.amazon.com/step-functions/latest/dg/input-output-inputpath-params.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from embedded_aws.states.language.errors import FaultError, PathError
from embedded_aws.states.language.intrinsics import IntrinsicSyntaxError, parse_call
from embedded_aws.states.language.json_text import Json, dump
from embedded_aws.states.language.path_segments import Path, PathSyntaxError
from embedded_aws.states.language.paths import parse


@dataclass(slots=True)
class Env:
    """The data that an expression can read.

    `data` is JSONPath's `$`; `context` is `$$` and JSONata's `$states.context`; `input`, `result` and `error_output`
    are JSONata's `$states` members (`absent` marks those that do not exist at this point).
    """

    data: Json
    context: Json
    variables: Mapping[str, Json]
    input: Json = None
    result: Json = None
    error_output: Json = None
    has_result: bool = False
    has_error: bool = False


Field: TypeAlias = Callable[[Env], Json]


def constant(value: Json) -> Field:
    """A field that never changes."""
    return lambda env: value


def path_field(text: str) -> Field:
    """InputPath, OutputPath, SecondsPath and the like: the value at a path, or States.Runtime."""
    return _reading(parse(text).find, lambda env, error: f"Invalid path '{text}' : {error}")


def expression(text: str, name: str) -> Field:
    """The value of a template's `name.$` member: a path or an intrinsic function. ValueError when it is neither."""
    if text.startswith("$"):
        return _template_path(parse(text), name)
    return _reading(
        parse_call(text).value_in, lambda env, error: f"The function '{text}' had the following error: {error}"
    )


def _template_path(path: Path, name: str) -> Field:
    def explain(env: Env, error: PathError) -> str:
        source = dump(env.context if path.variable == "$" else env.data)
        return f"The JSONPath '{path.text}' specified for the field '{name}' could not be found in the input '{source}'"

    return _reading(path.find, explain)


def _reading(find: Callable[[Json, Json, Mapping[str, Json]], Json], explain: Callable[[Env, PathError], str]) -> Field:
    def evaluate(env: Env) -> Json:
        try:
            return find(env.data, env.context, env.variables)
        except PathError as error:
            raise FaultError(explain(env, error)) from None

    return evaluate


class TemplateError(ValueError):
    """A template's member is neither a path nor an intrinsic function; `pointer` is its location."""

    def __init__(self, message: str, pointer: str) -> None:
        super().__init__(message)
        self.pointer = pointer


def template(value: Json, pointer: str = "") -> Field:
    """Compile a payload template; TemplateError for a member `x.$` that is neither a path nor a call."""
    compiled = _compile(value, pointer)
    return constant(value) if compiled is None else compiled


def _compile(value: Json, pointer: str) -> Field | None:
    """Return None if nothing in `value` is dynamic: the value is then used unchanged."""
    if isinstance(value, list):
        items = [_compile(item, f"{pointer}/{number}") for number, item in enumerate(value)]
        if not any(items):
            return None
        fields = [field or constant(item) for field, item in zip(items, value, strict=True)]
        return lambda env: [field(env) for field in fields]
    if not isinstance(value, dict):
        return None
    members: dict[str, Field] = {}
    dynamic = False
    for key, item in value.items():
        if key.endswith(".$"):
            members[key[:-2]] = _dynamic_member(key, item, pointer)
            dynamic = True
        else:
            field = _compile(item, f"{pointer}/{key}")
            dynamic = dynamic or field is not None
            members[key] = field or constant(item)
    if not dynamic:
        return None
    return lambda env: {key: field(env) for key, field in members.items()}


def _dynamic_member(key: str, item: Json, pointer: str) -> Field:
    try:
        if isinstance(item, str):
            return expression(item, key)
    except (PathSyntaxError, IntrinsicSyntaxError):
        pass
    raise TemplateError(
        f"The value for the field '{key}' must be a valid JSONPath or a valid intrinsic function call", pointer
    )
