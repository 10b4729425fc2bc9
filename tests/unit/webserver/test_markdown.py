"""Markdown becomes trees of allowed elements, and never more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embedded_aws.wire import HttpRequest
from stepguard.webserver.markdown import CHARACTERS, markdown, trees
from stepguard.webserver.site import Site

ALLOWED = {
    "p", "h", "ul", "ol", "li", "blockquote", "em", "strong", "s", "table", "thead", "tbody", "tr", "th", "td", "a",
    "pre", "code", "br", "hr",
}  # fmt: skip


def elements(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The elements of a tree."""
    if isinstance(tree, str):
        return
    yield tree[0], tree[1]
    for child in tree[2:]:
        yield from elements(child)


def words(tree: Any) -> str:
    """The text of a tree."""
    return tree if isinstance(tree, str) else "".join(map(words, tree[2:]))


def post(body: bytes) -> tuple[int, Any]:
    """POST /ui/markdown."""
    response = Site().handle(HttpRequest("POST", "/ui/markdown", body=body))
    return response.status, json.loads(response.body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a *b* ~~d~~ `e<f`", [["p", {}, "a ", ["em", {}, "b"], " ", ["s", {}, "d"], " ", ["code", {}, "e<f"]]]),
        ("3. x\n4. y", [["ol", {"start": 3}, ["li", {}, "x"], ["li", {}, "y"]]]),
        ("- x\n\n- y", [["ul", {}, ["li", {}, ["p", {}, "x"]], ["li", {}, ["p", {}, "y"]]]]),
        ("```js\nx < 1\n```", [["pre", {}, ["code", {}, "x < 1\n"]]]),
        ("a\\\nb\nc", [["p", {}, "a", ["br", {}], "b\nc"]]),
        ("see [1] [it](https://a.example 't')", [["p", {}, "see [1] ", ["a", {"href": "https://a.example"}, "it"]]]),
        ("![picture](https://a.example/x.png)", [["p", {}, "picture"]]),
        ("<script>x</script>", [["p", {}, "<script>x</script>"]]),
        ("<b onclick=x>y</b>", [["p", {}, "<b onclick=x>y</b>"]]),
        ("", []),
    ],
)  # fmt: skip
def test_markdown_is_read(text: str, expected: list[Any]) -> None:
    """The usual marks; HTML and images stay text."""
    assert markdown(text) == expected


@pytest.mark.parametrize(
    "address",
    [
        "javascript:x", "JaVaScRiPt:x", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "//evil.example",
        "/executions", "#/x", "&#106;avascript:x",
    ],
)  # fmt: skip
def test_a_link_leads_to_the_web_or_nowhere(address: str) -> None:
    """No script, no data, no address of this server."""
    for text in (f"[x]({address})", f"[x]: {address}\n\n[x]", f"<{address}>"):
        assert "a" not in {name for tree in markdown(text) for name, _ in elements(tree)}, text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["<a>", "[x](", "javascript:", ")", "![", "|", "\n", "- ", "> ", "`", "**", "x", "&lt;", "    ", "1. "]
        ),
        max_size=30,
    )
)
def test_only_allowed_elements_exist(parts: list[str]) -> None:
    """Whatever the marks of a text are."""
    for tree in markdown("".join(parts)):
        for name, attributes in elements(tree):
            assert name in ALLOWED
            assert set(attributes) <= {"href", "start"}


def test_texts_beyond_the_limit_are_shown_as_they_are() -> None:
    """The work of a request is bounded, and nothing is lost."""
    made = trees({"texts": ["*a*", "*" * CHARACTERS, "*b*"]})["trees"]
    assert made == [[["p", {}, ["em", {}, "a"]]], ["*" * CHARACTERS], ["*b*"]]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"texts": "x"}', b'{"texts": [1]}', b"[" * 50_000])
def test_what_is_no_list_of_texts_is_a_400(body: bytes) -> None:
    """Never a traceback."""
    assert post(body)[0] == 400


def test_texts_are_posted() -> None:
    """The page's request."""
    assert post(b'{"texts": ["**x**", ""]}') == (200, {"trees": [[["p", {}, ["strong", {}, "x"]]], []]})
