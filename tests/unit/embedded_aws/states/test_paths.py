"""JSONPath."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonpath_ng.ext.parser import parse as parse_elsewhere

from embedded_aws.states.language import regexes
from embedded_aws.states.language.errors import FaultError, PathError
from embedded_aws.states.language.path_segments import PathSyntaxError, insert
from embedded_aws.states.language.paths import parse

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


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.book.[0].t", "a"),
        ("$.book.[?(@.p > 10)].t", ["b"]),
        ("$.book.[*].['t','p']", [{"t": "a", "p": 8}, {"t": "b", "p": 12}]),
        ("$.book[?(@.t == a)].p", [8]),
        ("$.book[?(@.t==b && @.p == 12)].p", [12]),
        ("$.book[0].t ", "a"),
        ("$.book[?(@.t != null)].p", [8, 12]),
    ],
)
def test_paths_are_read_as_published_definitions_write_them(path: str, found: object) -> None:
    """A dot before a bracket, texts without quotes, blanks at the end: aws-samples/step-functions-workflows-collection,
    aws-samples/aws-stepfunctions-examples."""
    assert parse(path).find(STORE) == found


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


OPERATORS = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}
COMPARISON = st.tuples(st.sampled_from(sorted(OPERATORS)), st.integers(-3, 3))


@given(
    st.lists(st.fixed_dictionaries({"p": st.integers(-3, 3), "t": st.sampled_from("xy")}), max_size=5),
    COMPARISON,
    st.sampled_from(["&&", "||"]),
    st.sampled_from("xy"),
    st.booleans(),
    st.sampled_from(["", " ", "\t "]),
)
def test_filters_need_no_blanks(
    items: list[dict[str, Any]], first: tuple[str, int], joint: str, kind: str, negated: bool, blank: str
) -> None:
    """What Python says of the same comparisons, however they are spaced."""
    name, number = first
    parts = ["@.p", name, str(number), joint, "!(" if negated else "(", "@.t", "==", f"'{kind}'", ")"]
    path = f"$.b[?({blank.join(parts)})]"

    def holds(item: dict[str, Any]) -> bool:
        left, right = OPERATORS[name](item["p"], number), (item["t"] == kind) is not negated
        return left and right if joint == "&&" else left or right

    assert parse(path).find({"b": items}) == [item for item in items if holds(item)]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$.book[?(@.p<10)].t", ["a"]),
        ("$.book[?(@.t=~/A/i)].t", ["a"]),
        ("$.book[?(!@.x&&@.p)].t", ["a"]),
        ("$.book[?(@.p in[12])].t", ["b"]),
        ("$.book[?(@.p<$.n.max)].t", ["a"]),
        ("$.book[?(@.n[?(@.a>1&&@.b<9)].c=='x')]", []),
    ],
)
def test_names_in_filters_end_at_operators(path: str, found: object) -> None:
    """Paths of the root and filters inside filters, too."""
    assert parse(path).find({**STORE, "n": {"max": 10}}) == found


def test_outside_filters_names_may_hold_operators() -> None:
    """As before: only there is nothing to mistake them for."""
    assert parse("$.a=b").find({"a=b": 1}) == 1


def test_a_filters_expression_cannot_freeze_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pattern of exponential time fails the state at its time limit."""
    monkeypatch.setattr(regexes, "SECONDS", 0.05)
    path = parse("$.b[?(@ =~ /(a|aa)+$/)]")
    assert path.find({"b": ["aaa", "ab", 1]}) == ["aaa"]
    with pytest.raises(FaultError, match="took more than"):
        path.find({"b": ["a" * 60 + "!"]})


@pytest.mark.parametrize("pattern", ["(", "a{2,1}", "[z-a]"])
def test_a_filters_malformed_expression_is_a_syntax_error(pattern: str) -> None:
    """Of the path that holds it."""
    with pytest.raises(PathSyntaxError, match="regular expression"):
        parse(f"$[?(@ =~ /{pattern}/)]")
