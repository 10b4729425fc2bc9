"""Markdown as trees of the few elements that the page may create, by markdown-it-py.

https://markdown-it-py.readthedocs.io/: maintained, typed, already installed with rich. The page gets no HTML, so there
is nothing to sanitise: HTML in a text stays text, and an element that is not in the tables below cannot be said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from stepguard.guard.errors import InvalidRequest

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

Tree = str | list[Any]
"""A text, or `[element, {attribute: value}, child, …]`."""

CHARACTERS = 100_000
"""So many characters of a request are parsed; what follows is shown as it is. An answer has at most 32,000 bytes."""

_ELEMENTS = {
    "paragraph": "p",
    "heading": "h",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
    "em": "em",
    "strong": "strong",
    "s": "s",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}
_WEB = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


def trees(document: Mapping[str, Any]) -> dict[str, list[list[Tree]]]:
    """`{trees: [blocks of a text, …]}` of `{texts: [text, …]}`. Raises InvalidRequest if it has no texts."""
    texts = document.get("texts")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest("The body must be a JSON object with a list of 'texts'.")
    sizes = accumulate(map(len, texts))
    return {
        "trees": [markdown(text) if size <= CHARACTERS else [text] for text, size in zip(texts, sizes, strict=True)]
    }


def markdown(text: str) -> list[Tree]:
    """The blocks of a text."""
    from markdown_it.tree import SyntaxTreeNode

    return _children(SyntaxTreeNode(_parser().parse(text)))


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable(["table", "strikethrough"])


def _children(node: SyntaxTreeNode) -> list[Tree]:
    """The children; a tight list's paragraphs have no element, and inline parts belong to their block."""
    return list(_joined(tree for child in node.children for tree in _trees(child)))


def _trees(node: SyntaxTreeNode) -> list[Tree]:
    kind = node.type
    if kind == "inline" or (kind == "paragraph" and node.hidden):
        return _children(node)
    if kind == "link":
        return [["a", {"href": str(node.attrs["href"])}, *_children(node)]] if _leads(node) else _children(node)
    if kind in _ELEMENTS:
        start = node.attrs.get("start") if kind == "ordered_list" else None
        return [[_ELEMENTS[kind], {} if start is None else {"start": int(start)}, *_children(node)]]
    if kind in ("fence", "code_block"):
        return [["pre", {}, ["code", {}, node.content]]]
    if kind == "code_inline":
        return [["code", {}, node.content]]
    if kind in ("hardbreak", "softbreak"):
        return [["br", {}] if kind == "hardbreak" else "\n"]
    if kind == "hr":
        return [["hr", {}]]
    # An image would be a request to another server: its description is all that is shown. All else is text.
    return [node.content]


def _leads(node: SyntaxTreeNode) -> bool:
    """Whether a link leads to the web or to a mailbox, so to no file, script or data."""
    return _WEB.match(str(node.attrs.get("href", ""))) is not None


def _joined(trees: Iterable[Tree]) -> Iterable[Tree]:
    """Neighbouring texts as one, without empty ones."""
    held = ""
    for tree in trees:
        if isinstance(tree, str):
            held += tree
            continue
        if held:
            yield held
            held = ""
        yield tree
    if held:
        yield held
