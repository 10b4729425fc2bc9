"""A state machine's definition as a graph, which the page draws as the Step Functions console does.

https://states-language.net: Next, Choices, Default, Catch, End; the states inside of Parallel and Map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stepguard.trace.diff import mapping

START, END = "\u0001start", "\u0001end"
"""The circles at both ends; no state can have these names, which contain a control character."""


def graph(definition: Mapping[str, Any]) -> dict[str, Any]:
    """`{nodes: [{id, type, parent?, comment?}], edges: [{source, target, kind, label?}]}`.

    An edge's `kind` is `next`, `choice`, `default` or `catch`. Malformed parts of a definition are left out.
    """
    nodes: list[dict[str, Any]] = [{"id": START, "type": "Start"}]
    edges: list[dict[str, Any]] = []
    _machine(definition, None, nodes, edges)
    if isinstance(definition.get("StartAt"), str):
        edges.insert(0, {"source": START, "target": definition["StartAt"], "kind": "next"})
    nodes.append({"id": END, "type": "End"})
    known = {node["id"] for node in nodes}
    return {"nodes": nodes, "edges": [edge for edge in edges if edge["source"] in known and edge["target"] in known]}


def _machine(machine: Mapping[str, Any], parent: str | None, nodes: list[Any], edges: list[Any]) -> None:
    for name, value in mapping(machine.get("States")).items():
        state = mapping(value)
        node = {"id": name, "type": str(state.get("Type", "?")), "parent": parent, "comment": state.get("Comment")}
        nodes.append({key: item for key, item in node.items() if item is not None})
        edges.extend(_edges(name, state, parent))
        for inner in _inner(state):
            _machine(inner, name, nodes, edges)


def _inner(state: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    branches = state.get("Branches")
    inner = list(branches) if isinstance(branches, list) else []
    inner += [state[key] for key in ("ItemProcessor", "Iterator") if key in state]
    return [item for item in inner if isinstance(item, Mapping)]


def _edges(name: str, state: Mapping[str, Any], parent: str | None) -> Iterator[dict[str, Any]]:
    def edge(target: object, kind: str, label: str | None = None) -> Iterator[dict[str, Any]]:
        if isinstance(target, str):
            yield {"source": name, "target": target, "kind": kind, **({"label": label} if label else {})}

    for rule in _objects(state.get("Choices")):
        yield from edge(rule.get("Next"), "choice", condition(rule))
    yield from edge(state.get("Default"), "default", "Default")
    yield from edge(state.get("Next"), "next")
    for catcher in _objects(state.get("Catch")):
        errors = catcher.get("ErrorEquals")
        names = ", ".join(str(item) for item in errors) if isinstance(errors, list) else ""
        yield from edge(catcher.get("Next"), "catch", names)
    if parent is None and (state.get("End") is True or state.get("Type") in ("Succeed", "Fail")):
        yield from edge(END, "next")


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


_SIGNS = {"Equals": "=", "LessThanEquals": "≤", "GreaterThanEquals": "≥", "LessThan": "<", "GreaterThan": ">"}
_KINDS = ("String", "Numeric", "Boolean", "Timestamp")


def condition(rule: Mapping[str, Any]) -> str:
    """A Choice rule in a few words, e.g. `blocked = true`."""
    if isinstance(rule.get("Condition"), str):
        return _short(str(rule["Condition"]).removeprefix("{%").removesuffix("%}").strip())
    for key, word in (("And", " and "), ("Or", " or ")):
        if isinstance(rule.get(key), list):
            parts = _objects(rule[key])
            # "present and equal to x" is the same as "equal to x".
            telling = [part for part in parts if part.get("IsPresent") is not True] if key == "And" else parts
            return _short(word.join(condition(part) for part in telling or parts))
    if isinstance(rule.get("Not"), Mapping):
        return _short(f"not ({condition(rule['Not'])})")
    # The last member is enough in a picture; the definition has the whole rule.
    variable = str(rule.get("Variable", "")).rpartition(".")[2]
    for key, value in rule.items():
        if key in ("Variable", "Next", "Comment", "Assign", "Output"):
            continue
        bare = key.removesuffix("Path")
        for kind in _KINDS:
            sign = _SIGNS.get(bare.removeprefix(kind)) if bare.startswith(kind) else None
            if sign:
                return _short(f"{variable} {sign} {_value(value)}")
        return _short(f"{variable} {key} {_value(value)}")
    return ""


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
