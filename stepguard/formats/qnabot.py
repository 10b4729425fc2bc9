"""QnABot's import formats: `{"qna": [item, …]}`, and items one a line.

Fields and limits: https://github.com/aws-solutions/qnabot-on-aws, the schema of `qna` items (v7.4.0). An item
that needs what curated answers cannot do here is left out, with the reason: without its hook, or with a template that
is not filled in, the answer would not be the team's.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stepguard.guard.bank.model import MOST_QUESTIONS, Item, normalise
from stepguard.guard.errors import InvalidRequest

QUESTION_CHARACTERS = 1_000
ANSWER_CHARACTERS = 8_000
QID_CHARACTERS = 100
NO_HITS = "no_hits"
"""QnABot's question of the items that are answered when nothing is found (its setting ES_NO_HITS_QUESTION)."""

_TEMPLATE = re.compile(r"\{\{")
_LONE = re.compile("[\ud800-\udfff]")
_NEEDS = {
    "l": "a Lambda hook (l)",
    "slots": "slots",
    "enableQidIntent": "a separate intent in Lex (enableQidIntent)",
    "botRouting": "another bot (botRouting)",
    "elicitResponse": "a dialogue (elicitResponse)",
    "conditionalChaining": "a chain of items (conditionalChaining)",
    "kendraRedirectQueryText": "Amazon Kendra (kendraRedirectQueryText)",
    "kendraRedirectQueryArgs": "Amazon Kendra (kendraRedirectQueryArgs)",
    "clientFilterValues": "a filter of clients (clientFilterValues)",
}
"""Fields that change which answer is given or who gets it."""

_READ = frozenset({"qid", "q", "a", "alt", "t", "language", "type", "passage", *_NEEDS})
_STORED = frozenset(
    {"_id", "_score", "datetime", "questions", "quniqueterms", "a_vector", "selected", "select", "args"}
)
"""Fields that exports carry, with no meaning for the answer; `args` are those of a hook."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The items of a file. `left_out` are the qids that cannot be answered here, with the reason; `unused` counts the
    items with a field that has no effect here."""

    items: tuple[Item, ...]
    dont_know: tuple[Item, ...]
    left_out: tuple[tuple[str, str], ...]
    unused: Mapping[str, int]

    @property
    def questions(self) -> int:
        """The number of texts that are compared with a question."""
        return sum(len(item.texts) for item in self.items)


def read_import(text: str, name: str) -> Imported:
    """Read a file of curated answers. Raises InvalidRequest with every error that it has, at most twenty."""
    items: list[Item] = []
    dont_know: list[Item] = []
    left_out: list[tuple[str, str]] = []
    errors: list[str] = []
    unused: Counter[str] = Counter()
    for where, held in _entries(text, name):
        problems = _problems(held)
        if problems:
            qid = f" ({str(held['qid'])[:QID_CHARACTERS]})" if isinstance(held, Mapping) and held.get("qid") else ""
            errors += [f"{where}{qid}: {problem}" for problem in problems]
            continue
        if reason := _unsupported(held):
            left_out.append((str(held["qid"]), reason))
            continue
        unused.update(field for field, value in held.items() if value and field not in _READ | _STORED)
        item = _item(held)
        (dont_know if NO_HITS in map(str.casefold, item.questions) else items).append(item)
    errors += _conflicts(items, [item.qid for item in (*items, *dont_know)] + [qid for qid, _ in left_out])
    if errors:
        more = f"\n… and {len(errors) - 20} more" if len(errors) > 20 else ""
        raise InvalidRequest(f"{name} is not published:\n" + "\n".join(errors[:20]) + more)
    imported = Imported(tuple(items), tuple(dont_know), tuple(left_out), dict(sorted(unused.items())))
    if imported.questions > MOST_QUESTIONS:
        raise InvalidRequest(
            f"{name} has {imported.questions} questions; a bank of curated answers has at most {MOST_QUESTIONS}. Add "
            "larger collections to the knowledge base (stepguard knowledge add FOLDER)."
        )
    if not items and not dont_know:
        raise InvalidRequest(f"{name} has no answer that can be published{_first(left_out)}.")
    return imported


def _first(left_out: list[tuple[str, str]]) -> str:
    return f": {left_out[0][0]} {left_out[0][1]}" if left_out else ""


def _entries(text: str, name: str) -> Iterator[tuple[str, Any]]:
    """Each item and its place in the file."""
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise InvalidRequest(f"{name} is empty.")
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    except RecursionError:
        raise InvalidRequest(f"{name} is nested too deeply.") from None
    if isinstance(whole, Mapping) and "qna" in whole:
        whole = whole["qna"]
        if not isinstance(whole, list):
            raise InvalidRequest(f"{name}: qna is not a list of items.")
    if isinstance(whole, list):
        yield from ((f"item {number}", held) for number, held in enumerate(whole, 1))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError):
            raise InvalidRequest(
                f'{name}, line {number}: is not JSON. A file of curated answers is {{"qna": [item, …]}}, or one item '
                "in each line."
            ) from None


def _problems(held: Any) -> list[str]:
    if not isinstance(held, Mapping):
        return ["is not an object"]
    found = []
    qid = held.get("qid")
    if not isinstance(qid, str) or not qid or len(qid) > QID_CHARACTERS or re.search(r"\s", qid):
        found.append(f"qid must be a name without white space, of at most {QID_CHARACTERS} characters")
    found += [f"{field} must be a text" for field in ("t", "language", "type") if not _is_text(held.get(field) or "")]
    alternates = held.get("alt") or {}
    if not isinstance(alternates, Mapping) or not all(_is_text(value or "") for value in alternates.values()):
        found.append("alt must map markdown and ssml to texts")
    if _LONE.search(json.dumps(held, ensure_ascii=False)):
        found.append("holds half of a character (an unpaired surrogate)")
    kind = held.get("type") or "qna"
    return found if kind not in ("qna", "text") else [*found, *_text_problems(held, kind)]


def _text_problems(held: Mapping[str, Any], kind: str) -> list[str]:
    """What is wrong with the questions and the answer."""
    found = []
    questions = held.get("q") or []
    if not isinstance(questions, list) or not all(map(_is_text, questions)):
        found.append("q must be a list of questions")
    elif kind == "qna" and not any(question.strip() for question in questions):
        found.append("q has no question")
    elif any(len(question) > QUESTION_CHARACTERS for question in questions):
        found.append(f"a question has more than {QUESTION_CHARACTERS} characters")
    field = "passage" if kind == "text" else "a"
    answer = held.get(field)
    if not isinstance(answer, str) or not answer.strip():
        found.append(f"{field} has no text")
    elif len(answer) > ANSWER_CHARACTERS:
        found.append(f"{field} has more than {ANSWER_CHARACTERS} characters")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _unsupported(held: Mapping[str, Any]) -> str:
    """Why an item cannot be answered here; empty if it can."""
    kind = held.get("type") or "qna"
    if kind not in ("qna", "text"):
        return f"is of the type {kind}"
    needs = [what for field, what in _NEEDS.items() if _given(held.get(field))]
    if needs:
        return f"needs {', '.join(needs)}"
    texts = [held.get("a"), held.get("passage"), *(held.get("alt") or {}).values()]
    if any(isinstance(text, str) and _TEMPLATE.search(text) for text in texts):
        return "has a Handlebars template ({{…}}), and no template is run here"
    return ""


def _given(value: Any) -> bool:
    """Whether a field says anything: exports carry empty ones, and objects of empty texts."""
    if isinstance(value, Mapping):
        return any(map(_given, value.values()))
    if isinstance(value, list):
        return any(map(_given, value))
    return bool(value.strip()) if isinstance(value, str) else bool(value)


def _item(held: Mapping[str, Any]) -> Item:
    questions = [" ".join(question.replace('\\"', '"').split()) for question in held.get("q") or []]
    alternates = {name: text for name, text in (held.get("alt") or {}).items() if text}
    return Item(
        held["qid"],
        tuple(dict.fromkeys(question for question in questions if question)),
        str(held["passage"] if held.get("type") == "text" else held["a"]).strip(),
        str(held.get("t") or "").strip(),
        str(held.get("language") or "").strip(),
        alternates or None,
    )


def _conflicts(items: list[Item], qids: list[str]) -> list[str]:
    """A qid that is used twice, and a question that has two answers in the same language."""
    found = [f"{qid}: {count} items have this qid" for qid, count in Counter(qids).items() if count > 1]
    asked: dict[tuple[str, str], Item] = {}
    for item in items:
        for question in item.questions:
            first = asked.setdefault((normalise(question), item.language), item)
            if first is not item and first.answer != item.answer:
                found.append(f'{item.qid}: "{question}" is also a question of {first.qid}, with another answer')
    return found
