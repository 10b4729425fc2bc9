"""Names in a JSONata expression that no state can have a value for: AWS refuses the definition.

An expression has no context item: the input is `$states.input`. Inside a path's later steps, predicates, groupings,
transforms and function bodies a bare name may have a value, so only names outside of them are found.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SINGLE = ("lhs", "rhs", "expression", "procedure", "condition", "then", "_else")
_SEVERAL = ("expressions", "arguments")
_WITH_CONTEXT = ("lambda", "transform", "sort")


def refused_name(tree: Any, *, in_catch: bool, has_result: bool) -> tuple[str, str] | None:
    """The code and message of a diagnostic for the first such name in a parsed expression, or None.

    Only a Catch has `$states.errorOutput`, and only Output and Assign of a state that works have `$states.result`.
    """
    for node in _outside_of_paths(tree):
        if node.type == "name":
            return ("UNSUPPORTED_JSONATA_EXPRESSION", f"Reference to '{node.value}' at the top level is not supported.")
        if node.type == "variable" and node.value == "$":
            return "INVALID_JSONATA_EXPRESSION", "Reference to '$$' is not supported."
        names = _names(node)[:2] if node.type == "path" else []
        for absent, name, where in (
            (not in_catch, "errorOutput", "a Catch"),
            (not has_result, "result", "Output and Assign of Task, Parallel and Map states"),
        ):
            if absent and names == ["states", name]:
                message = f"Reference to '$states.{name}' is supported only in {where}."
                return "UNSUPPORTED_JSONATA_EXPRESSION", message
    return None


def _names(path: Any) -> list[Any]:
    first = path.steps[0]
    return [step.value for step in path.steps] if first.type == "variable" else []


def _outside_of_paths(node: Any) -> Iterator[Any]:
    if node is None or not hasattr(node, "type") or node.type in _WITH_CONTEXT:
        return
    yield node
    if node.type == "path":
        yield from _outside_of_paths(node.steps[0])
        return
    for name in _SINGLE:
        yield from _outside_of_paths(getattr(node, name, None))
    for name in _SEVERAL:
        for part in getattr(node, name, None) or ():
            yield from _outside_of_paths(part)
    for pair in getattr(node, "lhs_object", None) or ():
        for part in pair:
            yield from _outside_of_paths(part)
