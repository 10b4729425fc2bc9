"""The differences between two JSON documents, and between two texts.

A JSON diff is a list of `{op, path, value?, before?}` with the operations and JSON Pointers of RFC 6902 and RFC 6901
(`add`, `remove`, `replace`); `before` is an addition. Lists are compared index by index: a state changes a member or
the end of a list, rarely its middle.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Any, Literal

Segment = tuple[Literal["=", "-", "+"], str]
WORDS = 3_000
"""More words than this are not aligned: the comparison takes quadratic time in the worst case."""

_TOKEN = re.compile(r"\{[A-Z0-9_]+\}|\w+|\s+|[^\w\s]")


def changes(before: Any, after: Any) -> list[dict[str, Any]]:
    """The operations that turn `before` into `after`, in an order that can be applied."""
    return list(_changes(before, after, ""))


def _changes(before: Any, after: Any, path: str) -> Iterator[dict[str, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key, value in before.items():
            if key not in after:
                yield {"op": "remove", "path": f"{path}/{_escaped(key)}", "before": value}
        for key, value in after.items():
            if key not in before:
                yield {"op": "add", "path": f"{path}/{_escaped(key)}", "value": value}
            else:
                yield from _changes(before[key], value, f"{path}/{_escaped(key)}")
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(len(before) - 1, len(after) - 1, -1):
            yield {"op": "remove", "path": f"{path}/{index}", "before": before[index]}
        for index, value in enumerate(after):
            if index >= len(before):
                yield {"op": "add", "path": f"{path}/{index}", "value": value}
            else:
                yield from _changes(before[index], value, f"{path}/{index}")
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after, "before": before}


def _same(before: Any, after: Any) -> bool:
    # In JSON true and 1 differ; in Python they are equal.
    return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def text_changes(before: str, after: str) -> list[Segment]:
    """The changes of a text, word by word: `=` was kept, `-` was removed, `+` was added.

    The `=` and `-` parts together are `before`, the `=` and `+` parts together are `after`.
    """
    if before == after:
        return [("=", before)] if before else []
    old, new = _TOKEN.findall(before), _TOKEN.findall(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    segments: list[Segment] = [("=", "".join(old[:head]))]
    if len(middle_old) > WORDS or len(middle_new) > WORDS:
        segments += [("-", "".join(middle_old)), ("+", "".join(middle_new))]
    else:
        for op, a, b, c, d in SequenceMatcher(None, middle_old, middle_new, autojunk=False).get_opcodes():
            if op == "equal":
                segments.append(("=", "".join(middle_old[a:b])))
            else:
                segments += [("-", "".join(middle_old[a:b])), ("+", "".join(middle_new[c:d]))]
    segments.append(("=", "".join(old[len(old) - tail :])))
    return _joined([segment for segment in segments if segment[1]])


def _joined(segments: list[Segment]) -> list[Segment]:
    """Merge changes that only white space separates."""
    joined: list[Segment] = []
    old = new = ""
    for position, (op, text) in enumerate(segments):
        between = old + new and op == "=" and text.isspace() and position + 1 < len(segments)
        if op == "=" and not between:
            joined += [*_change(old, new), ("=", text)]
            old = new = ""
            continue
        old += text if op != "+" else ""
        new += text if op != "-" else ""
    return [*joined, *_change(old, new)]


def _change(old: str, new: str) -> list[Segment]:
    both: list[Segment] = [("-", old), ("+", new)]
    return [segment for segment in both if segment[1]]


def masked_texts(segments: list[Segment]) -> dict[str, str]:
    """The raw values that a mask replaced, each with its placeholder's name: `{"a@b.example": "EMAIL"}`."""
    found = {}
    for (op, text), (next_op, mask) in pairwise(segments):
        name = _MASK.fullmatch(mask.strip())
        if op == "-" and next_op == "+" and name and text.strip():
            found[text.strip()] = name[1]
    return found


_MASK = re.compile(r"\{([A-Za-z0-9_ -]+)\}")


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a JSON object, otherwise an empty object."""
    return value if isinstance(value, Mapping) else {}
