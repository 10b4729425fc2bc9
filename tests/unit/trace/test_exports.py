"""An execution as one HTML file: it says why, it holds no markup of others, it has a limit."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest

from stepguard.session.embedded import MACHINES
from stepguard.trace import read_history, to_document
from stepguard.trace.exports import page as pages
from stepguard.trace.exports.case import MACHINE
from stepguard.trace.exports.page import page
from tests.fakes.history import History, blocked_in_front, masked_question

MARKUP = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\x07"


class Elements(HTMLParser):
    """The names of the elements, their attributes and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def page_of(history: History) -> str:
    """The page of a history."""
    return page(to_document(read_history(history.events), "arn:aws:states:us-east-1:1:execution:m:x"))


def test_a_page_says_why() -> None:
    """The reason, the finding and how sure it was, the guardrail's message."""
    text = Elements(page_of(blocked_in_front())).text
    for words in ("Blocked before the model by", "PROMPT_ATTACK", "confidence HIGH", "No.", "GuardInput"):
        assert words in text


def test_masks_and_attempts_are_shown() -> None:
    """What was taken out, what is there instead; the error and the wait of the first attempt."""
    found = Elements(page_of(masked_question()))
    assert "waited 10 ms" in found.text
    assert "Throttled" in found.text
    assert {"del", "ins"} <= set(found.names)


def test_no_text_is_markup() -> None:
    """Neither in a question, an answer, an error nor the name of a state; no script, no address, no style attribute."""
    history = History({"kind": "prompt", "text": MARKUP, "caller": MARKUP})
    history.stage(MARKUP, MARKUP, (MARKUP,), outcome=MARKUP, text=MARKUP)
    history.add("ExecutionFailed", error=MARKUP, cause=MARKUP)
    text = page_of(history)
    found = Elements(text)
    assert {"script", "img"}.isdisjoint(found.names)
    assert found.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope", "href", "id"}
    assert "\u202e" not in text
    assert "\x07" not in text
    assert "default-src 'none'" in text


@pytest.mark.parametrize("piece", ["x", '"', "<", "\u4e2d"])
def test_a_page_fits_the_reply_of_a_lambda(monkeypatch: pytest.MonkeyPatch, piece: str) -> None:
    """Large states are left out in words; the reply is the page as JSON."""
    monkeypatch.setattr(pages, "BYTES", 100_000)
    history = History({"kind": "prompt", "text": piece * 30_000, "caller": "me"})
    for number in range(5):
        history.stage(f"State{number}", f"key{number}", outcome="passed", text=piece * 20_000)
    text = page_of(history)
    assert "too large" in text
    assert len(json.dumps({"page": text})) < 500_000


def test_the_mocks_are_for_the_embedded_chat() -> None:
    """The name of its state machine."""
    assert MACHINES[0] == MACHINE
