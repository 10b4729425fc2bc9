"""JSONPath."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_ng.ext.parser import parse as parse_elsewhere

from local.asl.errors import PathError
from local.asl.paths import PathSyntaxError, insert, parse

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=2), inner),
    max_leaves=15,
)
STORE = {"book": [{"t": "a", "p": 8}, {"t": "b", "p": 12, "x": None}], "n": {"k'y": 1}}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.book[0].t", "a"),
        ("$.book[-1].t", "b"),
        ("$['n']['k\\'y']", 1),
        ("$.book[*].p", [8, 12]),
        ("$.book[0:1].t", ["a"]),
        ("$.book[0,1].t", ["a", "b"]),
        ("$..p", [8, 12]),
        ("$.book[?(@.p > 10)].t", ["b"]),
        ("$.book[?(@.p > 10 || @.t == 'a')].t", ["a", "b"]),
        ("$.book[?(@.t =~ /A/i)].p", [8]),
        ("$.book[?(@.x)].t", ["b"]),
        ("$.book[?(!(@.t in ['a']))].t", ["b"]),
        ("$.book.length()", 2),
        ("$.none[*]", []),
    ],
)
def test_paths_find_what_the_dialect_says(path: str, found: object) -> None:
    """Definite paths give the value, others a list."""
    assert parse(path).find(STORE) == found


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("$.no", "No results for path: $['no']"),
        ("$.no.such", "Missing property in path $['no']"),
        ("$.book[7]", "No results for path: $['book'][7]"),
    ],
)
def test_a_definite_path_to_nothing_says_where_it_ended(path: str, message: str) -> None:
    """The error texts are those that AWS shows."""
    with pytest.raises(PathError) as raised:
        parse(path).find(STORE)
    assert str(raised.value) == message


@pytest.mark.parametrize("text", ["", "a", "$.", "$[", "$.a[", "$.a[?(@.b ==)]", "$.a b", "$..", "$.a[::0]", "$.f()"])
def test_garbage_is_no_path(text: str) -> None:
    """A bad path is a PathSyntaxError, never another exception."""
    with pytest.raises(PathSyntaxError):
        parse(text)


@given(st.text("$@.[]'\"?()*:,abc019-~=<>!&|/ \\", max_size=30))
def test_the_parser_never_leaks_an_exception(text: str) -> None:
    """Whatever the text, parsing gives a path or PathSyntaxError, and evaluating it a value or PathError."""
    try:
        path = parse("$" + text)
    except PathSyntaxError:
        return
    try:
        path.find(STORE, STORE, {"a": STORE})
    except PathError:
        assert path.definite or path.function or path.variable


@given(JSON, st.sampled_from(["$.a", "$.a.b", "$.b.c.a", "$['ab']"]), JSON)
def test_what_is_inserted_is_found_again(data: Any, path: str, value: Any) -> None:
    """ResultPath and reading are inverse, and the input is left as it was."""
    before = repr(data)
    compiled = parse(path)
    try:
        changed = insert(compiled, data, value)
    except PathError:
        assert not isinstance(data, dict)
        return
    assert compiled.find(changed) == value
    assert repr(data) == before


STEPS = st.sampled_from([".a", ".b", "['c']", "[0]", "[1]", "[*]", ".*", "[0:2]", "..a"])


@given(JSON, st.lists(STEPS, min_size=1, max_size=4))
def test_paths_agree_with_another_library(data: Any, steps: list[str]) -> None:
    """jsonpath-ng, which moto uses, selects the same values in the same order, wherever something is found."""
    text = "$" + "".join(steps)
    compiled = parse(text)
    theirs = [match.value for match in parse_elsewhere(text).find(data)]
    try:
        found = compiled.find(data)
    except PathError:
        assert theirs == []
        return
    assert ([found] if compiled.definite else found) == theirs
